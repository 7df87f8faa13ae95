"""Graph convolutions of PyG."""

import dataclasses
from typing import Any

import numpy as np
from torch import nn

from circuitgraph.exchange.build import Build, Signal, bias_of, numbers, refuse
from circuitgraph.topologies import GraphConv


def graph_conv(build: Build, at: str, m: nn.Module, x: Signal, edges: list[Any], n_options: int) -> Signal:
    """Read PyG's GCNConv: the edges, taken from the example, become structure."""
    layer: Any = m
    if type(m).__name__ != "GCNConv":
        refuse(f"{at} ({type(m).__name__})", "a graph layer without fixed coefficients", "use GCNConv")
    if len(edges) != 1 or edges[0] is None or n_options:
        refuse(f"{at} (GCNConv)", "edge weights, or edges that are computed", "call it with (x, edge_index) alone")
    if layer.improved or layer.normalize != layer.add_self_loops or layer.flow != "source_to_target":
        refuse(f"{at} (GCNConv)", "improved, or self loops without normalisation", "use normalize=True, improved=False")
    edge_index = edges[0].cpu().numpy()
    if edge_index.ndim != 2 or len(edge_index) != 2:
        refuse(f"{at} (GCNConv)", f"edges of shape {edge_index.shape}", "give edge_index (2, edges)")
    pre, post = np.unique(edge_index.T, axis=0).T
    if len(pre) < edge_index.shape[1]:
        refuse(f"{at} (GCNConv)", "an edge that comes twice", "merge it: torch_geometric.utils.coalesce")
    norm = "symmetric" if layer.normalize else "sum"
    law = GraphConv(pre, post, norm, bool(layer.add_self_loops))  # type: ignore[arg-type]
    name = build.layer(x.population, at, law, numbers(layer.lin.weight).ravel(), bias_of(layer), layer.out_channels)
    return dataclasses.replace(x, population=name, open=True)
