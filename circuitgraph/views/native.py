"""All functions of networkx that run on our own arrays, by the name that networkx dispatches."""

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from types import MappingProxyType
from typing import Any

from circuitgraph.views import (
    native_clusters,
    native_communities,
    native_components,
    native_degrees,
    native_distances,
    native_matrices,
    native_mixing,
    native_orders,
    native_paths,
    native_ranks,
    native_search,
)

Native = Callable[..., Any]

_MODULES = (
    native_degrees, native_ranks, native_components, native_search, native_paths, native_distances, native_clusters,
    native_communities, native_mixing, native_matrices, native_orders,
)  # fmt: skip
_WEIGHTS = ("weight", "distance")


def guarded(function: Native, accepts: Callable[..., bool | str] | None = None) -> Native:
    """Refuse, before anything is computed, what only networkx can do: weights that are functions or no numbers, ...

    Raises:
        NotImplementedError: with what is refused.

    Example:
        >>> from circuitgraph.views.graph import Graph
        >>> guarded(native_ranks.pagerank)(Graph.from_edges("ab", [0, 1], [1, 0]))
        {'a': 0.5, 'b': 0.5}
    """
    signature = inspect.signature(function)
    weight = next(
        (p.name for p in signature.parameters.values() if p.name in _WEIGHTS and p.default is not p.empty), None
    )

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        said = accepts(*args, **kwargs) if accepts else True
        if said is not True:
            raise NotImplementedError(f"{function.__name__}: {said}; networkx runs this itself")
        if weight:
            given = signature.bind(*args, **kwargs)
            given.apply_defaults()
            _check_weight(function.__name__, given.args[0], given.arguments[weight])
        return function(*args, **kwargs)

    return call


def _check_weight(name: str, graph: Any, weight: Any) -> None:
    if not (weight is None or isinstance(weight, str)):
        raise NotImplementedError(f"{name}: weight is no attribute's name (got {weight!r}); networkx runs this itself")
    graph.arrays(weight)


NATIVE: Mapping[str, Native] = MappingProxyType(
    {f.__name__: guarded(f, module.CAN_RUN.get(f.__name__)) for module in _MODULES for f in module.NATIVE}
)
