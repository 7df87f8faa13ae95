"""Random graphs of the same degrees, and what scores beyond them."""

import numpy as np
import pytest
import scipy.sparse as sp

from circuitgraph.communities import Partition, modularity, null_test, planted
from circuitgraph.communities.graph import Graph
from circuitgraph.communities.swaps import rewire
from circuitgraph.errors import ShapeError, UnknownNameError


def signed(seed: int, n: int = 40) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.choice([-2.0, -1.0, 1.0, 3.0], (n, n)) * (rng.random((n, n)) < 0.15)


@pytest.mark.parametrize("directed", [True, False])
def test_rewiring_keeps_degrees_signs_loops_and_weights(directed: bool) -> None:
    for seed in range(5):
        a = signed(seed)
        a = a if directed else np.triu(a) + np.triu(a, 1).T
        b = rewire(Graph.read(a, "test"), np.random.default_rng(seed)).toarray()
        for sign in (1, -1):
            assert np.array_equal((sign * a > 0).sum(0), (sign * b > 0).sum(0))
            assert np.array_equal((sign * a > 0).sum(1), (sign * b > 0).sum(1))
        assert np.array_equal(np.diag(a), np.diag(b))
        assert np.array_equal(np.sort(a[a != 0]), np.sort(b[b != 0]))
        assert directed or np.array_equal(b, b.T)
        if directed:
            assert np.allclose(a.sum(1), b.sum(1))


def test_rewiring_forgets_the_old_wiring() -> None:
    a, labels = planted(1000, 2, degree=10.0, signal=9.0)
    b = rewire(Graph.read(a, "test"), np.random.default_rng(0))
    kept = a.multiply(b).sum() / a.sum()
    assert kept < 0.03
    assert abs(modularity(b, labels)) < 0.03 < modularity(a, labels)


def test_rewiring_draws_all_graphs_of_these_degrees_equally_often() -> None:
    # Nodes of degrees 1, 2, 2, 1: the paths 0-1-2-3 and 0-2-1-3, and no other simple graph.
    path = Graph.read(np.array([[0, 1, 0, 0], [1, 0, 1, 0], [0, 1, 0, 1], [0, 0, 1, 0]]), "test")
    rng = np.random.default_rng(0)
    drawn = [rewire(path, rng).toarray().tobytes() for _ in range(2000)]
    counts = np.unique(drawn, return_counts=True)[1]
    assert len(counts) == 2
    assert abs(counts - 1000).max() < 120


def test_planted_communities_beat_every_random_graph() -> None:
    a, _ = planted(400, 2, degree=10.0, signal=6.0)
    test = null_test(a, "spectral", n_graphs=19)
    assert test.p_value == 0.05
    assert test.null_scores.shape == (19,)


def test_a_search_finds_as_much_in_a_random_graph() -> None:
    pytest.importorskip("networkit")
    p_values = [
        null_test(planted(200, 1, degree=5.0, signal=0.0, rng=s)[0], "leiden", n_graphs=19, rng=s).p_value
        for s in range(10)
    ]
    assert np.mean(np.array(p_values) <= 0.05) <= 0.3
    assert 0.2 < np.mean(p_values) < 0.8


def test_spectral_scores_random_graphs_zero_and_says_so() -> None:
    test = null_test(planted(300, 1, degree=5.0, signal=0.0)[0], "spectral", n_graphs=9)
    assert (test.score, test.p_value, test.z) == (0.0, 1.0, 0.0)


def test_labels_from_elsewhere_are_scored_as_they_are() -> None:
    a, labels = planted(300, 2, degree=8.0, signal=5.0)
    true, guessed = (null_test(a, x, n_graphs=39) for x in (labels, np.random.default_rng(0).permutation(labels)))
    assert true.score == pytest.approx(modularity(a, labels))
    assert true.p_value == 1 / 40
    assert true.z > 5
    assert guessed.p_value > 0.05


def test_functions_and_partitions_name_the_search() -> None:
    a, labels = planted(200, 2, degree=8.0, signal=5.0)
    halves = null_test(a, lambda m, rng: Partition(labels), n_graphs=5)
    assert halves.score == pytest.approx(modularity(a, labels))
    assert null_test(a, Partition(labels, "spectral"), n_graphs=5) == null_test(a, "spectral", n_graphs=5)


def test_equal_seeds_give_equal_tests_and_others_do_not() -> None:
    a, labels = planted(200, 2, degree=8.0, signal=2.0)
    assert null_test(a, labels, n_graphs=5, rng=1) == null_test(a, labels, n_graphs=5, rng=1)
    assert null_test(a, labels, n_graphs=5, rng=1) != null_test(a, labels, n_graphs=5, rng=2)


def test_graphs_that_cannot_be_rewired_are_compared_with_themselves() -> None:
    test = null_test(sp.csr_array(np.ones((3, 3)) - np.eye(3)), [0, 0, 1], n_graphs=3)
    assert (test.p_value, test.z) == (1.0, 0.0)
    assert null_test(np.zeros((3, 3)), [0, 0, 1], n_graphs=3).p_value == 1.0


def test_bad_tests_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="no method 'walktrap'"):
        null_test(np.ones((3, 3)), "walktrap")
    with pytest.raises(ShapeError, match="bad number of graphs"):
        null_test(np.ones((3, 3)), "spectral", n_graphs=0)
    with pytest.raises(ShapeError, match="got 2 labels, expected 3"):
        null_test(np.ones((3, 3)), [0, 1])
