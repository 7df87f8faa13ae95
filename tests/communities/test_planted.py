"""Random graphs with planted communities."""

from typing import Any

import numpy as np
import pytest
from scipy.sparse.csgraph import connected_components

from circuitgraph.communities import attached_groups, block_model, lfr, planted
from circuitgraph.errors import ShapeError


def simple(a: Any) -> bool:
    return bool((a.data == 1).all() and not a.diagonal().any() and (a != a.T).nnz == 0)


def within(a: Any, labels: np.ndarray) -> float:
    pre, post = a.nonzero()
    return float((labels[pre] == labels[post]).mean())


def test_planted_degrees_and_signal_are_as_asked() -> None:
    a, labels = planted(20_000, 4, degree=16.0, signal=4.0)
    assert simple(a)
    assert np.bincount(labels).tolist() == [5000] * 4
    assert a.nnz / 20_000 == pytest.approx(16.0, rel=0.02)
    # c_in = c + (q - 1) sqrt(signal c) = 40; a quarter of the nodes: 10 of 16 neighbours.
    assert within(a, labels) == pytest.approx(10 / 16, rel=0.02)


def test_a_directed_graph_has_as_many_edges_in_half_as_many_entries() -> None:
    a, _ = planted(10_000, 2, degree=8.0, signal=2.0, directed=True)
    assert a.nnz / 10_000 == pytest.approx(4.0, rel=0.03)
    assert (a + a.T).nnz > 1.9 * a.nnz


@pytest.mark.parametrize("directed", [True, False])
def test_every_pair_of_a_block_is_drawn_equally_often(directed: bool) -> None:
    rates = np.array([[0.6, 0.2], [0.2, 0.0]]) if not directed else np.array([[0.6, 0.2], [0.5, 0.0]])
    rng, total = np.random.default_rng(0), np.zeros((7, 7))
    for _ in range(2000):
        total += block_model([4, 3], rates, directed=directed, rng=rng)[0].toarray()
    want = np.kron(rates, np.ones((4, 4)))[:7, :7] * (1 - np.eye(7))
    want[:4, 4:], want[4:, :4], want[4:, 4:] = rates[0, 1], rates[1, 0], rates[1, 1]
    assert abs(total / 2000 - want).max() < 0.06


def test_full_rates_give_every_pair_once() -> None:
    for directed in (True, False):
        a, _ = block_model([5, 6], np.ones((2, 2)), directed=directed)
        assert np.array_equal(a.toarray(), 1 - np.eye(11))


def test_degrees_follow_the_propensities() -> None:
    propensity = np.repeat([1.0, 4.0], 1000)
    a, _ = block_model([2000], [[0.005]], propensity=propensity)
    degree = a.sum(axis=1)
    assert simple(a)
    assert degree[1000:].mean() / degree[:1000].mean() == pytest.approx(4.0, rel=0.06)
    assert degree.mean() == pytest.approx(10.0, rel=0.03)


def test_lfr_mixes_as_asked() -> None:
    pytest.importorskip("networkit")
    a, labels = lfr(1000, mixing=0.3)
    assert simple(a)
    assert within(a, labels) == pytest.approx(0.7, abs=0.03)
    assert 15 < a.nnz / 1000 < 25
    assert np.bincount(labels).min() >= 20


def test_attached_groups_are_connected_with_the_share_of_noise_asked_for() -> None:
    a, labels = attached_groups()
    assert simple(a)
    assert np.bincount(labels).tolist() == [30] * 5
    assert within(a, labels) == pytest.approx(0.67, abs=0.002)
    for seed in range(5):
        a, labels = attached_groups(4, 10, noise=0.0, rng=seed)
        assert connected_components(a)[0] == 1
        assert a.nnz // 2 == 4 * 2 * 8 + 3


def test_early_nodes_of_a_group_have_more_edges() -> None:
    a, _ = attached_groups(1, 2000, edges=3, noise=0.0)
    degree = a.sum(axis=1)
    assert degree.min() == 3 or degree[:3].min() >= 1
    assert degree[:20].mean() > 5 * degree[-500:].mean()


def test_equal_seeds_give_equal_graphs() -> None:
    makers = [
        lambda r: planted(200, 2, degree=5.0, signal=2.0, rng=r),
        lambda r: attached_groups(rng=r),
        lambda r: block_model([50], [[0.1]], propensity=np.arange(1, 51), rng=r),
    ]
    for make in makers:
        (a, x), (b, y), (c, _) = make(1), make(1), make(2)
        assert (a != b).nnz == 0
        assert (a != c).nnz
        assert np.array_equal(x, y)


def test_lfr_graphs_are_equal_for_equal_seeds() -> None:
    pytest.importorskip("networkit")
    assert (lfr(300, mixing=0.2, rng=1)[0] != lfr(300, mixing=0.2, rng=1)[0]).nnz == 0


@pytest.mark.parametrize(
    "bad",
    [{"n_nodes": 0}, {"n_communities": 0}, {"signal": -1.0}, {"signal": 6.0}, {"degree": 200.0}, {"n_nodes": 1.5}],
)
def test_impossible_graphs_are_refused(bad: dict[str, Any]) -> None:
    given = {"n_nodes": 100, "n_communities": 2, "degree": 5.0, "signal": 2.0} | bad
    with pytest.raises(ShapeError, match="planted:"):
        planted(given.pop("n_nodes"), given.pop("n_communities"), **given)


@pytest.mark.parametrize(
    ("sizes", "rates", "more"),
    [
        ([], np.zeros((0, 0)), {}),
        ([2, 0], np.ones((2, 2)), {}),
        ([2.0, 2.0], np.ones((2, 2)), {}),
        ([2, 2], np.ones((3, 3)), {}),
        ([2, 2], [[0, 2], [2, 0]], {}),
        ([2, 2], [[0, 1], [0, 0]], {}),
        ([2, 2], np.ones((2, 2)), {"propensity": [1, 1, 1]}),
        ([2, 2], np.ones((2, 2)), {"propensity": [1, 1, 1, 0]}),
    ],
)
def test_impossible_blocks_are_refused(sizes: Any, rates: Any, more: dict[str, Any]) -> None:
    with pytest.raises(ShapeError, match="block_model:"):
        block_model(sizes, rates, **more)


@pytest.mark.parametrize("bad", [{"n_groups": 0}, {"size": 2}, {"edges": 0}, {"noise": 1.0}, {"noise": -0.1}])
def test_impossible_groups_are_refused(bad: dict[str, Any]) -> None:
    given = {"n_groups": 5, "size": 30} | bad
    with pytest.raises(ShapeError, match="attached_groups:"):
        attached_groups(given.pop("n_groups"), given.pop("size"), **given)


@pytest.mark.parametrize("bad", [{"mixing": 1.5}, {"mixing": 0.2, "degree": 400}])
def test_impossible_lfr_graphs_are_refused(bad: dict[str, Any]) -> None:
    pytest.importorskip("networkit")
    with pytest.raises(ShapeError, match="lfr:"):
        lfr(300, **bad)
