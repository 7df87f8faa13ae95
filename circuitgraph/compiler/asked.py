"""A live network stands for the graph of its units, with the weights that it has at the moment of the question."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from circuitgraph.ir import Circuit
from circuitgraph.ir.asked import Asked, Graphs

if TYPE_CHECKING:
    from circuitgraph.views.graph import Graph
    from circuitgraph.views.pairs import Level


class _Heard:
    """The last snapshot and its graphs; a copy of the network begins without them."""

    def __init__(self) -> None:
        self.structure, self.circuit = Circuit(), Circuit()
        self.graphs: dict[Any, tuple[Circuit, Graph]] = {}

    def __reduce__(self) -> tuple[type[_Heard], tuple[()]]:
        return _Heard, ()


class AskedNetwork(Asked):
    """What networkx may ask of a network.  Structure is read once, weights whenever one of them has changed.

    Example:
        >>> import torch, networkx as nx, circuitgraph as cg
        >>> net = cg.compile(cg.Circuit().add("x", 2).connect("x", "y", cg.Dense(), units=1, weight=1.0))
        >>> net.graph()["x", 0]["y", 0]["weight"]
        1.0
        >>> net.weights["x->y"].data[0] = 3.0
        >>> net.graph()["x", 0]["y", 0]["weight"], nx.to_numpy_array(net)[0, 2].item()
        (3.0, 3.0)
    """

    circuit: Circuit
    weights: nn.ParameterDict
    _heard: _Heard | None = None

    @abstractmethod
    def snapshot(self) -> Circuit:
        """Bring weights and memory home."""

    @property
    def graph(self) -> Graphs:
        """Call it for the network as a graph: `net.graph(level)` is as `circuit.graph`, with weights as they are."""
        return Graphs(self.circuit.attributes, self._graph)

    def _graph(self, level: Level = "unit", **options: Any) -> Any:
        # networkx takes longer to import than most networks to compile.
        from circuitgraph.views.graph import graph_of, reweighted

        heard, key = self._listen(), (level, *sorted(options.items()))
        of, graph = heard.graphs.get(key, (None, None))
        if graph is None:
            graph = graph_of(heard.circuit, level, **options)
        elif of is not heard.circuit:
            graph = reweighted(graph, heard.circuit, level=level, **options)
        heard.graphs[key] = heard.circuit, graph
        return graph

    def _listen(self) -> _Heard:
        """Bring home what has changed; graphs of the same structure stay, to lend it."""
        heard = self._heard or _Heard()
        if heard.structure is not self.circuit:
            heard.graphs.clear()
        if heard.structure is not self.circuit or not self._still(heard.circuit):
            heard.structure, heard.circuit = self.circuit, self.snapshot()
        self._heard = heard
        return heard

    def _still(self, before: Circuit) -> bool:
        """Tell whether weights are what they were: by value, for not every way to write to them leaves a trace."""
        return all(np.array_equal(p.weight, home(self.weights[p.name])) for p in before.projections)


def home(t: Tensor) -> np.ndarray:
    """Copy a tensor to an array of the host; narrow types become float32."""
    t = t.detach().cpu()
    narrow = t.is_floating_point() and t.dtype not in (torch.float32, torch.float64)
    return np.array((t.float() if narrow else t).numpy())
