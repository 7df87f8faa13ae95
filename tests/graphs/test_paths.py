"""Searches, shortest paths and betweenness equal networkx's, in its order."""

from itertools import pairwise

import networkx as nx
import numpy as np
import pytest

from circuitgraph.errors import NumericError
from circuitgraph.graphs import between, orders, paths
from circuitgraph.graphs.arrays import Arrays


def test_breadth_first_search_goes_networkx_way(sample):
    for i, v in enumerate(sample.names[:6]):
        found = paths.breadth_first(sample.arrays, np.array([i]))
        named = {sample.names[k]: [sample.names[j] for j in found.path(int(k))] for k in found.order}
        expected = nx.single_source_shortest_path(sample.graph, v)
        assert list(named.items()) == list(expected.items())


def test_depth_first_search_goes_networkx_way(sample):
    for i, v in enumerate(sample.names[:6]):
        preorder, postorder, before = paths.depth_first(sample.arrays, np.array([i]))
        assert [sample.names[k] for k in preorder] == list(nx.dfs_preorder_nodes(sample.graph, v))
        assert [sample.names[k] for k in postorder] == list(nx.dfs_postorder_nodes(sample.graph, v))
        edges = [(sample.names[before[k]], sample.names[k]) for k in preorder[1:]]
        assert edges == list(nx.dfs_edges(sample.graph, v))


def test_dijkstra_settles_nodes_in_networkx_order(sample):
    for i, v in enumerate(sample.names[:6]):
        found = paths.dijkstra(sample.weighted, np.array([i]))
        distance, ways = nx.single_source_dijkstra(sample.graph, v)
        assert [(sample.names[k], found.distance[k]) for k in found.order] == list(distance.items())
        assert {sample.names[k]: [sample.names[j] for j in found.path(int(k))] for k in found.order} == ways


def test_dijkstra_stops_at_the_target_and_at_the_cutoff():
    chain = Arrays.from_edges(4, np.arange(3), np.arange(1, 4), np.ones(3))
    assert paths.dijkstra(chain, np.array([0]), target=2).order.tolist() == [0, 1, 2]
    assert paths.dijkstra(chain, np.array([0]), cutoff=1.0).order.tolist() == [0, 1]


def test_dijkstra_refuses_a_way_that_gets_shorter():
    a = Arrays.from_edges(3, np.array([0, 0, 1]), np.array([1, 2, 2]), np.array([2.0, 1.0, -5.0]))
    with pytest.raises(NumericError, match="negative weights"):
        paths.dijkstra(a, np.array([0]))


def test_a_search_from_both_ends_finds_a_shortest_path(sample):
    for i, v in enumerate(sample.names[:5]):
        for j, w in enumerate(sample.names):
            way = paths.shortest(sample.arrays, i, j)
            try:
                expected = nx.bidirectional_shortest_path(sample.graph, v, w)
            except nx.NetworkXNoPath:
                expected = []
            assert len(way) == len(expected)
            assert all(sample.graph.has_edge(sample.names[p], sample.names[q]) for p, q in pairwise(way))


@pytest.mark.parametrize("weight", [None, "weight"])
def test_betweenness_is_networkx_betweenness(sample, same, weight):
    a = sample.arrays if weight is None else sample.weighted
    twice = 1 if a.directed else 2
    expected = nx.betweenness_centrality(sample.graph, weight=weight, normalized=False)
    same(between.betweenness(a) / twice, expected)
    found = between.edge_betweenness(a) / twice
    kept = slice(None) if a.directed else a.pre <= a.post
    same(found[kept], nx.edge_betweenness_centrality(sample.graph, weight=weight, normalized=False))


@pytest.mark.parametrize("weight", [None, "weight"])
def test_a_sweep_sums_all_distances(sample, weight):
    found = paths.sweep(sample.arrays if weight is None else sample.weighted)
    for i, v in enumerate(sample.names):
        distance = [*nx.shortest_path_length(sample.graph, v, weight=weight).values()]
        assert found.reached[i] == len(distance)
        assert found.total[i] == pytest.approx(sum(distance))
        assert found.farthest[i] == max(distance)
        assert found.inverse[i] == pytest.approx(sum(1 / d for d in distance if d))


def test_generations_are_networkx_generations(sample):
    graph = nx.DiGraph((u, v) for u, v in sample.graph.edges() if u < v)
    index = {v: i for i, v in enumerate(graph)}
    ends = np.array([(index[u], index[v]) for u, v in graph.edges()], np.int64).reshape(-1, 2)
    found, acyclic = orders.generations(Arrays.from_edges(len(graph), ends[:, 0], ends[:, 1]))
    assert acyclic
    assert [part.tolist() for part in found] == [[index[v] for v in g] for g in nx.topological_generations(graph)]


def test_a_cycle_leaves_nodes_over():
    found, acyclic = orders.generations(Arrays.from_edges(3, np.array([0, 1, 2]), np.array([1, 2, 1])))
    assert not acyclic
    assert [part.tolist() for part in found] == [[0]]


@pytest.mark.parametrize("lengths", [(3,), (4, 6), (2, 3)])
def test_the_period_divides_every_cycle(lengths):
    graph = nx.DiGraph()
    for k, n in enumerate(lengths):
        nx.add_cycle(graph, [0, *((k, i) for i in range(n - 1))])
    index = {v: i for i, v in enumerate(graph)}
    ends = np.array([(index[u], index[v]) for u, v in graph.edges()])
    assert orders.period(Arrays.from_edges(len(graph), ends[:, 0], ends[:, 1])) == np.gcd.reduce(lengths)
