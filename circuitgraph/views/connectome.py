"""From a wiring diagram to a network that can be trained: an input, an output, and weights of a sane size."""

import dataclasses
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from scipy.sparse.linalg import ArpackError, eigs

from circuitgraph.errors import NumericError, ShapeError, StructureError, UnknownNameError
from circuitgraph.ir import Circuit, Population, Projection, Value, normal
from circuitgraph.ir.init import stream
from circuitgraph.ir.shape import is_integer
from circuitgraph.topologies import Dense, Explicit
from circuitgraph.views.columns import values
from circuitgraph.views.files.edge_list import circuit_of_edges

Chosen = Mapping[str, Any] | Iterable[Hashable]
_SMALL = 512
"""Units up to which all eigenvalues are worked out, exactly and in under a second."""
_PARTS = {1: "e", -1: "i", 0: "u"}


def from_connectome(
    source: Circuit | pd.DataFrame,
    *,
    inputs: Chosen,
    outputs: Chosen,
    n_inputs: int | None = None,
    n_outputs: int | None = None,
    neuron: Value | None = None,
    radius: float | None = 0.9,
    dale: bool = False,
    unknown: int = 1,
    electrical: Sequence[str] = ("electrical",),
    rng: np.random.Generator | int = 0,
) -> Circuit:
    """Make a circuit that can be trained of one population wired to itself, as `data.connectome` gives it.

    Population "input" feeds the units `inputs`; "output" is read from the units `outputs`, through the relay "readout".
    Both are chosen by attributes ({"type": "sensory"}, one value or a set), by labels, or by a mask (U,).
    `n_inputs` numbers reach each input unit by weights drawn from `rng`; None gives each unit an input of its own.
    `n_outputs` numbers are read by dense weights; None gives each unit an output of its own, without "readout".
    Names, attributes, ids and delays stay.  Recurrent weights are scaled, all alike, to the spectral `radius`; None
    leaves them as they are.

    With `dale` each recurrent projection P becomes P_e, whose weights are never negative, and P_i, never positive.
    A unit inhibits if its attribute `sign` is -1, excites if it is 1; without a sign it inhibits if its weights in the
    source add up to less than zero, and else is `unknown`: 1, -1, or 0 for a third part, P_u, of free weights.
    Gap junctions, the projections named in `electrical`, stay whole and are never negative.

    Raises:
        StructureError: a source of another form, or nothing chosen.
        UnknownNameError: a label or an attribute that is not there.
        NumericError: a spectral radius of 0, which no scaling changes.
        ShapeError: a mask or a number that does not fit.

    Example:
        >>> table = pd.DataFrame({"pre": ["a", "b"], "post": ["b", "a"], "weight": [2.0, 8.0]})
        >>> c = from_connectome(table, inputs=["a"], outputs=["b"], n_inputs=3, n_outputs=2, radius=0.5)
        >>> c.projection("neurons->neurons").weight.tolist()
        [1.0, 0.25]
    """
    circuit = circuit_of_edges(source, signs=None) if isinstance(source, pd.DataFrame) else source
    population = _only_population(circuit)
    into, out = (choose(population, chosen, what) for chosen, what in ((inputs, "inputs"), (outputs, "outputs")))
    tables = [_Edges.of(circuit, p) for p in circuit.projections]
    if dale:
        tables = [part for table in tables for part in _by_sign(table, _signs(tables, population, unknown), electrical)]
    scale = np.float32(1.0 if radius is None else _scale(tables, population.n_units, radius))
    cells = dataclasses.replace(population, neuron=neuron)
    grown = Circuit((Population("input", (_count(n_inputs, len(into), "n_inputs"),)), cells), (), circuit.attributes)
    grown = _feed(grown, population.name, into, n_inputs, rng)
    recurrent = tuple(table.projection(scale) for table in tables)
    grown = dataclasses.replace(grown, projections=grown.projections + recurrent)
    relay, size = Explicit(out, np.arange(len(out))), _count(n_outputs, len(out), "n_outputs")
    if n_outputs is None:
        return grown.connect(population.name, "output", relay, units=size, weight=1.0, fixed=True)
    grown = grown.connect(population.name, "readout", relay, units=len(out), weight=1.0, fixed=True)
    return grown.connect("readout", "output", Dense(), units=size, rng=rng)


