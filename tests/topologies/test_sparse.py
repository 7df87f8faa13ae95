from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuitgraph.errors import ShapeError
from circuitgraph.topologies import Explicit

pairs = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)), unique=True)


@given(pairs)
def test_slots_stay_in_the_order_given_and_synapses_are_sorted(listed: list[tuple[int, int]]) -> None:
    law = Explicit([p for p, _ in listed], [q for _, q in listed])
    slots, table = law.slots((5,), (4,)), law.synapses((5,), (4,))
    table.check((5,), (4,), len(listed))
    assert list(zip(slots.pre.tolist(), slots.post.tolist(), strict=True)) == listed
    assert [listed[s] for s in table.slot] == list(zip(table.pre.tolist(), table.post.tolist(), strict=True))
    assert slots.count.tolist() == [1] * len(listed)


def test_ends_are_neurons_where_there_are_sites() -> None:
    table = Explicit([5], [1]).slots((2, 3), (2,))
    assert (table.pre_end, table.post_end) == ("neuron", "unit")


@pytest.mark.parametrize(
    ("pre", "post", "message"),
    [
        ([0, 1], [0], r"Explicit: pre and post differ in length \(got 2 and 1"),
        ([0, 0], [1, 1], "pair 0 -> 1 comes twice"),
        ([0.5], [1], r"Explicit: pre: not a list of indices \(got float64"),
        ([[0]], [1], "pre: not a list of indices"),
        ([0], [True], "post: not a list of indices .*flatnonzero"),
    ],
)
def test_what_is_no_list_of_pairs_is_refused(pre: Any, post: Any, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        Explicit(pre, post)


def test_indices_out_of_range_are_named() -> None:
    with pytest.raises(
        ShapeError, match=r"Explicit\(pre=\[3\], post=\[0\]\): pre out of range \(got 3, expected 0 to 2\)"
    ):
        Explicit([3], [0]).check((3,), (1,))
    with pytest.raises(ShapeError, match=r"post out of range \(got -1"):
        Explicit([0], [-1]).check((3,), (1,))


def test_the_number_of_units_is_needed() -> None:
    with pytest.raises(ShapeError, match="pass units="):
        Explicit([0], [0]).post_shape((3,))
