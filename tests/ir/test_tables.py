import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuitgraph.errors import ShapeError
from circuitgraph.ir import Slots, Synapses

rows = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3), st.integers(0, 5)), unique=True)


def columns(table: list[tuple[int, ...]], n: int = 3) -> list[np.ndarray]:
    return list(np.array(table, dtype=np.int64).reshape(-1, n).T)


@given(rows)
def test_building_sorts_rows_and_keeps_them_together(table: list[tuple[int, int, int]]) -> None:
    pre, post, slot = columns(table)
    built = Synapses.build(pre, post, slot, pre + 10.0 * post + 100.0 * slot)
    built.check((5,), (4,), 6)
    assert sorted(zip(built.pre.tolist(), built.post.tolist(), built.slot.tolist(), strict=True)) == sorted(table)
    assert np.array_equal(built.coef, built.pre + 10.0 * built.post + 100.0 * built.slot)
    assert [a.dtype for a in (built.pre, built.post, built.slot, built.coef)] == [np.int64] * 3 + [np.float64]


@given(rows, st.sets(st.integers(0, 5)))
def test_keeping_slots_is_filtering_and_renumbering(table: list[tuple[int, int, int]], kept: set[int]) -> None:
    keep = np.array(sorted(kept), dtype=np.int64)
    some = Synapses.build(*columns(table)).keep_slots(keep, 6)
    some.check((5,), (4,), len(keep))
    expected = sorted((p, q, s) for p, q, s in table if s in kept)
    assert sorted(zip(some.pre.tolist(), some.post.tolist(), keep[some.slot].tolist(), strict=True)) == expected


def test_one_coefficient_serves_all_and_columns_may_have_any_shape() -> None:
    pre = np.array([[0, 1], [2, 3]])
    assert Synapses.build(pre, pre, pre, 0.25).coef.tolist() == [0.25] * 4
    assert len(Synapses.build(np.zeros((0, 3)), np.zeros(0), np.zeros(0))) == 0


def test_columns_of_different_length_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"synapses: columns differ in length \(got \[2, 1, 1, 2\]"):
        Synapses.build(np.array([0, 1]), np.array([0]), np.array([0]))
    one = np.array([0])
    with pytest.raises(ShapeError, match="slots: columns differ"):
        Slots(one, one, np.array([1, 1])).check((1,), (1,))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (([5], [0], [0]), r"synapses: pre out of range \(got 5, expected 0 to 4\)"),
        (([0], [-1], [0]), r"synapses: post out of range \(got -1"),
        (([0], [0], [6]), "synapses: slot out of range"),
        (([0, 0], [0, 0], [1, 1]), "row 1 repeats or precedes"),
        (([0, 0], [1, 0], [0, 0]), "row 1 repeats or precedes"),
        (([1, 0], [0, 0], [0, 0]), "row 1 repeats or precedes"),
    ],
)
def test_a_broken_synapse_table_is_named(table: tuple[list[int], ...], message: str) -> None:
    pre, post, slot = (np.array(column) for column in table)
    with pytest.raises(ShapeError, match=message):
        Synapses(pre, post, slot, np.ones(len(pre))).check((5,), (4,), 6)


def test_infinite_coefficients_are_refused() -> None:
    zero = np.zeros(1, np.int64)
    with pytest.raises(ShapeError, match="NaN or infinity"):
        Synapses(zero, zero, zero, np.array([np.inf])).check((1,), (1,), 1)


def test_a_slot_has_a_synapse_and_its_ends_are_in_range() -> None:
    one = np.array([0, 1])
    Slots(one, one, np.array([1, 2]), "site", "neuron").check((1, 2), (2, 1))
    with pytest.raises(ShapeError, match="slot 1 has no synapse"):
        Slots(one, one, np.array([1, 0])).check((2,), (2,))
    with pytest.raises(ShapeError, match=r"pre out of range \(got 1, expected 0 to 0\)"):
        Slots(one, one, np.array([1, 1])).check((1, 9), (2,))


def test_taking_slots_keeps_the_order_asked_for() -> None:
    table = Slots(np.array([0, 1, 2]), np.array([3, 4, 5]), np.array([6, 7, 8]), "site", "neuron").take(
        np.array([2, 0])
    )
    assert (table.pre.tolist(), table.post.tolist(), table.count.tolist()) == ([2, 0], [5, 3], [8, 6])
    assert (table.pre_end, table.post_end) == ("site", "neuron")