def choose(population: Population, chosen: Chosen, what: str) -> np.ndarray:
    """Find the units that attributes, labels or a mask choose.  Shape: (K,), rising, but labels keep their order.

    Example:
        >>> p = Population("v1", (3,), attributes={"label": ["a", "b", "c"], "type": ["K", "P", "K"]})
        >>> choose(p, {"type": "K"}, "inputs").tolist(), choose(p, ["c", "a"], "inputs").tolist()
        ([0, 2], [2, 0])
    """
    if isinstance(chosen, Mapping):
        found = np.flatnonzero(_matching(population, chosen, what))
    elif isinstance(chosen, np.ndarray) and chosen.dtype == bool:
        if chosen.shape != (population.n_units,):
            raise ShapeError(f"{what}: mask of another shape (got {chosen.shape}, expected ({population.n_units},))")
        found = np.flatnonzero(chosen)
    else:
        found = _labelled(population, chosen, what)
    if not len(found):
        raise StructureError(f"{what}: no unit is chosen (got {chosen!r}); choose at least one")
    return found


def spectral_radius(matrix: "sp.csr_array[Any]") -> float:
    """Find the size of the largest eigenvalue of a square matrix: exactly if it is small, else to about 1e-4.

    Example:
        >>> spectral_radius(sp.csr_array(np.array([[0.0, 2.0], [8.0, 0.0]])))
        4.0
    """
    n = matrix.shape[0]
    if n <= _SMALL:
        return round(float(np.abs(np.linalg.eigvals(matrix.toarray())).max(initial=0.0)), 12)
    start = np.random.default_rng(0).standard_normal(n)
    try:
        found = eigs(matrix.astype(np.float64), k=1, which="LM", v0=start, tol=1e-5, return_eigenvectors=False)
    except ArpackError:  # it did not converge, or the matrix is too degenerate for it
        return growth(matrix, start)
    return float(np.abs(found).max())


def growth(matrix: "sp.csr_array[Any]", start: np.ndarray, n_steps: int = 400) -> float:
    """Estimate the spectral radius by powers: the mean growth of a vector over the second half of the steps.

    Complex pairs make single steps grow unevenly; the mean is right to about one part in `n_steps`.

    Example:
        >>> round(growth(sp.csr_array(np.array([[0.0, -2.0], [2.0, 0.0]])), np.ones(2)), 6)
        2.0
    """
    x, total, half = start, 0.0, n_steps // 2
    for step in range(n_steps):
        x = matrix @ x
        size = float(np.linalg.norm(x))
        if size < 1e-150:
            return 0.0
        x = x / size
        total += np.log(size) if step >= half else 0.0
    return float(np.exp(total / (n_steps - half)))


@dataclasses.dataclass(frozen=True, eq=False)
class _Edges:
    """The slots of one recurrent projection, and what becomes of them."""

    origin: Projection
    pre: np.ndarray
    post: np.ndarray
    weight: np.ndarray
    slot: np.ndarray
    name: str
    sign: int = 0

    @classmethod
    def of(cls, circuit: Circuit, p: Projection) -> "_Edges":
        slots = circuit.slots(p)
        return cls(p, slots.pre, slots.post, p.weight, np.arange(len(slots)), p.name, p.sign)

    def part(self, rows: np.ndarray, name: str, sign: int) -> "_Edges":
        weight = sign * np.abs(self.weight[rows]) if sign else self.weight[rows]
        return _Edges(self.origin, self.pre[rows], self.post[rows], weight, self.slot[rows], name, sign)

    def projection(self, scale: np.float32) -> Projection:
        own = {key: a[self.slot] for key, a in self.origin.attributes.items()}
        return dataclasses.replace(
            self.origin,
            topology=Explicit(self.pre, self.post),
            weight=self.weight.astype(np.float32) * scale,
            name=self.name,
            attributes=own,
            ids=self.origin.slot_ids[self.slot],
            sign=self.sign,
        )


def _only_population(circuit: Circuit) -> Population:
    if len(circuit.populations) != 1 or len(circuit.populations[0].shape) != 1 or not circuit.projections:
        got = f"got {len(circuit.populations)} populations and {len(circuit.projections)} projections"
        raise StructureError(f"from_connectome: needs one population without sites, wired to itself ({got})")
    (population,) = circuit.populations
    if population.name in ("input", "readout", "output"):
        raise StructureError(f"from_connectome: population {population.name!r} has a name that is needed; rename it")
    return population


