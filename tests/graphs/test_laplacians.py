"""Laplacians equal networkx's."""

import networkx as nx
import numpy as np
import pytest

from circuitgraph.errors import NumericError
from circuitgraph.graphs import laplacians


def test_laplacians_are_networkx(sample):
    if sample.names:
        matrix = sample.weighted.matrix
        np.testing.assert_allclose(laplacians.laplacian(matrix).toarray(), nx.laplacian_matrix(sample.graph).toarray())
        expected = nx.normalized_laplacian_matrix(sample.graph).toarray()
        np.testing.assert_allclose(laplacians.normalized_laplacian(matrix).toarray(), expected, atol=1e-12)


@pytest.mark.parametrize("walk", ["random", "lazy", "pagerank", None])
def test_directed_laplacians_are_networkx(large, walk):
    part = large.graph.subgraph(max(nx.strongly_connected_components(large.graph), key=len)).copy()
    assert len(part) > 300
    names = list(large.graph)
    kept = np.array([names.index(v) for v in part])
    matrix = large.weighted.matrix[kept][:, kept]
    a = laplacians.Arrays(matrix.indptr.astype(np.int64), matrix.indices, matrix.data)
    steps = laplacians.transitions(a, matrix, walk)
    for ours, theirs in (
        (laplacians.directed_laplacian, nx.directed_laplacian_matrix),
        (laplacians.directed_combinatorial_laplacian, nx.directed_combinatorial_laplacian_matrix),
    ):
        np.testing.assert_allclose(ours(steps), theirs(part, walk_type=walk), atol=1e-9)


def test_a_walk_of_another_name_is_refused(large):
    with pytest.raises(NumericError, match="random, lazy, or pagerank"):
        laplacians.transitions(large.arrays, large.arrays.matrix, "drunk")
    with pytest.raises(NumericError, match="between 0 and 1"):
        laplacians.transitions(large.arrays, large.arrays.matrix, "pagerank", alpha=1.0)
