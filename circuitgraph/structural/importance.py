"""What a network owes to its parts: how a measure changes when each of them is lesioned."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from circuitgraph.compiler import Network
from circuitgraph.compiler.lesion import Lesion
from circuitgraph.errors import NumericError, ShapeError, UnknownNameError
from circuitgraph.ir import Circuit
from circuitgraph.ir.value import index_array
from circuitgraph.views import Frame, frame

Evaluate = Callable[[Network], float]
"""Measures a network: an accuracy on a validation split, a loss, anything that is one number."""
COLUMNS = ["group", "n_units", "n_slots", "value", "change", "baseline"]


def importance(net: Network, evaluate: Evaluate, groups: Any = "populations", *, progress: bool = False) -> Frame:
    """Lesion one group after the other and measure the network: one row each, the largest change for the worse first.

    `change` is `value` less `baseline`, which is what the whole network scores; of equal changes, and of measures where
    less is better read the table from below.  `groups` says what is lesioned together:

    - "populations", "projections" or "units" (every unit by itself): each of the circuit's;
    - a `Partition`, or one label per unit in the order of `circuit.graph()`: each community, named by its label;
    - a mapping from names to units by population, or to `Lesion`s.

    The network is measured in eval mode, and is afterwards as it was.  Lesions are those of `Network.lesioned`.

    Raises:
        UnknownNameError: for other groups, or units that do not exist.
        ShapeError: for no groups, or labels that do not fit.
        NumericError: for a measure that is no number, or NaN.

    Example:
        >>> import torch, circuitgraph as cg
        >>> net = cg.compile(cg.Circuit().add("x", 3).connect("x", "y", cg.Dense(), units=1, weight=[5.0, 0.0, 1.0]))
        >>> table = importance(net, lambda net: net(torch.ones(1, 3)).item(), {f"x{i}": {"x": i} for i in range(3)})
        >>> table[["group", "change"]].values.tolist()
        [['x0', -5.0], ['x2', -1.0], ['x1', 0.0]]
    """
    lesions = groups_of(net.circuit, groups)
    modes = [(module, module.training) for module in net.modules()]
    try:
        net.eval()
        baseline, rows = _measured(evaluate, net, "the whole network"), []
        for group, lesion in tqdm(lesions.items(), disable=not progress, desc="lesions"):
            with net.lesioned(lesion):
                found = _measured(evaluate, net, group)
            sizes = {"n_units": lesion.n_units, "n_slots": lesion.n_slots}
            rows.append({"group": group, **sizes, "value": found, "change": found - baseline, "baseline": baseline})
    finally:
        for module, mode in modes:
            module.training = mode
    return frame(sorted(rows, key=lambda row: row["change"]), COLUMNS)


def groups_of(circuit: Circuit, groups: Any) -> dict[Any, Lesion]:
    """Read what is to be lesioned together, by name; see `importance`.

    Raises:
        UnknownNameError: for other groups, or units that do not exist.
        ShapeError: for no groups, or labels that do not fit.

    Example:
        >>> import circuitgraph as cg
        >>> circuit = cg.Circuit().add("x", 2).connect("x", "y", cg.Dense(), units=1)
        >>> list(groups_of(circuit, "units")), list(groups_of(circuit, [7, 3, 7]))
        ([('x', 0), ('x', 1), ('y', 0)], [3, 7])
    """
    if isinstance(groups, str):
        if groups not in _EACH:
            expected = f"expected one of {', '.join(_EACH)}, labels or a mapping"
            raise UnknownNameError(f"importance: no groups {groups!r} ({expected})")
        found = _EACH[groups](circuit)
    elif isinstance(groups, Mapping):
        found = {name: Lesion.read(circuit, units) for name, units in groups.items()}
    else:
        labels = index_array(getattr(groups, "labels", groups), "importance: labels")
        found = {int(label): Lesion.read(circuit, labels, label=label) for label in np.unique(labels)}
    if not found:
        raise ShapeError("importance: nothing to lesion (got no group, expected at least one)")
    return found


def _populations(circuit: Circuit) -> dict[Any, Lesion]:
    return {p.name: Lesion.read(circuit, p.name) for p in circuit.populations}


def _projections(circuit: Circuit) -> dict[Any, Lesion]:
    return {p.name: Lesion.read(circuit, slots={p.name: np.arange(p.n_slots)}) for p in circuit.projections}


def _units(circuit: Circuit) -> dict[Any, Lesion]:
    units = ((p.name, unit) for p in circuit.populations for unit in range(p.n_units))
    return {(name, unit): Lesion.read(circuit, {name: unit}) for name, unit in units}


_EACH: dict[str, Callable[[Circuit], dict[Any, Lesion]]] = {
    "populations": _populations,
    "projections": _projections,
    "units": _units,
}


def _measured(evaluate: Evaluate, net: Network, group: Any) -> float:
    given = evaluate(net)
    try:
        found = float(given)
    except (TypeError, ValueError) as error:
        raise NumericError(f"importance: measure of {group!r} (got {given!r}, expected one number)") from error
    if math.isnan(found):
        raise NumericError(f"importance: measure of {group!r} (got NaN, expected one number)")
    return found
