"""Null models: what each keeps, and that it forgets all else."""

import itertools

import numpy as np
import pytest

from circuitgraph.graphs.arrays import Arrays
from circuitgraph.graphs.clustering import clustering
from circuitgraph.graphs.nulls import draw_edges, draw_pairs, latticise, swap_edges, swap_posts


def graph(n: int = 40, share: float = 0.15, seed: int = 0, *, directed: bool = True, loops: bool = True) -> Arrays:
    rng = np.random.default_rng(seed)
    met = rng.random((n, n)) < share
    met = met | (rng.random((n, n)) < 0.3) & met.T  # some mutual ones
    met &= np.ones((n, n), bool) if loops else ~np.eye(n, dtype=bool)
    pre, post = np.nonzero(met if directed else np.triu(met))
    return Arrays.from_edges(n, pre, post, rng.choice([-2.0, -1.0, 1.0, 3.0], len(pre)), directed=directed)


def table(a: Arrays) -> np.ndarray:
    """Write the weights in a square by a loop, and check that no edge comes twice."""
    out = np.zeros((a.n, a.n))
    for i in range(a.n):
        for e in range(a.begins[i], a.begins[i + 1]):
            assert out[i, a.post[e]] == 0
            out[i, a.post[e]] = a.weight[e]
    return out


def mutual(w: np.ndarray) -> np.ndarray:
    met = w != 0
    return (met & met.T & ~np.eye(len(w), dtype=bool)).sum(1)


NULLS = {
    "swapped": swap_edges,
    "mutual kept": lambda a, rng: swap_edges(a, rng, keep_mutual=True),
    "lattice": latticise,
}


@pytest.mark.parametrize("directed", [True, False])
@pytest.mark.parametrize("null", NULLS)
@pytest.mark.parametrize("seed", range(3))
def test_swaps_keep_degrees_of_either_sign_loops_and_weights(null: str, seed: int, directed: bool) -> None:
    a = graph(seed=seed, directed=directed)
    before, after = table(a), table(NULLS[null](a, seed))
    for sign in (1, -1):
        assert np.array_equal((sign * before > 0).sum(0), (sign * after > 0).sum(0))
        assert np.array_equal((sign * before > 0).sum(1), (sign * after > 0).sum(1))
    assert np.array_equal(np.diag(before), np.diag(after))
    assert np.array_equal(np.sort(before[before != 0]), np.sort(after[after != 0]))
    assert directed or np.array_equal(after, after.T)
    assert not directed or np.allclose(before.sum(1), after.sum(1))
    assert not np.array_equal(before, after)


def test_mutual_edges_can_be_kept_node_by_node() -> None:
    a = graph(seed=4)
    before, kept, free = (table(x) for x in (a, swap_edges(a, 1, keep_mutual=True), swap_edges(a, 1)))
    assert mutual(before).sum() > 40
    assert np.array_equal(mutual(before), mutual(kept))
    assert mutual(free).sum() < mutual(before).sum()
    assert ((before != 0) & (kept != 0)).sum() < 0.5 * (before != 0).sum()


@pytest.mark.parametrize(
    ("edges", "directed", "n_graphs"),
    [
        # Degrees 1, 2, 2, 1: the paths 0-1-2-3 and 0-2-1-3.
        ([(0, 1), (1, 2), (2, 3)], False, 2),
        # Each of 0, 1, 2 sends one edge, each of 3, 4, 5 hears one: all orders.
        ([(0, 3), (1, 4), (2, 5)], True, 6),
        # Nodes of two undirected edges each: all rings of five.
        ([(0, 1), (1, 2), (2, 3), (3, 4), (4, 0)], False, 12),
    ],
)
def test_all_graphs_of_these_degrees_come_equally_often(edges, directed, n_graphs) -> None:
    pre, post = np.array(edges).T
    a, rng = Arrays.from_edges(6, pre, post, directed=directed), np.random.default_rng(0)
    drawn = [
        tuple(sorted(zip(b.pre, b.post, strict=True))) for b in (swap_edges(a, rng) for _ in range(300 * n_graphs))
    ]
    counts = np.array([len(list(same)) for _, same in itertools.groupby(sorted(drawn))])
    assert len(counts) == n_graphs
    assert abs(counts - 300).max() < 85  # five standard deviations


