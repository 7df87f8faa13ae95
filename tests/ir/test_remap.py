import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuitgraph.errors import ShapeError
from circuitgraph.ir import Remap, carry


@st.composite
def steps(draw: st.DrawFn) -> tuple[int, list[int], list[int]]:
    """Draw a size, and two index tables that follow each other."""
    n = draw(st.integers(0, 5))
    first = draw(st.lists(st.integers(-1, n - 1), max_size=6))
    later = draw(st.lists(st.integers(-1, len(first) - 1), max_size=6))
    return n, first, later


@given(steps())
def test_carrying_twice_equals_carrying_by_the_composition(drawn: tuple[int, list[int], list[int]]) -> None:
    n, first, later = drawn
    a, b = np.array(first, dtype=np.int64), np.array(later, dtype=np.int64)
    old, new_a, new_b = np.arange(n), 100 + np.arange(len(a)), 200 + np.arange(len(b))
    both = Remap(slots={"p": a}).then(Remap(slots={"p": b})).slots["p"]
    twice = carry(b, carry(a, old, new_a), new_b)
    assert np.array_equal(twice, carry(both, old, carry(b, new_a, new_b)))
    assert np.array_equal(both >= 0, (twice < 100))


@st.composite
def histories(draw: st.DrawFn) -> tuple[dict[str, int], list[Remap]]:
    """Draw three edits of up to three projections: change, remove, add again."""
    sizes = {name: draw(st.integers(0, 4)) for name in "pq"}
    now, edits = dict(sizes), []
    for _ in range(3):
        slots, removed = {}, set()
        for name in "pqr":
            what = draw(st.sampled_from(["stay", "change", "remove", "add"]))
            if name in now and what == "change":
                slots[name] = draw(st.lists(st.integers(-1, now[name] - 1), max_size=4))
                now[name] = len(slots[name])
            elif name in now and what == "remove":
                removed.add(name)
                del now[name]
            elif name not in now and what == "add":
                slots[name] = [-1] * draw(st.integers(0, 4))
                now[name] = len(slots[name])
        edits.append(Remap(slots=slots, removed=frozenset(removed)))
    return sizes, edits


def apply(remap: Remap, columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Carry columns of numbers by hand; what is new holds -1."""
    kept = {name: column for name, column in columns.items() if name not in remap.removed}
    for name, index in remap.slots.items():
        kept[name] = carry(index, columns.get(name, np.zeros(0, np.int64)), np.full(len(index), -1))
    return kept


@given(histories())
def test_composition_follows_projections_that_go_and_come(drawn: tuple[dict[str, int], list[Remap]]) -> None:
    sizes, (a, b, c) = drawn
    start = {name: np.arange(n) for name, n in sizes.items()}
    expected = apply(c, apply(b, apply(a, start)))
    for remap in (a.then(b).then(c), a.then(b.then(c))):
        got = apply(remap, start)
        assert got.keys() == expected.keys()
        assert all(np.array_equal(got[name], expected[name]) for name in expected)


def test_units_and_slots_compose_apart() -> None:
    both = Remap(units={"a": [1, 0]}).then(Remap(slots={"a->b": [2]}, removed=frozenset({"c"})))
    assert both == Remap(units={"a": [1, 0]}, slots={"a->b": [2]}, removed=frozenset({"c"}))


def test_remaps_that_do_not_chain_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"remap: slots of 'p' do not chain \(got index 2, expected below 2\)"):
        Remap(slots={"p": [0, 1]}).then(Remap(slots={"p": [2]}))
    with pytest.raises(ShapeError, match="do not chain"):
        Remap(removed=frozenset({"p"})).then(Remap(slots={"p": [0]}))


def test_the_identity_changes_nothing_on_either_side() -> None:
    remap = Remap(units={"a": [2, -1]}, slots={"p": [0, 3]}, removed=frozenset({"q"}))
    assert Remap().is_identity
    assert not remap.is_identity
    assert Remap().then(remap) == remap == remap.then(Remap())


def test_dropping_the_last_rows_is_no_identity() -> None:
    assert not Remap(slots={"p": [0, 1]}).is_identity


def test_tables_are_checked_and_frozen() -> None:
    for bad in ([-2], [0.5], [True], [[0]]):
        with pytest.raises(ShapeError, match="remap: units of 'a'"):
            Remap(units={"a": bad})  # type: ignore[dict-item]
    remap = Remap(units={"a": np.array([0])})
    with pytest.raises(TypeError):
        remap.units["b"] = np.zeros(1)  # type: ignore[index]
    assert pickle.loads(pickle.dumps(remap)) == remap
    assert remap != object()


def test_carry_takes_survivors_from_old_and_the_rest_from_new() -> None:
    old, new = np.arange(6.0).reshape(3, 2), np.full((2, 2), 9.0, np.float32)
    out = carry(np.array([2, -1]), old, new)
    assert out.tolist() == [[4, 5], [9, 9]]
    assert out.dtype == np.float32
    assert new.min() == 9


@pytest.mark.parametrize(
    ("index", "old", "new", "message"),
    [
        ([0], 3, 2, "sizes do not fit"),
        ([3], 3, 1, r"index out of range \(got 3, expected -1 to 2\)"),
        ([-2], 3, 1, r"index out of range \(got -2"),
        ([0], (3, 2), (1, 4), "sizes do not fit"),
    ],
)
def test_carry_refuses_sizes_that_do_not_fit(index: list[int], old: object, new: object, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        carry(np.array(index), np.zeros(old), np.zeros(new))  # type: ignore[call-overload]
