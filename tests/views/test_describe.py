"""One table of a circuit: each number against a loop over slots or synapses."""

import numpy as np
import pandas as pd
import pytest

import circuitgraph as cg
from circuitgraph.ir import n_neurons
from circuitgraph.ir.shape import n_ends
from circuitgraph.views.describe import COLUMNS, describe


def circuit() -> cg.Circuit:
    c = cg.Circuit().add("image", (2, 4, 4)).connect("image", "conv", cg.Conv(3, padding=1), units=3, neuron=cg.ReLU())
    c = c.connect("conv", "pool", cg.Pool(2)).connect("pool", "hidden", cg.ErdosRenyi(0.3), units=8, rule=cg.Oja(0.1))
    c = c.connect("hidden", "hidden", cg.ErdosRenyi(0.4, self_loops=True), delay=1)
    return c.connect("hidden", "out", cg.Dense(), units=2, fixed=True, name="last")


def test_every_number_is_that_of_a_loop() -> None:
    c = circuit()
    table = describe(c)
    for p in c.projections:
        row, slots = table.loc[p.name], c.slots(p)
        pre, post = c.shapes(p)
        w = p.weight.astype(np.float64)
        into = [sum(slots.post == j) for j in range(n_ends(post, slots.post_end))]
        out = [sum(slots.pre == i) for i in range(n_ends(pre, slots.pre_end))]
        assert (row.n_slots, row.n_synapses) == (len(slots), len(c.synapses(p)))
        assert row.density == len(c.synapses(p)) / (n_neurons(pre) * n_neurons(post))
        assert row[["weight_mean", "weight_std", "weight_min", "weight_max"]].tolist() == pytest.approx(
            [w.mean(), w.std(), w.min(), w.max()]
        )
        assert row.negative == np.mean([x < 0 for x in w])
        assert (row.in_degree_mean, row.in_degree_max) == (np.mean(into), max(into))
        assert (row.out_degree_mean, row.out_degree_max) == (np.mean(out), max(out))
        assert (row.pre, row.post, row.fixed, row.delay, row.topology) == (
            p.pre, p.post, p.fixed, p.delay, repr(p.topology),
        )  # fmt: skip
    assert table.loc["pool->hidden", "rule"] == repr(cg.Oja(0.1))
    assert table.loc["conv", ["n_units", "n_sites", "neuron", "what"]].tolist() == [3, 16, "ReLU()", "population"]


def test_reciprocity_is_of_what_is_wired_to_itself() -> None:
    c = circuit()
    slots = c.slots("hidden->hidden")
    linked = {(i, j) for i, j in zip(slots.pre.tolist(), slots.post.tolist(), strict=True) if i != j}
    table = describe(c)
    assert table.loc["hidden->hidden", "reciprocity"] == np.mean([(j, i) in linked for i, j in linked])
    assert table["reciprocity"].notna().sum() == 1
    whole = cg.Circuit().add("x", (3, 4)).connect("x", "x", cg.Conv(3, padding=1), delay=1)
    assert describe(whole).loc["x->x", "reciprocity"] == 1  # several slots between two units are one link
    chain = cg.Circuit().add("x", 3).connect("x", "x", cg.Explicit([0, 1], [1, 2]), delay=1)
    assert describe(chain).loc["x->x", "reciprocity"] == 0
    loop = cg.Circuit().add("x", 3).connect("x", "x", cg.Explicit([0], [0]), delay=1)
    assert np.isnan(describe(loop).loc["x->x", "reciprocity"])


def test_a_row_each_in_order_with_the_columns_that_are_promised() -> None:
    c = circuit()
    table = describe(c)
    assert table.index.tolist() == [p.name for p in c.populations] + [p.name for p in c.projections]
    assert table.columns.tolist() == list(COLUMNS)
    assert c.describe().equals(table)
    assert table["n_slots"].sum() == c.n_slots
    assert table["n_units"].sum() == c.n_units
    assert isinstance(table, pd.DataFrame)


def test_it_prints_all_columns_and_no_blanks_by_name() -> None:
    shown = str(describe(circuit()))
    assert all(column in shown for column in COLUMNS)
    assert not {"NaN", "<NA>", "None", "..."} & set(shown.split())
    assert "ErdosRenyi(density=0.3)" in shown
    assert max(map(len, shown.splitlines())) <= 160
    assert str(describe(cg.Circuit())) == "no populations"


def test_circuits_of_populations_alone_and_empty_projections_are_described() -> None:
    assert describe(cg.Circuit().add("x", 2)).loc["x", "n_units"] == 2
    empty = describe(cg.Circuit().add("x", 2).connect("x", "y", cg.Explicit([], []), units=2))
    assert empty.loc["x->y", ["n_slots", "density", "in_degree_mean"]].tolist() == [0, 0, 0]
    assert np.isnan(empty.loc["x->y", "weight_mean"])
