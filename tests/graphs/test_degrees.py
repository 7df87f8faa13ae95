"""Degrees and what follows from them equal networkx's."""

import networkx as nx
import numpy as np
import pytest

from circuitgraph.graphs import degrees, mixing
from circuitgraph.graphs.degrees import answered, n_loops, reciprocity, rich_club, s_metric


@pytest.mark.parametrize("side", ["in", "out", "in+out"])
def test_degrees_are_networkx_degrees(sample, same, side):
    graph = sample.graph
    view = {"in": "in_degree", "out": "out_degree", "in+out": "degree"}[side] if graph.is_directed() else "degree"
    same(degrees(sample.arrays, side), dict(getattr(graph, view)))
    same(degrees(sample.weighted, side, weighted=True), dict(getattr(graph, view)(weight="weight")))


def test_reciprocity_is_networkx_reciprocity(sample, same):
    if sample.graph.is_directed():
        with np.errstate(invalid="ignore"):
            same(reciprocity(sample.arrays), nx.reciprocity(sample.graph, sample.names))


def test_answered_edges_are_those_with_an_edge_back(sample):
    edges = {(i, j) for i, j in zip(sample.arrays.pre.tolist(), sample.arrays.post.tolist(), strict=True)}
    expected = [(j, i) in edges for i, j in zip(sample.arrays.pre.tolist(), sample.arrays.post.tolist(), strict=True)]
    assert answered(sample.arrays).tolist() == expected


def test_the_rich_club_is_networkx_rich_club(sample):
    if not sample.graph.is_directed() and not n_loops(sample.arrays):
        expected = nx.rich_club_coefficient(sample.graph, normalized=False)
        assert dict(enumerate(rich_club(sample.arrays).tolist())) == pytest.approx(expected)


def test_the_s_metric_is_networkx_s_metric(sample):
    assert s_metric(sample.arrays) == nx.s_metric(sample.graph)


@pytest.mark.parametrize("weight", [None, "weight"])
def test_neighbour_degrees_are_networkx_means(sample, same, weight):
    a = sample.arrays if weight is None else sample.weighted
    same(mixing.neighbour_degrees(a), nx.average_neighbor_degree(sample.graph, weight=weight))


def test_nothing_is_correlated_where_nothing_varies():
    assert np.isnan(mixing.assortativity(np.ones(3), np.arange(3.0)))
    assert np.isnan(mixing.assortativity(np.zeros(0), np.zeros(0)))


def test_pairs_are_counted_in_the_order_of_appearance():
    x, y = np.array([2, 0, 2, 0, 1]), np.array([1, 1, 1, 0, 2])
    assert list(zip(*(part.tolist() for part in mixing.mixed(x, y)), strict=True)) == [
        (2, 1, 2), (0, 1, 1), (0, 0, 1), (1, 2, 1),
    ]  # fmt: skip
