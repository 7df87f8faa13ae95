"""Triangles, clustering, squares and the triadic census equal networkx's."""

from itertools import combinations, permutations

import networkx as nx
import numpy as np

from circuitgraph.graphs import clustering, threads
from circuitgraph.graphs.arrays import Arrays
from circuitgraph.graphs.census import TRIADS, triadic_census
from circuitgraph.graphs.pairs import pairs


def test_clustering_is_networkx_clustering(sample, same):
    same(clustering.clustering(sample.arrays), nx.clustering(sample.graph))
    same(clustering.clustering(sample.weighted), nx.clustering(sample.graph, weight="weight"))


def test_some_nodes_are_measured_as_all_are(sample, large):
    for one in (sample, large):
        some = list(range(0, one.arrays.n, 3))
        for a in (one.arrays, one.weighted):
            np.testing.assert_allclose(clustering.clustering(a, some), clustering.clustering(a)[some], rtol=1e-12)
            np.testing.assert_array_equal(clustering.triangles(a, some), clustering.triangles(a)[some])


def test_transitivity_is_networkx_transitivity(sample):
    assert abs(clustering.transitivity(sample.arrays) - nx.transitivity(sample.graph)) < 1e-12


def test_triangles_and_squares_are_networkx_counts(sample, same):
    if not sample.graph.is_directed():
        same(clustering.triangles(sample.arrays), nx.triangles(sample.graph))
        same(clustering.square_clustering(sample.arrays), nx.square_clustering(sample.graph))


def test_clustering_of_unequal_degrees_is_networkx_clustering(large, same):
    same(clustering.clustering(large.weighted), nx.clustering(large.graph, weight="weight"))


def test_clustering_does_not_depend_on_the_number_of_threads(large, monkeypatch):
    found = []
    for n in (1, 5):
        monkeypatch.setattr(threads, "n_threads", lambda n=n: n)
        found.append(clustering.clustering(large.arrays))
    np.testing.assert_array_equal(*found)


def test_the_census_is_networkx_census(sample):
    if sample.graph.is_directed():
        expected = nx.triadic_census(sample.graph)
        assert dict(zip(TRIADS, triadic_census(sample.arrays).tolist(), strict=True)) == expected


def test_the_census_of_unequal_degrees_is_networkx_census(large):
    assert triadic_census(large.arrays).tolist() == list(nx.triadic_census(large.graph).values())


def test_every_triad_is_told_from_the_others():
    for name in TRIADS[1:]:
        graph = nx.triad_graph(name)
        index = {v: i for i, v in enumerate(graph)}
        ends = np.array([(index[u], index[v]) for u, v in graph.edges()])
        census = triadic_census(Arrays.from_edges(3, ends[:, 0], ends[:, 1]))
        assert census.tolist() == [int(t == name) for t in TRIADS]


def test_the_triples_add_up(sample):
    n = sample.arrays.n
    assert triadic_census(sample.arrays).sum() == n * (n - 1) * (n - 2) // 6


def test_transitive_triples_are_those_a_loop_counts(large):
    edges = set(large.graph.edges())
    nodes = list(large.graph)[:40]
    part = large.graph.subgraph(nodes)
    index = {v: i for i, v in enumerate(nodes)}
    ends = np.array([(index[u], index[v]) for u, v in part.edges()])
    found = clustering.transitivity(Arrays.from_edges(len(nodes), ends[:, 0], ends[:, 1]))
    closed = sum({(i, j), (i, k), (j, k)} <= edges for i, j, k in permutations(nodes, 3))
    possible = sum(d * (d - 1) for _, d in part.out_degree())
    assert abs(found - closed / possible) < 1e-12


def test_links_say_in_which_direction_two_nodes_are_linked(sample):
    linked, dense = pairs(sample.arrays).toarray(), sample.arrays.matrix.toarray() != 0
    for i, j in combinations(range(sample.arrays.n), 2):
        expected = 3 * dense[i, j] if not sample.arrays.directed else dense[i, j] + 2 * dense[j, i]
        assert linked[i, j] == expected


def test_parts_cover_all_nodes_once():
    rng = np.random.default_rng(0)
    for n in (0, 1, 2, 7, 100):
        for k in (1, 2, 3, 16):
            runs = threads.parts(rng.integers(0, 50, n), k)
            assert [i for low, high in runs for i in range(low, high)] == list(range(n))
            assert len(runs) <= k
