"""Circuits from adjacency matrices, and adjacency matrices from circuits: rows are pre, columns are post."""

from collections.abc import Hashable, Sequence
from typing import Any, Literal

import numpy as np
import scipy.sparse as sp

from circuitgraph.errors import NumericError, ShapeError, UnknownNameError
from circuitgraph.ir import Circuit
from circuitgraph.views.build import graph_circuit, positions
from circuitgraph.views.columns import column
from circuitgraph.views.pairs import MAX_EDGES, check_size, pairs


def from_adjacency(
    matrix: Any,
    labels: Sequence[Hashable] | None = None,
    *,
    label: str = "label",
    name: str = "neurons",
    delay: int = 1,
) -> Circuit:
    """Make a circuit of a square matrix of weights: rows are pre, columns are post.

    Shape: matrix (N, N), a NumPy array (edges where it is not zero) or any SciPy sparse one (edges where it stores a
    number, zeros included; what it stores twice is summed), `labels` N different names, 0 to N-1 by default.  Slots
    come row by row.

    Raises:
        ShapeError: a matrix that is not square, or labels of another number.
        NumericError: a matrix that holds NaN or infinity, or no real numbers.
        StructureError: labels that are not unique.

    Example:
        >>> circuit = from_adjacency(np.array([[0, 2], [0, 0]]), ["pre", "post"])
        >>> circuit.projections[0].topology, circuit.projections[0].weight.tolist()
        (Explicit(pre=[0], post=[1]), [2.0])
    """
    pre, post, weight, n = _entries(matrix)
    names = list(range(n)) if labels is None else list(labels)
    if len(names) != n:
        raise ShapeError(f"adjacency: one label per row (got {len(names)} labels, expected {n})")
    positions(names)
    return graph_circuit({label: column(names, "node")}, pre, post, weight, {}, name=name, delay=delay)


def to_adjacency(
    circuit: Circuit, level: Literal["unit", "neuron"] = "unit", *, max_edges: int | None = MAX_EDGES
) -> "sp.csr_array[Any]":
    """Make a sparse matrix of a circuit: rows are pre, columns are post, in the order of `to_networkx`'s nodes.

    The entries are the weights of `to_networkx`, summed over parallel projections; delays do not show.

    Shape: (N, N) float64, N all units or all neurons, one population after the other.

    Raises:
        ShapeError: more than `max_edges` slots (level unit) or synapses (level neuron); None lists them all.
        UnknownNameError: another level.

    Example:
        >>> to_adjacency(from_adjacency(np.array([[0, 2], [3, 0]]))).toarray().tolist()
        [[0.0, 2.0], [3.0, 0.0]]
    """
    if level not in ("unit", "neuron"):
        raise UnknownNameError(f"level {level!r}: no matrix (expected 'unit' or 'neuron')")
    check_size(circuit, level, max_edges)
    sizes = [p.n_units if level == "unit" else p.n_neurons for p in circuit.populations]
    start = dict(zip((p.name for p in circuit.populations), np.cumsum([0, *sizes])[:-1].tolist(), strict=True))
    found = [(p, pairs(circuit, p, level)) for p in circuit.projections]
    pre = np.concatenate([np.zeros(0, np.int64), *(start[p.pre] + f.pre for p, f in found)])
    post = np.concatenate([np.zeros(0, np.int64), *(start[p.post] + f.post for p, f in found)])
    weight = np.concatenate([np.zeros(0), *(f.weight for _, f in found)])
    return sp.csr_array((weight, (pre, post)), shape=(sum(sizes), sum(sizes)))


def _entries(matrix: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    sparse: bool = sp.issparse(matrix)
    table: Any = matrix if sparse else np.asarray(matrix)
    if len(table.shape) != 2 or table.shape[0] != table.shape[1]:
        raise ShapeError(f"adjacency: not square (got shape {table.shape}, expected (N, N))")
    if table.dtype.kind not in "fiub":
        raise NumericError(f"adjacency: not real numbers (got {table.dtype}, expected e.g. float64)")
    if not sparse:
        pre, post = np.nonzero(table)
        weight = table[pre, post].astype(np.float64)
    else:
        # A copy, because duplicates are summed in place.
        csr = sp.csr_array(table, dtype=np.float64, copy=True)
        csr.sum_duplicates()
        pre, post, weight = (
            np.repeat(np.arange(csr.shape[0]), np.diff(csr.indptr)),
            csr.indices.astype(np.int64),
            csr.data,
        )
    if not np.isfinite(weight).all():
        k = int(np.argmin(np.isfinite(weight)))
        raise NumericError(f"adjacency: NaN or infinity (got {weight[k]} at row {pre[k]}, column {post[k]})")
    return pre, post, weight, table.shape[0]
