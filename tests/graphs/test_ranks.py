"""Ranks by eigenvectors and votes equal networkx's."""

import networkx as nx
import numpy as np
import pytest

from circuitgraph.graphs import ranks
from circuitgraph.graphs.arrays import Arrays
from circuitgraph.graphs.votes import voterank


@pytest.mark.parametrize("weight", [None, "weight"])
def test_pagerank_is_networkx_pagerank(sample, same, weight):
    if sample.names:
        a = sample.arrays if weight is None else sample.weighted
        options = {"tol": 1e-9, "max_iter": 1000}
        same(ranks.pagerank(a, **options), nx.pagerank(sample.graph, weight=weight, **options))


@pytest.mark.parametrize("weight", [None, "weight"])
def test_katz_is_networkx_katz(sample, same, weight):
    if sample.names:
        a = sample.arrays if weight is None else sample.weighted
        same(ranks.katz(a, 0.01), nx.katz_centrality(sample.graph, 0.01, weight=weight, normalized=False))
        np.testing.assert_allclose(ranks.katz_solved(a, 0.01, np.ones(a.n)), ranks.katz(a, 0.01, tol=1e-15), rtol=1e-9)


def test_eigenvector_centrality_is_networkx(large, same):
    same(ranks.eigenvector(large.weighted), nx.eigenvector_centrality(large.graph, weight="weight"))
    found = ranks.eigenvector_solved(large.weighted)
    np.testing.assert_allclose(
        found, ranks.eigenvector(large.weighted, tol=1e-12, max_iter=1000), rtol=1e-6, atol=1e-12
    )


def test_hubs_point_to_authorities(large):
    hubs, authorities = ranks.hits(large.weighted)
    matrix = large.weighted.matrix
    np.testing.assert_allclose(matrix @ authorities, hubs)
    back = matrix.T @ hubs
    np.testing.assert_allclose(back / np.linalg.norm(back), authorities, atol=1e-7)


def test_what_does_not_settle_says_so():
    ring = Arrays.from_edges(3, np.arange(3), np.array([1, 2, 0]))
    for rank in (lambda: ranks.pagerank(ring, start=np.array([1.0, 0, 0]), max_iter=1), lambda: ranks.katz(ring, 2.0)):
        with pytest.raises(ranks.ConvergenceError, match="not settled"):
            rank()


def test_voterank_elects_whom_networkx_elects(sample):
    assert [sample.names[i] for i in voterank(sample.arrays)] == nx.voterank(sample.graph)


def test_voterank_of_unequal_degrees_elects_whom_networkx_elects(large):
    assert [large.names[i] for i in voterank(large.arrays, 40)] == nx.voterank(large.graph, 40)
