from collections import Counter
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuitgraph.errors import ShapeError
from circuitgraph.topologies import ErdosRenyi, SmallWorld

sizes = st.integers(1, 9)
seeds = st.integers(0, 1000)


@given(sizes, sizes, st.floats(0, 1), seeds, st.booleans())
def test_erdos_renyi_has_the_exact_count_of_distinct_pairs(
    n: int, m: int, density: float, seed: int, loops: bool
) -> None:
    law = ErdosRenyi(density, seed, loops)
    table = law.synapses((n,), (m,))
    table.check((n,), (m,), len(table))
    assert len(table) == law.n_slots((n,), (m,)) == round(density * (n * m - (0 if loops else min(n, m))))
    assert loops or (table.pre != table.post).all()
    assert np.array_equal(law.slots((n,), (m,)).pre, table.pre)


@given(sizes, sizes)
def test_a_full_draw_has_every_pair_but_the_diagonal(n: int, m: int) -> None:
    table = ErdosRenyi(1.0, self_loops=False).synapses((n,), (m,))
    expected = [(q, p) for q in range(m) for p in range(n) if p != q]
    assert list(zip(table.post.tolist(), table.pre.tolist(), strict=True)) == expected


@pytest.mark.parametrize("loops", [True, False])
def test_erdos_renyi_is_uniform_over_all_sets_of_pairs(loops: bool) -> None:
    # 2 of 6 pairs: 15 sets.  4500 draws: 300 expected for each, standard deviation 17.
    n, m = (2, 3) if loops else (3, 3)
    keys = [q * n + p for q in range(m) for p in range(n) if loops or p != q]
    drawn = Counter(tuple(ErdosRenyi(1 / 3, seed, loops).draw(n, m).tolist()) for seed in range(4500))
    assert set(drawn) == set(combinations(keys, 2))
    assert all(abs(count - 300) < 5 * 17 for count in drawn.values())


def test_drawn_wiring_is_the_same_whenever_it_is_asked_for() -> None:
    a, b, c = (ErdosRenyi(0.3, seed).synapses((9,), (9,)).pre.tolist() for seed in (5, 5, 6))
    assert a == b != c


@given(st.integers(1, 4), st.integers(1, 10), sizes, st.floats(0, 1), seeds)
def test_every_neuron_hears_its_number_of_others_and_never_itself(
    half: int, more: int, m: int, rewire: float, seed: int
) -> None:
    n, law = 2 * half + more, SmallWorld(2 * half, rewire, seed)
    for post in (n, m):
        law.check((n,), (post,))
        table = law.synapses((n,), (post,))
        table.check((n,), (post,), law.n_slots((n,), (post,)))
        assert np.bincount(table.post, minlength=post).tolist() == [2 * half] * post
        assert post != n or (table.pre != table.post).all()


@pytest.mark.parametrize("rewire", [0.0, 0.5, 1.0])
def test_drawing_ends_where_everyone_else_is_a_neighbor(rewire: float) -> None:
    table = SmallWorld(200, rewire).synapses((201,), (201,))
    expected = [p for q in range(201) for p in range(201) if p != q]
    assert table.pre.tolist() == expected


def test_without_rewiring_neighbors_are_the_nearest_on_the_ring() -> None:
    table = SmallWorld(4, 0.0).synapses((10,), (10,))
    distance = (table.pre - table.post) % 10
    assert set(np.minimum(distance, 10 - distance).tolist()) == {1, 2}


def test_rewiring_moves_the_share_of_edges_asked_for() -> None:
    n, k, rewire = 2000, 4, 0.25
    table = SmallWorld(k, rewire).synapses((n,), (n,))
    distance = np.minimum((table.pre - table.post) % n, (table.post - table.pre) % n)
    # 8000 edges, standard deviation 39; a rewired edge lands on the ring again 4 times in 2000.
    assert abs((distance > 2).sum() - rewire * n * k) < 5 * 39


def test_rewired_edges_start_uniformly_at_those_that_are_free() -> None:
    heard = Counter[int]()
    for seed in range(1500):
        heard.update(SmallWorld(2, 1.0, seed).synapses((5,), (5,)).pre[:2].tolist())
    # Neuron 0 hears 2 of 4 others: 750 times each, standard deviation 19.
    assert set(heard) == {1, 2, 3, 4}
    assert all(abs(count - 750) < 5 * 19.4 for count in heard.values())


@pytest.mark.parametrize(
    ("make", "args", "message"),
    [
        (ErdosRenyi, (1.5,), r"ErdosRenyi: density out of range \(got 1.5, expected 0 to 1\)"),
        (ErdosRenyi, (float("nan"),), "ErdosRenyi: density"),
        (ErdosRenyi, ("half",), "ErdosRenyi: density"),
        (ErdosRenyi, (0.5, -1), r"ErdosRenyi: bad seed \(got -1"),
        (ErdosRenyi, (0.5, np.random.default_rng(0)), "ErdosRenyi: bad seed"),
        (SmallWorld, (3,), r"SmallWorld: bad number of neighbors \(got 3"),
        (SmallWorld, (0,), "SmallWorld: bad number of neighbors"),
        (SmallWorld, (2.0,), "SmallWorld: bad number of neighbors"),
        (SmallWorld, (2, -0.1), "SmallWorld: rewire out of range"),
    ],
)
def test_arguments_are_refused_where_they_are_given(make: Any, args: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        make(*args)


def test_neighbors_need_enough_presynaptic_neurons() -> None:
    with pytest.raises(ShapeError, match=r"too few presynaptic neurons \(got 4, expected more than 4\)"):
        SmallWorld(4).check((4,), (4,))
