"""Louvain, Leiden and the spectral method on graphs whose answer is known."""

import builtins
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from circuitgraph.communities import (
    MissingEngineError,
    Partition,
    block_model,
    leiden,
    louvain,
    modularity,
    overlap,
    planted,
    spectral,
)
from circuitgraph.communities.graph import Graph, connect
from circuitgraph.communities.moves import climb
from circuitgraph.errors import NumericError, ShapeError

Method = Callable[..., Partition]


@pytest.fixture(params=["louvain", "leiden"])
def modular(request: pytest.FixtureRequest) -> Method:
    pytest.importorskip("networkit")
    methods: dict[str, Method] = {"louvain": louvain, "leiden": leiden}
    return methods[request.param]


@pytest.fixture(params=["louvain", "leiden", "spectral"])
def method(request: pytest.FixtureRequest) -> Method:
    if request.param != "spectral":
        pytest.importorskip("networkit")
    methods: dict[str, Method] = {"louvain": louvain, "leiden": leiden, "spectral": spectral}
    return methods[request.param]


def cliques(count: int, size: int) -> np.ndarray:
    """Put cliques on a ring, each with one edge to the next; two share one bridge."""
    a = np.kron(np.eye(count), 1 - np.eye(size))
    for g in range(count if count > 2 else 1):
        i, j = g * size, (g + 1) % count * size + 1
        a[i, j] = a[j, i] = 1
    return a


def camps(size: int, n_camps: int = 2) -> np.ndarray:
    """Friends within, foes between."""
    return np.kron(2 * np.eye(n_camps) - 1, np.ones((size, size))) - np.eye(n_camps * size)


def pieces(a: Any, p: Partition) -> int:
    """Count the communities that positive edges do not hold together."""
    held = sp.csr_array(a).maximum(0).toarray()
    found = [connected_components(held[np.ix_(m, m)], connection="weak")[0] for m in members(p)]
    return sum(n > 1 for n in found)


def members(p: Partition) -> list[np.ndarray]:
    return [np.flatnonzero(p.labels == c) for c in range(p.n_communities)]


@pytest.mark.parametrize(("count", "size"), [(2, 6), (8, 6)])
def test_cliques_are_found(method: Method, count: int, size: int) -> None:
    found = method(cliques(count, size))
    assert overlap(found, np.repeat(range(count), size)) == 1.0
    assert found.modularity == pytest.approx(modularity(cliques(count, size), found))


def test_camps_of_friends_and_foes_are_found(method: Method) -> None:
    assert overlap(method(camps(6)), np.repeat([0, 1], 6)) == 1.0


def test_noisy_signed_camps_are_found(method: Method) -> None:
    rng = np.random.default_rng(0)
    mask = np.triu(rng.random((200, 200)) < 0.08, 1)
    a = camps(100) * mask * np.where(rng.random((200, 200)) < 0.1, -1, 1)
    assert overlap(method(a + a.T), np.repeat([0, 1], 100)) > 0.9


def test_directed_groups_are_found(method: Method) -> None:
    a, truth = planted(600, 3, degree=20.0, signal=12.0, directed=True)
    assert (a != a.T).nnz
    assert overlap(method(a), truth) > 0.9


def test_heavy_edges_within_are_found_where_the_wiring_tells_nothing() -> None:
    a, truth = planted(1000, 1, degree=10.0, signal=0.0)[0].tocoo(), np.repeat([0, 1], 500)
    weight = np.where(truth[a.row] == truth[a.col], 2.0, 0.5)
    assert overlap(spectral(sp.csr_array((weight, (a.row, a.col)), shape=a.shape), 2), truth) > 0.75
    assert overlap(spectral(planted(1000, 1, degree=10.0, signal=0.0)[0], 2), truth) < 0.2


def test_no_community_is_in_pieces(modular: Method) -> None:
    for seed in range(10):
        rng = np.random.default_rng(seed)
        plain = planted(300, 3, degree=3.0, signal=1.5, rng=seed)[0]
        directed = planted(300, 3, degree=3.0, signal=1.5, directed=True, rng=seed)[0]
        signed = directed * sp.csr_array(rng.choice([-1.0, 1.0], (300, 300)))
        for a in (plain, directed, signed):
            assert pieces(a, modular(a, rng=seed)) == 0


def test_nodes_without_edges_are_alone_or_anywhere_but_never_an_error(method: Method) -> None:
    a = np.zeros((14, 14))
    a[:12, :12] = cliques(2, 6)
    assert overlap(method(a).labels[:12], np.repeat([0, 1], 6)) == 1.0
    assert len(method(np.zeros((3, 3)))) == 3
    assert method(np.zeros((1, 1))).labels.tolist() == [0]


