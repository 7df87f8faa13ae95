"""Excitation and inhibition of a circuit's units, in one table."""

from typing import Literal

import numpy as np
import pandas as pd

from circuitgraph.errors import UnknownNameError
from circuitgraph.graphs.balance import Balance
from circuitgraph.ir import Circuit, Projection, n_sites
from circuitgraph.ir.shape import End, Shape

COLUMNS = (
    "excitation_in", "inhibition_in", "excitation_out", "inhibition_out", "ratio_in", "ratio_out", "index_in",
    "index_out",
)  # fmt: skip


def balance_of(circuit: Circuit, per: Literal["unit", "population"] = "unit") -> pd.DataFrame:
    """Sum the positive and the negative weights that each unit, or each population, receives and sends: one row each.

    Every slot counts once, whatever it lies beside: parallel projections of both signs do not cancel, as they would in
    a graph.  Slots between sites are of every unit.  ratio = excitation / inhibition (infinite without inhibition);
    index = (excitation - inhibition) / (excitation + inhibition), 0 in balance.  `graphs.balance` says more.

    Raises:
        UnknownNameError: for rows of anything else.

    Example:
        >>> import circuitgraph as cg
        >>> c = cg.Circuit().add("x", 2).connect("x", "y", cg.Dense(), units=1, weight=[3.0, -1.0])
        >>> balance_of(c).loc[("y", 0), ["excitation_in", "inhibition_in", "ratio_in", "index_in"]].tolist()
        [3.0, 1.0, 3.0, 0.5]
    """
    if per not in ("unit", "population"):
        raise UnknownNameError(f"balance_of: no rows {per!r} (expected 'unit' or 'population')")
    sizes = [p.n_units for p in circuit.populations]
    starts = dict(zip((p.name for p in circuit.populations), np.cumsum([0, *sizes])[:-1].tolist(), strict=True))
    sums = np.zeros((4, circuit.n_units))
    for p in circuit.projections:
        _add(sums, circuit, p, starts)
    population = np.repeat(np.arange(len(sizes)), sizes)
    found = Balance(*sums) if per == "unit" else Balance(*sums).grouped(population)
    names = [p.name for p in circuit.populations]
    units = [(name, unit) for name, size in zip(names, sizes, strict=True) for unit in range(size)]
    index = pd.MultiIndex.from_tuples(units, names=["population", "unit"])
    rows = index if per == "unit" else pd.Index(names, name="population")
    return pd.DataFrame({name: getattr(found, name) for name in COLUMNS}, index=rows)


def _add(sums: np.ndarray, circuit: Circuit, p: Projection, starts: dict[str, int]) -> None:
    """Add a projection's weights to what its units receive and send."""
    slots, (pre, post) = circuit.slots(p), circuit.shapes(p)
    weight = p.weight.astype(np.float64)
    for row, name, shape, index, end in (
        (0, p.post, post, slots.post, slots.post_end),
        (2, p.pre, pre, slots.pre, slots.pre_end),
    ):
        units = slice(starts[name], starts[name] + shape[0])
        for k, part in enumerate((np.maximum(weight, 0), np.maximum(-weight, 0))):
            sums[row + k, units] += _per_unit(part, index, end, shape)


def _per_unit(weight: np.ndarray, index: np.ndarray, end: End, shape: Shape) -> np.ndarray:
    if end == "site":
        return np.full(shape[0], weight.sum())
    unit = index if end == "unit" else index // n_sites(shape)
    return np.bincount(unit, weight, shape[0])
