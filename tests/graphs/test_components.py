"""Components, blocks and cores equal networkx's, in its order."""

import networkx as nx
import numpy as np

from circuitgraph.graphs import components, cores
from circuitgraph.graphs.degrees import n_loops


def named(sample, members):
    return [{sample.names[i] for i in part} for part in members]


def test_weak_components_come_in_networkx_order(sample):
    find = nx.weakly_connected_components if sample.graph.is_directed() else nx.connected_components
    assert named(sample, components.weak(sample.arrays).members) == list(find(sample.graph))


def test_strong_components_come_in_networkx_order(sample):
    if sample.graph.is_directed():
        parts = components.strong(sample.arrays)
        assert named(sample, parts.members) == list(nx.strongly_connected_components(sample.graph))
        assert parts.sizes.sum() == sample.arrays.n


def test_a_path_of_many_nodes_does_not_overflow_the_stack():
    n = 200_000
    chain = components.Arrays.from_edges(n, np.arange(n - 1), np.arange(1, n))
    assert components.strong(chain).labels.tolist() == list(range(n))[::-1]


def test_edges_between_strong_components_lead_to_lower_numbers(sample):
    if sample.graph.is_directed():
        parts = components.strong(sample.arrays)
        pre, post = components.condensed(sample.arrays, parts)
        assert (pre > post).all()
        assert sorted(zip(pre.tolist(), post.tolist(), strict=True)) == sorted(nx.condensation(sample.graph).edges())


def test_blocks_and_articulation_points_come_in_networkx_order(sample):
    if sample.graph.is_directed():
        return
    found = components.biconnected(sample.arrays)
    names = sample.names
    groups = [[(names[i], names[j]) for i, j in zip(*group, strict=True)] for group in found.groups]
    assert groups == list(nx.biconnected_component_edges(sample.graph))
    assert [names[i] for i in found.cuts] == list(nx.articulation_points(sample.graph))


def test_bridges_are_networkx_bridges(sample):
    if not sample.graph.is_directed():
        a = sample.arrays
        kept = components.bridges(a) & (a.pre <= a.post)
        ends = zip(a.pre[kept].tolist(), a.post[kept].tolist(), strict=True)
        assert [(sample.names[i], sample.names[j]) for i, j in ends] == list(nx.bridges(sample.graph))


def test_cores_and_onion_layers_are_networkx(sample, same):
    if n_loops(sample.arrays):
        return
    same(cores.core_numbers(sample.arrays), nx.core_number(sample.graph))
    if not sample.graph.is_directed():
        layers = nx.onion_layers(sample.graph)
        same(cores.onion_layers(sample.arrays), {v: layers[v] for v in sample.graph})


def test_cores_of_unequal_degrees_are_networkx(large, same):
    same(cores.core_numbers(large.arrays), nx.core_number(large.graph))