def test_loops_do_not_disturb(method: Method) -> None:
    assert overlap(method(cliques(2, 6) + np.eye(12)), np.repeat([0, 1], 6)) == 1.0


def test_equal_seeds_give_equal_communities(method: Method) -> None:
    a, _ = planted(500, 4, degree=8.0, signal=2.0)
    assert method(a, rng=3) == method(a, rng=3)
    assert method(a, rng=np.random.default_rng(3)) == method(a, rng=3)


def test_more_resolution_gives_more_communities(modular: Method) -> None:
    a, _ = planted(300, 3, degree=10.0, signal=6.0)
    assert modular(a, resolution=0.3).n_communities < modular(a, resolution=5.0).n_communities


def test_climbing_never_lowers_the_modularity_and_ends_where_no_move_helps() -> None:
    for seed in range(5):
        rng = np.random.default_rng(seed)
        a = rng.normal(0.2, 1, (12, 12)) * (rng.random((12, 12)) < 0.4)
        start = rng.integers(0, 4, 12)
        end = climb(Graph.read(a, "test"), start, 1.0, rng)
        best = modularity(a, end)
        assert best >= modularity(a, start)
        for i in range(12):
            for c in range(end.max() + 2):
                moved = end.copy()
                moved[i] = c
                linked = c > end.max() or (a[i][end == c] != 0).any() or (a[end == c, i] != 0).any()
                assert modularity(a, moved) <= best + 1e-12 or not linked


def test_communities_are_split_where_only_negative_edges_connect() -> None:
    a = np.array([[0, 1, 0, 0], [1, 0, -1, 0], [0, -1, 0, 1], [0, 0, 1, 0]])
    assert connect(Graph.read(a, "test"), np.zeros(4, np.int64)).tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize(("q", "degree"), [(2, 5.0), (4, 16.0)])
@pytest.mark.parametrize("signal", [2.0, 3.0])
def test_hidden_communities_are_found_and_counted(q: int, degree: float, signal: float) -> None:
    a, truth = planted(5000, q, degree=degree, signal=signal)
    found = spectral(a)
    assert found.n_communities == q
    assert overlap(found, truth) > {2.0: 0.65, 3.0: 0.85}[signal]


def test_communities_of_unequal_degrees_are_found() -> None:
    rng = np.random.default_rng(0)
    rates = (8.0 + 6.0 * np.array([[1, -1], [-1, 1]])) / 4000
    a, truth = block_model([2000, 2000], rates, propensity=rng.uniform(3, 7, 4000) ** 3)
    found = spectral(a)
    assert found.n_communities == 2
    assert overlap(found, truth) > 0.8


@pytest.mark.parametrize("directed", [False, True])
def test_random_graphs_have_one_community(directed: bool) -> None:
    counts = [
        spectral(planted(1000, 1, degree=6.0, signal=0.0, directed=directed, rng=seed)[0]).n_communities
        for seed in range(40)
    ]
    assert sum(c > 1 for c in counts) <= 2


def test_the_number_of_communities_may_be_given() -> None:
    a, truth = planted(2000, 4, degree=16.0, signal=4.0)
    assert overlap(spectral(a, 4), truth) > 0.9
    assert spectral(a, 1).n_communities == 1
    assert spectral(a, 2).n_communities == 2


def test_more_communities_than_the_first_eigenvalues_are_counted() -> None:
    a, truth = planted(1200, 30, degree=20.0, signal=16.0)
    found = spectral(a)
    assert found.n_communities == 30
    assert overlap(found, truth) > 0.95


@pytest.mark.parametrize("count", [0, 5, 1.5, True])
def test_numbers_of_communities_that_cannot_be_are_refused(count: Any) -> None:
    with pytest.raises(ShapeError, match="bad number of communities"):
        spectral(np.ones((4, 4)), count)


def test_bad_matrices_are_refused_by_every_method(method: Method) -> None:
    with pytest.raises(ShapeError, match="no adjacency matrix"):
        method(np.zeros((2, 3)))
    with pytest.raises(NumericError, match="NaN or infinity"):
        method(np.full((2, 2), np.nan))


def test_the_callers_matrix_stays_as_it_was(method: Method) -> None:
    a = sp.csr_array(cliques(2, 6))
    before = a.toarray()
    method(a)
    assert np.array_equal(a.toarray(), before)


def test_a_missing_engine_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "networkit":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(MissingEngineError, match=r"pip install circuitgraph-nn\[communities\]"):
        louvain(cliques(2, 4))
    assert spectral(cliques(2, 6)).n_communities == 2