def test_swapping_forgets_the_old_wiring() -> None:
    a = Arrays.from_edges(2000, *draw_pairs(2000, 2000, 20_000, np.random.default_rng(0), loops=False))
    b = swap_edges(a, 1)
    old, new = set(zip(a.pre, a.post, strict=True)), set(zip(b.pre, b.post, strict=True))
    assert len(old & new) < 0.02 * len(old)


def test_equal_seeds_give_equal_graphs_and_others_do_not() -> None:
    a = graph()
    for null in (*NULLS.values(), draw_edges):
        assert np.array_equal(table(null(a, 3)), table(null(a, 3)))
        assert not np.array_equal(table(null(a, 3)), table(null(a, 4)))


def test_lattices_cluster_as_a_ring_does() -> None:
    n = np.arange(400)
    pre, post = np.tile(n, 5), np.concatenate([n + k for k in range(1, 6)]) % 400
    ring = Arrays.from_edges(400, pre, post, directed=False)
    mixed = swap_edges(ring, 0)
    assert clustering(ring).mean() == pytest.approx(2 / 3)
    assert clustering(mixed).mean() < 0.06
    assert clustering(latticise(mixed, 1)).mean() > 0.55


@pytest.mark.parametrize("directed", [True, False])
def test_swaps_towards_a_lattice_shorten_edges(directed: bool) -> None:
    rng = np.random.default_rng(0)
    pre, post = draw_pairs(200, 200, 1500, rng, loops=False)
    place = np.arange(200) / 200
    new = swap_posts(pre, post, 200, rng, places=np.stack([place, place]))

    def length(far: np.ndarray) -> float:
        apart = abs(place[pre] - place[far])
        return float(np.minimum(apart, 1 - apart).mean())

    assert length(post) == pytest.approx(0.25, abs=0.01)
    assert length(new) < 0.03
    assert len({*zip(pre, new, strict=True)}) == 1500


@pytest.mark.parametrize("directed", [True, False])
def test_uniform_graphs_keep_the_number_of_edges_and_no_degree(directed: bool) -> None:
    a = graph(directed=directed, loops=False)
    b = draw_edges(a, 1)
    assert b.n_edges == a.n_edges
    assert not (b.pre == b.post).any()
    assert np.array_equal(np.sort(a.weight), np.sort(b.weight))
    assert directed or np.array_equal(table(b), table(b).T)
    assert not np.array_equal(np.diff(a.begins), np.diff(b.begins))
    assert (draw_edges(graph(directed=directed), 1).pre == draw_edges(graph(directed=directed), 1).post).any()


@pytest.mark.parametrize(("n_pre", "n_post"), [(5, 5), (3, 6), (6, 3)])
@pytest.mark.parametrize("loops", [True, False])
@pytest.mark.parametrize("directed", [True, False])
def test_pairs_are_drawn_from_all_that_there_are(n_pre: int, n_post: int, loops: bool, directed: bool) -> None:
    if not directed and n_pre != n_post:
        return
    every = [
        (i, j) for i, j in itertools.product(range(n_pre), range(n_post)) if (loops or i != j) and (directed or i <= j)
    ]
    pre, post = draw_pairs(n_pre, n_post, len(every), np.random.default_rng(0), loops=loops, directed=directed)
    assert sorted(zip(pre.tolist(), post.tolist(), strict=True)) == every
    ones = [draw_pairs(n_pre, n_post, 1, np.random.default_rng(s), loops=loops, directed=directed) for s in range(900)]
    counts = [sum((a[0], b[0]) == pair for a, b in ones) for pair in every]
    assert max(abs(np.array(counts) - 900 / len(every))) < 5.5 * np.sqrt(900 / len(every))


def test_graphs_without_freedom_stay_as_they_are() -> None:
    full = Arrays.from_edges(4, *np.nonzero(1 - np.eye(4)))
    none = Arrays.from_edges(3, np.zeros(0, int), np.zeros(0, int))
    for a, null in itertools.product((full, none), (*NULLS.values(), draw_edges)):
        b = null(a, 0)
        assert np.array_equal(np.sort(a.pre * a.n + a.post), np.sort(b.pre * a.n + b.post))
