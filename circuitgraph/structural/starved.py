"""Whether newcomers learn: their gradients and updates against those of the units that were there before."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from circuitgraph.compiler import Network
from circuitgraph.errors import StateError
from circuitgraph.ir import Circuit
from circuitgraph.structural.seen import Side, see

if TYPE_CHECKING:
    from circuitgraph.views import Frame


def newborn_report(net: Network, since: Circuit, *, born: Mapping[str, np.ndarray] | None = None) -> "Frame":
    """Compare newcomers with incumbents, by what they learn with: one row for each population and side.

    Columns: name; side ("in" for weights onto a unit, "out" for those that it speaks through); n_newborns,
    n_incumbents; gradient and update of both, and newborn / incumbent as gradient_ratio and update_ratio.

    gradient: the norm of `w.grad` over a unit's slots, as the last backward pass left it, meaned over units
    update:   that of the change of weights since the snapshot `since`, over slots that were there

    `born` gives the ids of newcomers by population; by default those that were born in the network's log and live.
    NaN where there is no gradient, or nothing to compare with.

    Raises:
        StateError: no newcomers.

    Example:
        >>> import circuitgraph as cg
        >>> c = cg.Circuit().add("x", 1).connect("x", "y", cg.Dense(), units=2, weight=1.0)
        >>> net = cg.compile(c.connect("y", "z", cg.Dense(), units=1, weight=1.0))
        >>> remap = net.edit(cg.Grow("y", 1, [[1.0]]))
        >>> since = net.snapshot()
        >>> net(torch.ones(1, 1)).sum().backward()
        >>> newborn_report(net, since)[["side", "n_newborns", "n_incumbents", "gradient_ratio"]].values.tolist()
        [['in', 1, 2, 0.0], ['out', 1, 2, 1.0]]
    """
    from circuitgraph.views import frame

    ids = _born(net) if born is None else {name: np.asarray(new) for name, new in born.items()}
    rows = []
    for p in net.circuit.populations:
        new = np.isin(p.unit_ids, ids.get(p.name, np.zeros(0, np.int64)))
        if not new.any():
            continue
        for side in ("in", "out"):
            row: dict[str, object] = {"name": p.name, "side": side}
            row |= {"n_newborns": int(new.sum()), "n_incumbents": int((~new).sum())}
            sizes = _sizes(net, p.name, "post" if side == "in" else "pre", since)
            for what, size in sizes.items():
                young, old = (float(size[torch.tensor(mask)].mean()) for mask in (new, ~new))
                ratio = young / old if old else float("nan")
                row |= {what: young, f"{what}_incumbents": old, f"{what}_ratio": ratio}
            rows.append(row)
    if not rows:
        raise StateError(
            "newborn_report: no newcomers (got no unit that was born and lives); grow first, or pass born="
        )
    return frame(rows, ["name", "side"])


def _born(net: Network) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    for entry in net.log.entries:
        for name, ids in entry.born_units.items():
            found[name] = np.union1d(found.get(name, ids[:0]), ids)
    return found


def _sizes(net: Network, population: str, side: Side, since: Circuit) -> dict[str, Tensor]:
    """Give the norm of gradient and update of each unit's slots at one side.  Shape: (U,) each, float64 on the CPU."""
    n = net.circuit.population(population).n_units
    squares = {what: torch.zeros(n, dtype=torch.float64) for what in ("gradient", "update")}
    reached = dict.fromkeys(squares, False)
    for q in net.circuit.projections:
        if population != (q.post if side == "post" else q.pre) or q.fixed:
            continue
        seen = see(net.circuit, q.name, net.weights[q.name])
        if seen.slot_ends(side)[1] == "site":
            continue
        found = {"gradient": net.weights[q.name].grad, "update": _update(net, q.name, since)}
        for what, values in found.items():
            if values is not None:
                squares[what] += seen.sum_units(values.double().square(), side).cpu()
                reached[what] = True
    return {what: value.sqrt() if reached[what] else value.fill_(float("nan")) for what, value in squares.items()}


def _update(net: Network, name: str, since: Circuit) -> Tensor | None:
    """Give the change of each slot since a snapshot, slot by slot id; zero for those that were not there."""
    before = next((q for q in since.projections if q.name == name), None)
    if before is None:
        return None
    ids, w = net.circuit.projection(name).slot_ids, net.weights[name].detach().double()
    order = np.argsort(before.slot_ids, kind="stable")
    at = np.searchsorted(before.slot_ids, ids, sorter=order).clip(max=max(0, before.n_slots - 1))
    at = order[at] if before.n_slots else at
    there = before.slot_ids[at] == ids if before.n_slots else np.zeros(len(ids), bool)
    old = np.zeros(len(ids))
    old[there] = before.weight[at[there]]
    return torch.where(torch.tensor(there, device=w.device), w - torch.tensor(old, device=w.device), 0)