def _matching(population: Population, wanted: Mapping[str, Any], what: str) -> np.ndarray:
    found = np.ones(population.n_units, bool)
    for name, value in wanted.items():
        if name not in population.attributes:
            known = ", ".join(map(repr, population.attributes)) or "none"
            raise UnknownNameError(f"{what}: no attribute {name!r} (expected one of {known})")
        allowed = value if isinstance(value, set | frozenset | list | tuple) else (value,)
        found &= np.array([item in allowed for item in values(population.attributes[name])], bool)
    return found


def _labelled(population: Population, chosen: Iterable[Hashable], what: str) -> np.ndarray:
    if isinstance(chosen, str) or not isinstance(chosen, Iterable):
        raise StructureError(f"{what}: not a choice (got {chosen!r}, expected attributes, labels or a mask)")
    labels = values(population.attributes["label"]) if "label" in population.attributes else range(population.n_units)
    index = {label: unit for unit, label in enumerate(labels)}
    units = []
    for label in chosen:
        if label not in index:
            raise UnknownNameError(
                f"{what}: no unit {label!r}; labels are the attribute 'label' of {population.name!r}"
            )
        units.append(index[label])
    if len(set(units)) < len(units):
        raise StructureError(f"{what}: a unit comes twice (got {len(units)} labels, {len(set(units))} different)")
    return np.array(units, np.int64)


def _signs(tables: list[_Edges], population: Population, unknown: int) -> np.ndarray:
    """Say of each unit whether it excites (1), inhibits (-1) or is free (0).  Shape: (U,)."""
    if unknown not in _PARTS:
        raise StructureError(f"unknown: no sign (got {unknown!r}, expected 1, -1 or 0)")
    n = population.n_units
    given = np.asarray(population.attributes.get("sign", np.zeros(n, np.int8)))
    if given.dtype.kind not in "iuf" or not np.isin(given, (-1, 0, 1)).all():
        raise NumericError(
            f"population {population.name!r}: attribute 'sign' (got {given.dtype}, expected 1, -1 and 0)"
        )
    total = sum((np.bincount(t.pre, t.weight, n) for t in tables), np.zeros(n))
    rest = np.where(total < 0, -1, unknown)
    return np.where(given != 0, given, rest).astype(np.int64)


def _by_sign(table: _Edges, signs: np.ndarray, electrical: Sequence[str]) -> list[_Edges]:
    if table.name in electrical:
        return [table.part(np.arange(len(table.pre)), table.name, 1)]
    of_slot = signs[table.pre]
    rows = {sign: np.flatnonzero(of_slot == sign) for sign in _PARTS}
    return [table.part(rows[sign], f"{table.name}_{_PARTS[sign]}", sign) for sign in _PARTS if len(rows[sign])]


def _scale(tables: list[_Edges], n_units: int, radius: float) -> float:
    if not np.isfinite(radius) or radius <= 0:
        raise NumericError(f"radius (got {radius!r}, expected a positive number, or None to leave weights as they are)")
    ends = [np.concatenate([getattr(t, end) for t in tables]) for end in ("post", "pre")]
    weight = np.concatenate([t.weight.astype(np.float64) for t in tables])
    largest = float(np.abs(weight).max(initial=0.0)) or 1.0
    found = largest * spectral_radius(sp.csr_array((weight / largest, (ends[0], ends[1])), shape=(n_units, n_units)))
    if found < 1e-9 * largest:
        raise NumericError("radius: the wiring has a spectral radius of 0, for it has no loops; pass radius=None")
    return radius / found


def _count(given: int | None, otherwise: int, name: str) -> int:
    if given is None:
        return otherwise
    if not is_integer(given, 1):
        raise ShapeError(f"{name} (got {given!r}, expected a positive integer, or None for one per unit)")
    return int(given)


def _feed(circuit: Circuit, post: str, into: np.ndarray, n: int | None, rng: np.random.Generator | int) -> Circuit:
    if n is None:
        return circuit.connect("input", post, Explicit(np.arange(len(into)), into), weight=1.0)
    law = Explicit(np.tile(np.arange(n), len(into)), np.repeat(into, n))
    weight = normal()(stream(rng, f"input->{post}"), n * len(into), float(n))
    return circuit.connect("input", post, law, weight=weight)
