"""Modularity, agreement of partitions, and the partition itself."""

import math

import numpy as np
import pytest
import scipy.sparse as sp

from circuitgraph.communities import Partition, modularity, nmi, order, overlap
from circuitgraph.errors import NumericError, ShapeError


def looped(a: np.ndarray, labels: np.ndarray, resolution: float) -> float:
    """Add up the definition, pair by pair."""
    n, parts = len(a), [np.maximum(a, 0), np.maximum(-a, 0)]
    total = 0.0
    for i in range(n):
        for j in range(n):
            if labels[i] != labels[j]:
                continue
            total += a[i, j]
            for sign, part in zip((1, -1), parts, strict=True):
                if part.sum():
                    total -= sign * resolution * part[i].sum() * part[:, j].sum() / part.sum()
    return total / sum(part.sum() for part in parts)


def graph(kind: str, seed: int, n: int = 9) -> np.ndarray:
    rng = np.random.default_rng(seed)
    a = rng.uniform(-1 if "signed" in kind else 0, 1, (n, n)) * (rng.random((n, n)) < 0.4)
    return a + a.T if "undirected" in kind else a


@pytest.mark.parametrize("kind", ["undirected", "directed", "undirected signed", "directed signed"])
@pytest.mark.parametrize("resolution", [0.5, 1.0, 2.0])
def test_modularity_is_the_sum_over_pairs(kind: str, resolution: float) -> None:
    for seed in range(5):
        a, labels = graph(kind, seed), np.random.default_rng(seed).integers(0, 3, 9)
        want = looped(a, labels, resolution)
        assert modularity(a, labels, resolution) == pytest.approx(want, abs=1e-12)
        assert modularity(sp.coo_array(a), Partition(labels), resolution) == pytest.approx(want, abs=1e-12)


def test_modularity_sees_directions() -> None:
    # Node 0 sends to 1 and 2, which send nothing back: A and A + A^T expect different weights.
    a = np.array([[0, 1, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0], [0, 0, 1, 0]], float)
    labels = np.array([0, 0, 1, 1])
    assert modularity(a, labels) != pytest.approx(modularity(a + a.T, labels))


def test_entries_that_are_stored_twice_are_summed_and_stored_zeros_are_no_edges() -> None:
    rows, cols = [0, 0, 1, 2, 1], [1, 1, 0, 0, 2]
    a = sp.coo_array(([1.0, 1.0, 2.0, 0.0, 0.0], (rows, cols)), shape=(3, 3))
    assert modularity(a, [0, 0, 1]) == modularity(np.array([[0, 2, 0], [2, 0, 0], [0, 0, 0]]), [0, 0, 1]) == 0.0
    assert a.nnz == 5, "the caller's matrix was changed"


def test_a_graph_without_edges_has_modularity_zero() -> None:
    assert modularity(np.zeros((3, 3)), [0, 1, 2]) == 0.0


def test_overlap_and_nmi_of_the_truth_are_one_under_any_names() -> None:
    truth = np.repeat([0, 1, 2], [4, 3, 3])
    renamed = np.array([7, 2, 5])[truth]
    assert overlap(renamed, truth) == nmi(renamed, truth) == 1.0


def test_overlap_of_a_guess_is_near_zero_and_of_one_community_exactly() -> None:
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1], 5000)
    assert abs(overlap(rng.integers(0, 2, 10_000), truth)) < 0.03
    assert overlap(np.zeros(10_000, int), truth) == 0.0


def test_overlap_matches_communities_one_to_one() -> None:
    # Two of the three found lie within community 0: only one of them counts.
    assert overlap([0, 0, 1, 1, 2, 2, 2, 2], [0, 0, 0, 0, 1, 1, 1, 1]) == pytest.approx((6 / 8 - 1 / 2) / (1 / 2))


def test_where_the_truth_is_one_community_only_that_is_right() -> None:
    assert overlap([3, 3, 3], [0, 0, 0]) == 1.0
    assert overlap([3, 3, 1], [0, 0, 0]) == 0.0


def test_partitions_are_numbered_by_size_then_by_first_node() -> None:
    p = Partition([9, 4, 4, 9, 1, 4], "by hand", 0.25)
    assert p.labels.tolist() == [1, 0, 0, 1, 2, 0]
    assert p.counts.tolist() == [3, 2, 1]
    assert (p.n_communities, len(p)) == (3, 6)
    assert p == Partition([0, 7, 7, 0, 5, 7], "by hand", 0.25)
    assert math.isnan(Partition([0]).modularity)


def test_partitions_cannot_be_written_to() -> None:
    with pytest.raises(ValueError, match="read-only"):
        Partition([0, 1]).labels[0] = 1


def test_order_makes_blocks_and_keeps_the_order_within() -> None:
    p = Partition([2, 0, 2, 1, 0, 2])
    assert order(p).tolist() == order([2, 0, 2, 1, 0, 2]).tolist() == [0, 2, 5, 1, 4, 3]
    assert (np.diff(p.labels[order(p)]) >= 0).all()


@pytest.mark.parametrize("shape", [(2, 3), (0, 0), (4,)])
def test_matrices_that_are_not_square_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=r"modularity: no adjacency matrix \(got shape"):
        modularity(np.zeros(shape), [0, 1])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite_are_refused(bad: float) -> None:
    with pytest.raises(NumericError, match="NaN or infinity"):
        modularity(sp.csr_array(np.array([[0, bad], [1, 0]])), [0, 1])


def test_weights_that_are_no_real_numbers_are_refused() -> None:
    with pytest.raises(NumericError, match="not real numbers"):
        modularity(np.array([[0, 1j], [1j, 0]]), [0, 1])


@pytest.mark.parametrize("labels", [[0], [0, 1, 2], [0.5, 1.0], [[0, 1]], [True, False]])
def test_labels_that_do_not_fit_are_refused(labels: list[object]) -> None:
    with pytest.raises(ShapeError, match="labels"):
        modularity(np.ones((2, 2)), labels)


@pytest.mark.parametrize("resolution", [0.0, -1.0, np.nan, np.inf])
def test_resolutions_that_are_not_positive_are_refused(resolution: float) -> None:
    with pytest.raises(NumericError, match="bad resolution"):
        modularity(np.ones((2, 2)), [0, 1], resolution)


def test_partitions_of_different_nodes_are_not_compared() -> None:
    with pytest.raises(ShapeError, match="got 2 and 3 labels"):
        nmi([0, 1], [0, 1, 2])
    with pytest.raises(ShapeError, match="got 0 and 0 labels"):
        overlap([], [])
    with pytest.raises(ShapeError, match="no labels"):
        Partition([])
