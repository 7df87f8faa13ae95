"""Excitation and inhibition by unit and by population, against a loop over slots."""

import numpy as np
import pytest

import circuitgraph as cg
from circuitgraph.errors import UnknownNameError
from circuitgraph.views.balance import COLUMNS, balance_of


def circuit() -> cg.Circuit:
    c = cg.Circuit().add("x", (2, 4)).connect("x", "y", cg.Conv(3, padding=1), units=3)
    c = c.connect("x", "y", cg.Conv(1), sign=-1, name="inhibition")
    c = c.connect("y", "y", cg.GraphEdges([0, 1, 2], [1, 2, 3]), delay=1)
    return c.connect("y", "z", cg.ErdosRenyi(0.5), units=4)


def by_loop(c: cg.Circuit) -> dict[tuple[str, int], list[float]]:
    found = {(p.name, u): [0.0] * 4 for p in c.populations for u in range(p.n_units)}
    for p in c.projections:
        slots = c.slots(p)
        for k, w in enumerate(p.weight.tolist()):
            for at, name, index, end in ((0, p.post, slots.post, slots.post_end), (2, p.pre, slots.pre, slots.pre_end)):
                shape = c.population(name).shape
                sites = int(np.prod(shape[1:]))
                units = range(shape[0]) if end == "site" else [index[k] if end == "unit" else index[k] // sites]
                for u in units:
                    found[name, int(u)][at + (w < 0)] += abs(w)
    return found


def test_every_slot_counts_once_in_and_once_out() -> None:
    table = balance_of(circuit())
    assert table.columns.tolist() == list(COLUMNS)
    for unit, expected in by_loop(circuit()).items():
        assert table.loc[unit].tolist()[:4] == pytest.approx(expected)
    row = table.loc[("y", 1)]
    assert row.ratio_in == pytest.approx(row.excitation_in / row.inhibition_in)
    assert row.index_in == pytest.approx(
        (row.excitation_in - row.inhibition_in) / (row.excitation_in + row.inhibition_in)
    )
    assert np.isnan(table.loc[("x", 0), "ratio_in"])


def test_populations_sum_their_units() -> None:
    units, populations = balance_of(circuit()), balance_of(circuit(), per="population")
    assert populations.index.tolist() == ["x", "y", "z"]
    for name in populations.index:
        assert populations.loc[name].tolist()[:4] == pytest.approx(units.loc[name].sum().tolist()[:4])


def test_dale_gives_every_unit_one_sign_to_send() -> None:
    c = cg.Circuit().add("x", 4).connect("x", "h", cg.Dense(), units=6, neuron=cg.ReLU())
    dale = cg.Dale("h").apply(c.connect("h", "y", cg.Dense(), units=3))[0]
    sent = balance_of(dale)["index_out"]
    assert set(sent["h_e"]) == {1.0}
    assert set(sent["h_i"]) == {-1.0}


def test_other_rows_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="no rows 'site'"):
        balance_of(circuit(), per="site")
