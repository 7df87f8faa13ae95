"""Units that come and go, and slots that are added."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import circuitgraph as cg
from circuitgraph.edits import whole_keys
from circuitgraph.edits.grow import _grown_circuits
from circuitgraph.errors import ShapeError, StructureError

GROWN = _grown_circuits()


def outputs(circuit: cg.Circuit, x: torch.Tensor, *, exact: bool, dtype: torch.dtype) -> torch.Tensor:
    net = cg.compile(circuit, exact=exact, dtype=dtype)
    y = net.run([x.to(dtype), x.to(dtype)])[0]
    assert isinstance(y, torch.Tensor)
    return y


@pytest.mark.parametrize(("name", "circuit"), GROWN, ids=[str(k) for k in range(len(GROWN))])
def test_no_output_changes_when_units_are_born(name: str, circuit: cg.Circuit) -> None:
    grown, _ = cg.Grow(name, 3, seed=2).apply(circuit)
    x = torch.randn(4, *circuit.population("x").shape, generator=torch.Generator().manual_seed(0))
    for exact, dtype, allowed in (
        (True, torch.float64, 0.0),
        (False, torch.float64, 1e-14),
        (False, torch.float32, 1e-6),
    ):
        before, after = (outputs(c, x, exact=exact, dtype=dtype) for c in (circuit, grown))
        assert (after - before).abs().max() <= allowed


@pytest.mark.parametrize(("name", "circuit"), GROWN, ids=[str(k) for k in range(len(GROWN))])
def test_a_newcomer_hears_somebody_and_is_heard_by_zero_weights(name: str, circuit: cg.Circuit) -> None:
    grown, remap = cg.Grow(name, 2, seed=2).apply(circuit)
    first = circuit.population(name).n_units
    heard, speaks = set(), set()
    for p in grown.projections:
        slots, (pre, post) = grown.slots(p), grown.shapes(p)
        to, by = slots.post // (np.prod(post[1:], dtype=int) if slots.post_end == "neuron" else 1), slots.pre
        by = by // (np.prod(pre[1:], dtype=int) if slots.pre_end == "neuron" else 1)
        if p.post == name:
            heard |= set(to[(p.weight != 0) & (to >= first)].tolist())
        if p.pre == name and p.post != name and not p.topology.tied(pre, post):
            speaks |= set(by[by >= first].tolist())
            assert not p.weight[by >= first].any()
            assert not p.fixed
    assert heard == {first, first + 1}
    assert speaks <= heard
    assert (remap.units[name] < 0).sum() == 2


def test_incoming_weights_can_be_given_row_by_row() -> None:
    circuit = cg.Circuit().add("x", 2).add("v", 1).connect("x", "y", cg.Dense(), units=1).connect("v", "y", cg.Dense())
    grown, _ = cg.Grow("y", 2, [[1, 2, 3], [4, 5, 6]]).apply(circuit)
    assert grown.projection("x->y").weight[2:].tolist() == [1, 2, 4, 5]
    assert grown.projection("v->y").weight[1:].tolist() == [3, 6]


def test_convolutions_take_incoming_rows_tap_by_tap() -> None:
    circuit = (
        cg.Circuit().add("x", (2, 5)).connect("x", "y", cg.Conv(3), units=1).connect("y", "z", cg.Dense(), units=1)
    )
    grown, _ = cg.Grow("y", 1, [np.arange(6.0)]).apply(circuit)
    assert grown.projection("x->y").weight[6:].tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("rows", [[[1.0]], [[1.0, 2.0, 3.0, 4.0]], [[1.0, 2.0]] * 2])
def test_incoming_rows_of_another_length_are_refused(rows: list[list[float]]) -> None:
    circuit = cg.Circuit().add("x", 2).connect("x", "y", cg.Dense(), units=1)
    with pytest.raises(ShapeError, match="incoming"):
        cg.Grow("y", 1, rows).apply(circuit)


def test_an_input_population_does_not_grow() -> None:
    circuit = cg.Circuit().add("x", 2).connect("x", "y", cg.OneToOne()).connect("y", "z", cg.Dense(), units=1)
    for name in ("x", "y"):
        with pytest.raises(StructureError, match=r"input population.*'x'"):
            cg.Grow(name, 1).apply(circuit)


def test_a_grouped_convolution_cannot_follow() -> None:
    circuit = (
        cg.Circuit()
        .add("x", (2, 5))
        .connect("x", "y", cg.Conv(1), units=4)
        .connect("y", "z", cg.Conv(1, groups=2), units=4)
    )
    with pytest.raises(StructureError, match="groups cannot follow"):
        cg.RemoveUnits("y", [0]).apply(circuit)


def test_ids_are_never_used_twice() -> None:
    circuit = cg.Circuit().add("x", 2).connect("x", "y", cg.Dense(), units=3).connect("y", "z", cg.Dense(), units=1)
    for edit in (cg.Grow("y", 1), cg.RemoveUnits("y", [3]), cg.Grow("y", 1)):
        circuit, _ = edit.apply(circuit)
    assert circuit.population("y").unit_ids.tolist() == [0, 1, 2, 4]
    assert circuit.projection("x->y").slot_ids.tolist() == [0, 1, 2, 3, 4, 5, 8, 9]


def test_removed_units_take_along_all_that_follows_them() -> None:
    circuit = (
        cg.Circuit().add("x", (1, 6)).connect("x", "y", cg.Conv(3), units=4).connect("y", "p", cg.Pool(2))
        .connect("p", "d", cg.Conv(2, groups=4)).connect("d", "z", cg.Dense(), units=2)
    )  # fmt: skip
    fewer, remap = cg.RemoveUnits("p", [1]).apply(circuit)
    assert [fewer.population(n).n_units for n in "xypdz"] == [1, 3, 3, 3, 2]
    assert fewer.projection("p->d").topology == cg.Conv(2, groups=3)
    assert all(remap.units[n].tolist() == [0, 2, 3] for n in "ypd")
    x = torch.randn(2, 1, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    kept = circuit.replace_projection(
        "d->z", weight=np.where(circuit.slots("d->z").pre == 1, 0, circuit.projection("d->z").weight)
    )
    torch.testing.assert_close(cg.compile(fewer, dtype=torch.float64)(x), cg.compile(kept, dtype=torch.float64)(x))


def test_the_last_unit_stays() -> None:
    circuit = cg.Circuit().add("x", 2).connect("x", "y", cg.Dense(), units=1).connect("y", "z", cg.Dense(), units=1)
    with pytest.raises(StructureError, match="no unit would be left"):
        cg.RemoveUnits("y", [0]).apply(circuit)


def test_tidy_removes_what_hears_nobody_and_what_nobody_hears() -> None:
    circuit = cg.Circuit().add("x", 2).connect("x", "y", cg.Explicit([0, 1, 1], [0, 1, 3]), units=4)
    circuit = circuit.connect("y", "v", cg.Explicit([0, 2, 3], [0, 1, 2]), units=3)
    circuit = circuit.connect("v", "z", cg.Explicit([0, 1], [0, 0]), units=1)
    tidy, remap = cg.Tidy().apply(circuit)
    # y1 and v2 are heard by nobody, y2 hears nobody; without them v1 hears nobody, and y3 is heard by nobody.
    assert remap.units["y"].tolist() == [0]
    assert remap.units["v"].tolist() == [0]
    assert cg.Tidy().apply(tidy)[0] is tidy


@given(st.integers(0, 2**31))
def test_adding_and_removing_slots_keeps_the_wiring_that_was_asked_for(seed: int) -> None:
    rng = np.random.default_rng(seed)
    law = [cg.Pruned(cg.Dense(), [1, 4, 7]), cg.ErdosRenyi(0.3), cg.Explicit([2, 0], [0, 1])][seed % 3]
    circuit = cg.Circuit().add("x", 3).connect("x", "y", law, units=4)
    for _ in range(5):
        shapes, p = circuit.shapes("x->y"), circuit.projection("x->y")
        n, keys = whole_keys(p.topology, *shapes)
        free = np.setdiff1d(np.arange(n), keys)
        add = rng.permutation(free)[: rng.integers(0, len(free) + 1)]
        remove = rng.permutation(len(keys))[: rng.integers(0, len(keys))]
        values = rng.standard_normal(len(add))
        expected = dict(zip(np.delete(keys, remove), np.delete(p.weight, remove), strict=True))
        expected |= dict(zip(add, values.astype(np.float32), strict=True))
        circuit, _ = cg.Rewire("x->y", remove, add, values).apply(circuit)
        new = circuit.projection("x->y")
        assert dict(zip(whole_keys(new.topology, *shapes)[1], new.weight, strict=True)) == expected
        assert len(set(new.slot_ids.tolist())) == new.n_slots


@pytest.mark.parametrize(
    ("keys", "what"), [([9], "out of range"), ([1], "has this slot already"), ([-1], "out of range")]
)
def test_slots_that_cannot_be_added_are_refused(keys: list[int], what: str) -> None:
    circuit = cg.Circuit().add("x", 3).connect("x", "y", cg.Pruned(cg.Dense(), [1]), units=3)
    with pytest.raises(ShapeError, match=what):
        cg.AddSlots("x->y", keys).apply(circuit)
