"""What pictures are drawn of: circuits, networks, graphs and matrices, and the connections between units in them."""

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import scipy.sparse as sp

from circuitgraph.errors import NumericError, ShapeError, StructureError
from circuitgraph.graphs.arrays import Arrays
from circuitgraph.ir import Circuit, Projection, n_sites
from circuitgraph.views.pairs import pairs


@runtime_checkable
class Snapshots(Protocol):
    """What has a circuit to show: a network.  Named by what it does, so that pictures of structure need no torch."""

    def snapshot(self) -> Circuit:
        """Give the circuit as it is now."""


@runtime_checkable
class Wired(Protocol):
    """What has compressed arrays to show: a graph of `Circuit.graph`."""

    def arrays(self) -> Arrays:
        """Give the edges."""


@dataclass(frozen=True, eq=False)
class Wiring:
    """Connections between units: matrix[pre, post] = summed weight, and where each population begins.

    A connection of weight 0 is an explicit zero.  Shape: matrix (N, N); begins (P + 1,) for P names.
    """

    matrix: Any
    names: tuple[str, ...]
    begins: np.ndarray

    @property
    def n(self) -> int:
        """Count the units."""
        return int(self.matrix.shape[0])


def circuit_of(source: object, where: str) -> Circuit:
    """Give the circuit of a circuit or a network.

    Raises:
        StructureError: for what is neither, or has no population.
    """
    circuit = source.snapshot() if isinstance(source, Snapshots) else source
    if not isinstance(circuit, Circuit):
        raise StructureError(f"{where}: what to draw (got {type(source).__name__}, expected a Circuit or a Network)")
    if not circuit.populations:
        raise StructureError(f"{where}: nothing to draw (got an empty circuit, expected at least one population)")
    return circuit


def wiring_of(source: object, where: str) -> Wiring:
    """Read the connections between units of a circuit, a network, a graph, or a square matrix, dense or sparse.

    Raises:
        StructureError: for anything else.  ShapeError: for a matrix that is not square.
        NumericError: for one that holds what is no finite number.
    """
    if isinstance(source, Wired):
        return _one(source.arrays().matrix)
    if sp.issparse(source) or isinstance(source, np.ndarray):
        matrix: Any = source
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not matrix.shape[0]:
            got = f"got shape {tuple(matrix.shape)}, expected (N, N) with N at least 1"
            raise ShapeError(f"{where}: no adjacency matrix ({got})")
        return _one(_checked(sp.csr_array(matrix), where))
    circuit = circuit_of(source, where)
    begins = np.cumsum([0, *(p.n_units for p in circuit.populations)])
    start = dict(zip((p.name for p in circuit.populations), begins.tolist(), strict=False))
    n = int(begins[-1])
    matrix = sp.csr_array((n, n))
    for p in circuit.projections:
        pre, post, weight = unit_pairs(circuit, p)
        matrix = _added(matrix, sp.csr_array((weight, (pre + start[p.pre], post + start[p.post])), shape=(n, n)))
    return Wiring(matrix, tuple(p.name for p in circuit.populations), begins)


def unit_pairs(circuit: Circuit, p: Projection) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """List the connected units of a projection; a pair comes once for each slot.  Shape: three of (E,)."""
    pre, post = circuit.shapes(p)
    slots = p.topology.slots(pre, post)
    if "site" in (slots.pre_end, slots.post_end):
        found = pairs(circuit, p, "unit")
        return found.pre, found.post, found.weight
    at_pre = slots.pre if slots.pre_end == "unit" else slots.pre // n_sites(pre)
    at_post = slots.post if slots.post_end == "unit" else slots.post // n_sites(post)
    return at_pre, at_post, p.weight.astype(np.float64)


def _one(matrix: Any) -> Wiring:
    return Wiring(matrix, ("",), np.array([0, matrix.shape[0]]))


def _checked(matrix: Any, where: str) -> Any:
    if matrix.dtype.kind not in "fiub" or not np.isfinite(matrix.data).all():
        raise NumericError(
            f"{where}: weights are not finite numbers (got {matrix.dtype} with NaN, infinity or no number)"
        )
    return matrix.astype(np.float64)


def _added(a: Any, b: Any) -> Any:
    """Add matrices; unlike scipy's own sum, connections of weight 0 stay."""
    if not a.nnz:
        return b
    first, second = a.tocoo(), b.tocoo()
    rows, columns = (np.concatenate([x, y]) for x, y in zip(first.coords, second.coords, strict=True))
    return sp.csr_array((np.concatenate([first.data, second.data]), (rows, columns)), shape=a.shape)


def effect_of(p: Projection) -> str:
    """Say whether a projection "excites", "inhibits" or does both ("mixed"); a shunt divides, so it inhibits."""
    if p.sign or p.port == "shunt":
        return "excites" if p.sign > 0 and p.port != "shunt" else "inhibits"
    if not (p.weight < 0).any():
        return "excites"
    return "mixed" if (p.weight > 0).any() else "inhibits"
