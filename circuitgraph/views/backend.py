"""The networkx backend: networkx's own functions, given a circuit, run here; nothing has to be configured.

What is native runs on arrays.  Every other function is networkx's own, on a networkx graph that is made once.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import networkx as nx
from networkx.utils.backends import _dispatchable, _registered_algorithms

from circuitgraph.errors import StructureError
from circuitgraph.views.backend_tests import EXCLUDED, EXCLUDED_CONVERTED
from circuitgraph.views.graph import Graph
from circuitgraph.views.native import NATIVE

_QUICK_MODULES = ("native_degrees", "native_matrices", "native_search", "native_components", "native_orders")
# networkx answers these in about the time that it takes to read its graph: no reason to convert one.
_QUICK = frozenset(name for name, function in NATIVE.items() if function.__module__.endswith(_QUICK_MODULES))

# networkx says of these, too, that they change their graph; but what is asked for is what they return.
_ANSWERS = frozenset({
    "asadpour_atsp", "held_karp_ascent", "incremental_closeness_centrality", "maximum_spanning_arborescence",
    "minimal_branching", "minimum_branching", "minimum_spanning_arborescence", "recursive_simple_cycles",
})  # fmt: skip

# networkx reads weights in these without saying so, and has none converted.
_READ_WEIGHTS = frozenset({
    "bethe_hessian_matrix", "bethe_hessian_spectrum", "communicability", "communicability_exp", "estrada_index",
    "subgraph_centrality",
})  # fmt: skip


class Backend:
    """What networkx asks: one attribute per function, conversions, and whether to run.

    Example:
        >>> import circuitgraph as cg
        >>> c = cg.Circuit().add("x", 2).connect("x", "y", cg.Dense(), units=1)
        >>> nx.betweenness_centrality(c)
        {('x', 0): 0.0, ('x', 1): 0.0, ('y', 0): 0.0}
    """

    native = NATIVE

    def __getattr__(self, name: str) -> Any:
        known = _registered_algorithms.get(name)
        if known is None or name.startswith("_") or name.endswith("__new__") or not known.graphs:
            raise AttributeError(f"backend circuitgraph: no function {name!r} that takes a graph")
        if name not in self.native and "networkx" not in known.backends:
            raise AttributeError(f"backend circuitgraph: {name!r} is neither ours nor networkx's")
        return partial(self._call, known)

    def _call(self, known: Any, /, *args: Any, **kwargs: Any) -> Any:
        if known.name in _ANSWERS:
            return _run(known, _own_networkx, args, kwargs)
        if _mutates(known, args, kwargs):
            mend = "G = circuitgraph.to_networkx(circuit) gives a graph that can be changed"
            raise StructureError(
                f"networkx.{known.name}: changes its graph (got a circuit, which never changes); {mend}"
            )
        if known.name in self.native:
            try:
                return self.native[known.name](*_mapped(_graph, args), **_mapped_values(_graph, kwargs))
            except NotImplementedError:
                if "networkx" not in known.backends:
                    raise
        # A function that returns a graph may return the very one it was given: never the one that is kept.
        if not known._returns_graph:
            try:
                return _run(known, _networkx, args, kwargs)
            except nx.NetworkXError as error:
                if "Frozen graph" not in str(error):
                    raise
        # And a few write to their graph and take it back, which they may on one of their own.
        return _run(known, _own_networkx, args, kwargs)

    def convert_from_nx(
        self,
        graph: Any,
        *,
        edge_attrs: Mapping[str, Any] | None = None,
        node_attrs: Mapping[str, Any] | None = None,
        preserve_edge_attrs: bool = False,
        preserve_node_attrs: bool = False,
        preserve_graph_attrs: bool = False,
        name: str | None = None,
        graph_name: str | None = None,
    ) -> Graph:
        """Read a networkx graph with the attributes that a function asks for.

        Raises:
            NotImplementedError: a multigraph, or what is no graph; networkx then goes on by itself.
        """
        # Some of networkx's own classes work their edges out, and hold others than they say.
        if getattr(type(graph), "adjacency", None) is not nx.Graph.adjacency:
            raise NotImplementedError(f"{name}: not a networkx graph (got {type(graph).__name__})")
        nodes, edges = preserve_node_attrs or dict(node_attrs or {}), preserve_edge_attrs or dict(edge_attrs or {})
        try:
            return Graph.from_networkx(graph, nodes=nodes, edges=edges)
        except StructureError as error:  # an array among the attributes
            raise NotImplementedError(str(error)) from error

    def convert_to_nx(self, given: Any, *, name: str | None = None) -> Any:
        """Make a networkx graph of ours; anything else is returned as it is."""
        return _own_networkx(given)

    def can_run(self, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool | str:
        """Say yes to everything about circuits, and about networkx's graphs to what is native."""
        given = [*_graphs_among([*args, *kwargs.values()])]
        if any(map(_is_ours, given)):
            return True
        if any(g.is_multigraph() for g in given):
            return "a multigraph is not held"
        if name in _READ_WEIGHTS and any("weight" in d for g in given for _, _, d in g.edges(data=True)):
            return "networkx converts no weights for this function"
        if name in self.native:
            return True
        known = _registered_algorithms[name]
        if nx.config.backends.circuitgraph.convert_all and not _mutates(known, args, kwargs):
            return True
        return "networkx runs this itself"

    def should_run(self, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool | str:
        """Refuse to convert where networkx is as fast by itself: what is not native, or quick, and small graphs."""
        given = [*_graphs_among([*args, *kwargs.values()])]
        if name not in self.native and not any(map(_is_ours, given)):
            return "networkx runs this itself"
        if all(map(_is_ours_or_read, given)):
            return True
        if name in _QUICK:
            return "networkx is as fast without a conversion"
        size = sum(g.number_of_edges() for g in given)
        least = nx.config.backends.circuitgraph.min_edges
        return True if size >= least else f"only {size} edges, fewer than min_edges={least}"

    @staticmethod
    def on_start_tests(items: list[Any]) -> None:
        """Mark those of networkx's own tests that cannot hold here, each with its reason."""
        import pytest

        all_converted = nx.config.backends.circuitgraph.convert_all
        excluded = {**EXCLUDED, **(EXCLUDED_CONVERTED if all_converted else {})}
        for item in items:
            for ending, reason in excluded.items():
                if item.nodeid.endswith(ending):
                    item.add_marker(pytest.mark.xfail(reason=reason, strict=True))


def _run(known: Any, change: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    return known.orig_func(*_mapped(change, args), **_mapped_values(change, kwargs))


def _mutates(known: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    return bool(_dispatchable._will_call_mutate_input(known, args, kwargs))


def _is_ours(given: Any) -> bool:
    return getattr(given, "__networkx_backend__", None) == "circuitgraph"


def _is_ours_or_read(given: Any) -> bool:
    kept = getattr(given, "__networkx_cache__", None) or {}
    return _is_ours(given) or bool(kept.get("backends", {}).get("circuitgraph"))


def _graph(given: Any) -> Any:
    """Give a circuit's or a network's graph; graphs of networkx among them are read."""
    if _is_ours(given):
        return given if isinstance(given, Graph) else given.graph()
    if isinstance(given, nx.Graph):
        return Graph.from_networkx(given)
    return given


def _networkx(given: Any) -> Any:
    return _graph(given).kept_networkx if _is_ours(given) else given


def _own_networkx(given: Any) -> Any:
    return _graph(given).to_networkx() if _is_ours(given) else given


def _mapped(change: Any, args: tuple[Any, ...]) -> list[Any]:
    # Lists of graphs are lists by now: networkx reads them before it dispatches.
    return [[change(v) for v in arg] if type(arg) is list and any(map(_is_ours, arg)) else change(arg) for arg in args]


def _mapped_values(change: Any, kwargs: Mapping[str, Any]) -> dict[str, Any]:
    return dict(zip(kwargs, _mapped(change, tuple(kwargs.values())), strict=True))


def _graphs_among(given: list[Any]) -> Iterator[Any]:
    for one in given:
        if isinstance(one, nx.Graph) or _is_ours(one):
            yield one
        elif type(one) in (list, tuple):
            yield from (g for g in one if isinstance(g, nx.Graph) or _is_ours(g))


backend_interface = Backend()
