"""Modularity and Louvain's method equal networkx's, from the same seed."""

import random

import networkx as nx
import numpy as np
import pytest

from circuitgraph.graphs import modules


def shuffles(seed):
    generator = random.Random(seed)

    def shuffled(n):
        order = list(range(n))
        generator.shuffle(order)
        return np.array(order, np.int64)

    return shuffled


def communities(names, labels):
    return [{names[i] for i in np.flatnonzero(labels == c)} for c in range(labels.max(initial=-1) + 1)]


@pytest.mark.parametrize("weight", [None, "weight"])
@pytest.mark.parametrize("resolution", [1, 0.7])
def test_modularity_is_networkx_modularity(sample, weight, resolution):
    if sample.graph.number_of_edges():
        labels = np.arange(sample.arrays.n) % min(3, sample.arrays.n)
        expected = nx.community.modularity(
            sample.graph, communities(sample.names, labels), weight=weight, resolution=resolution
        )
        a = sample.arrays if weight is None else sample.weighted
        assert modules.modularity(a, labels, resolution) == pytest.approx(expected, abs=1e-12)


def test_modularity_of_no_weight_is_refused():
    empty = modules.Arrays(np.zeros(3, np.int64), np.zeros(0, np.int32))
    with pytest.raises(ZeroDivisionError):
        modules.modularity(empty, np.array([0, 1]))


@pytest.mark.parametrize("weight", [None, "weight"])
@pytest.mark.parametrize("resolution", [1, 0.7, 1.5])
def test_louvain_finds_networkx_communities_at_every_level(sample, weight, resolution):
    a = sample.arrays if weight is None else sample.weighted
    expected = list(nx.community.louvain_partitions(sample.graph, weight, resolution, seed=3))
    found = [communities(sample.names, x) for x in modules.louvain(a, shuffles(3), resolution=resolution)]
    assert found == expected


@pytest.mark.parametrize("seed", range(3))
def test_louvain_finds_networkx_communities_of_larger_graphs(large, seed):
    for a, weight in ((large.arrays, None), (large.weighted, "weight")):
        expected = list(nx.community.louvain_partitions(large.graph, weight, seed=seed))
        assert [communities(large.names, x) for x in modules.louvain(a, shuffles(seed))] == expected
