"""Edge lists of connectomes: millions of rows to one circuit, without a Python object per row."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import pandas as pd

from circuitgraph.errors import StructureError, UnknownNameError
from circuitgraph.ir import Circuit
from circuitgraph.ir.value import given_up
from circuitgraph.views.build import Merge, graph_circuit
from circuitgraph.views.columns import column
from circuitgraph.views.files.series import coded, column_of, need_labels, shown, weights
from circuitgraph.views.files.transmitters import FLY_SIGNS, majority, normal, signs_of

GUESSES = MappingProxyType({
    "pre": ("pre", "pre_root_id", "pre_pt_root_id", "bodyid_pre", "body_pre", "pre_id", "presynaptic", "source"),
    "post": ("post", "post_root_id", "post_pt_root_id", "bodyid_post", "body_post", "post_id", "postsynaptic",
             "target"),
    "weight": ("weight", "syn_count", "count", "synapses", "n_synapses", "n_syn"),
    "label": ("label", "root_id", "pt_root_id", "bodyid", "body", "id", "name"),
    "transmitter": ("transmitter", "neurotransmitter", "nt_type", "top_nt", "consensus_nt", "consensusnt",
                    "predicted_nt", "predictednt"),
})  # fmt: skip
"""Names that the columns of published tables have, in small letters; the first that is there counts."""


@dataclasses.dataclass(frozen=True)
class Named:
    """The names of the columns that matter; None is guessed from those that published tables use."""

    pre: str | None = None
    post: str | None = None
    weight: str | None = None
    label: str | None = None
    transmitter: str | None = None
    keep: tuple[str, ...] = ()

    def find(self, role: str, names: Sequence[str]) -> str | None:
        """Find the column of a role among those that are there; None if none looks like it.

        Raises:
            StructureError: for a name that was given and is not there.
        """
        given = getattr(self, role)
        if given is not None:
            return _needed(given, names, f"column for {role}")
        lower = {str(name).lower(): name for name in reversed(names)}
        return next((lower[guess] for guess in GUESSES[role] if guess in lower), None)

    def need(self, role: str, names: Sequence[str]) -> str:
        """Find the column of a role, which has to be there; StructureError if it is not."""
        found = self.find(role, names)
        if found is None:
            raise StructureError(f"no column for {role} (got {_listed(names)}); pass its name as {role}=")
        return found

    def ends(self, names: Sequence[str]) -> list[str]:
        """List the columns of an edge table that name cells."""
        return [self.need("pre", names), self.need("post", names)]

    def of_cells(self, names: Sequence[str]) -> list[str]:
        """List the columns of a table of cells that name them: one, or none where none is found."""
        found = self.find("label", names)
        return [] if found is None else [found]

    def of_edges(self, names: Sequence[str]) -> list[str]:
        """List the columns of an edge table that are read."""
        roles = [*self.ends(names), self.find("weight", names), self._by_edge(names)]
        kept = [_needed(name, names, "column to keep") for name in self.keep]
        return list(dict.fromkeys(name for name in (*roles, *kept) if name is not None))

    def _by_edge(self, names: Sequence[str]) -> str | None:
        # A name that was given may be one of the other table, of cells.
        return None if self.transmitter not in (None, *names) else self.find("transmitter", names)


@dataclasses.dataclass(frozen=True)
class _Ends:
    """Which unit each row begins and ends at (E,), and how the units are called."""

    pre: np.ndarray
    post: np.ndarray
    labels: pd.Index


def circuit_of_edges(
    edges: pd.DataFrame,
    cells: pd.DataFrame | None = None,
    *,
    names: Named = Named(),
    merge: Merge = None,
    dangling: Literal["drop"] | None = None,
    signs: Mapping[str, int] | None = FLY_SIGNS,
    name: str = "neurons",
    delay: int = 1,
    attributes: Mapping[str, Any] | None = None,
) -> Circuit:
    """Make a circuit of a table of edges, and perhaps one of cells; `data.connectome` says how.

    Slots are sorted by post, then pre.  Rows are counted from 1 in messages, without the header.

    Raises:
        StructureError: a column that is missing, a row without a name, a pair that comes twice, an unknown cell.
        NumericError: a weight that is not a finite number, or a sign that is none.

    Example:
        >>> table = pd.DataFrame({"pre": [7, 7], "post": [9, 9], "syn_count": [2, 3]})
        >>> circuit_of_edges(table, merge="sum").projections[0].weight.tolist()
        [5.0]
    """
    if merge not in (None, "sum"):
        raise UnknownNameError(f"merge {merge!r}: unknown (expected None or 'sum')")
    if not len(edges):
        raise StructureError("edges: no rows (got 0, expected at least 1)")
    columns = list(map(str, edges.columns))
    names.of_edges(columns)
    pre, post = (need_labels(edges[names.need(end, columns)], "edges") for end in ("pre", "post"))
    ends = _ends(pre, post)
    weight = weights(edges, names.find("weight", columns))
    units, kept = {"label": _label_column(ends.labels)}, None
    by_edge = names._by_edge(columns)
    if cells is not None:
        units, ends, kept = _among(cells, ends, names, dangling)
        if kept is not None:
            edges, weight = edges.iloc[kept], weight[kept]
    if signs is not None:
        units |= _signed(units, edges, ends, weight, by_edge, cells, names, signs)
        negative = units["sign"] < 0 if "sign" in units else np.zeros(len(ends.labels), bool)
        weight = np.where(negative[ends.pre], -weight, weight)
    first, total, at_pre, at_post = _merged(ends, weight, merge, kept)
    own = {key: column_of(edges[key].iloc[first], f"edges column {key!r}") for key in names.keep}
    return graph_circuit(units, at_pre, at_post, total, own, name=name, delay=delay, attributes=attributes)


def _ends(pre: "pd.Series[Any]", post: "pd.Series[Any]") -> _Ends:
    """Count the units in order of first appearance, each row's pre before its post."""
    (pre_code, pre_names), (post_code, post_names) = coded(pre, "edges"), coded(post, "edges")
    if (pre_names.dtype == object) != (post_names.dtype == object):
        got = f"got {pre.name!r} of {pre_names.dtype} and {post.name!r} of {post_names.dtype}"
        raise StructureError(f"edges: names of two kinds ({got}, expected numbers or text in both); convert one")
    pre_names, post_names = _alike(pre_names, post_names)
    labels = pre_names.append(post_names.difference(pre_names, sort=False))
    to_post = labels.get_indexer(post_names)
    first = np.full(len(labels), 2 * len(pre))
    first[: len(pre_names)] = 2 * _first(pre_code)
    first[to_post] = np.minimum(first[to_post], 2 * _first(post_code) + 1)
    order = np.argsort(first)
    rank = np.empty(len(labels), np.int32)
    rank[order] = np.arange(len(order))
    return _Ends(rank[: len(pre_names)][pre_code], rank[to_post][post_code], labels[order])


def _alike(a: pd.Index, b: pd.Index) -> tuple[pd.Index, pd.Index]:
    """Give integers with and without a sign one type that holds all of them; pandas would make floats."""
    if {a.dtype.kind, b.dtype.kind} != {"i", "u"}:
        return a, b
    low, high = min(a.min(), b.min()), max(a.max(), b.max())
    if low < 0 and high >= 2**63:
        raise StructureError(f"edges: names of more than 64 bits (got {low} and {high}); write them as text")
    dtype = np.int64 if high < 2**63 else np.uint64
    return a.astype(dtype), b.astype(dtype)


def _first(codes: np.ndarray) -> np.ndarray:
    """Find the first row of each code, where codes count by first appearance: where the largest so far grows."""
    return np.flatnonzero(np.diff(np.maximum.accumulate(codes), prepend=-1))


def _label_column(labels: pd.Index) -> np.ndarray:
    return labels.to_numpy() if labels.dtype.kind in "iu" else column(labels.tolist(), "label")


def _among(
    cells: pd.DataFrame, ends: _Ends, names: Named, dangling: str | None
) -> tuple[dict[str, np.ndarray], _Ends, np.ndarray | None]:
    """Count the units as a table of cells lists them; gives its columns, the ends, and the rows that are left."""
    if dangling not in (None, "drop"):
        raise UnknownNameError(f"dangling {dangling!r}: unknown (expected None or 'drop')")
    label = names.need("label", list(map(str, cells.columns)))
    codes, found = coded(need_labels(cells[label], "cells"), "cells")
    if len(found) < len(cells):
        row = int(pd.Series(codes).duplicated().to_numpy().argmax())
        raise StructureError(
            f"cells: {shown(found[codes[row]])} comes twice (row {row + 1}, column {label!r}); drop one row"
        )
    listed = found[codes]
    to = listed.get_indexer(ends.labels).astype(np.int32)
    pre, post = to[ends.pre], to[ends.post]
    known = (pre >= 0) & (post >= 0)
    kept = None if known.all() else np.flatnonzero(known)
    if kept is not None and dangling is None:
        row = int(np.argmin(known))
        lost = ends.labels[ends.pre[row] if pre[row] < 0 else ends.post[row]]
        mend = "add it, or pass dangling='drop'"
        raise StructureError(f"edges: {shown(lost)} in row {row + 1} is not among the {len(cells):,} cells; {mend}")
    columns = {str(key): column_of(cells[key], f"cells column {key!r}") for key in cells.columns if key != label}
    if "label" in columns:
        raise StructureError(f"cells: column 'label' is taken by the names (got {label!r}); rename it")
    units = {"label": _label_column(listed), **columns}
    return units, _Ends(pre, post, listed) if kept is None else _Ends(pre[kept], post[kept], listed), kept


def _signed(
    units: Mapping[str, np.ndarray],
    edges: pd.DataFrame,
    ends: _Ends,
    weight: np.ndarray,
    by_edge: str | None,
    cells: pd.DataFrame | None,
    names: Named,
    signs: Mapping[str, int],
) -> dict[str, np.ndarray]:
    """Find the transmitter and the sign of each unit: from the table of cells, else from that of edges."""
    by_cell = None if cells is None else names.find("transmitter", list(map(str, cells.columns)))
    if by_cell is not None and cells is not None:
        given = normal(units[by_cell] if by_cell in units else cells[by_cell].tolist())
    elif by_edge is not None:
        codes, said = pd.factorize(edges[by_edge])
        given = majority(ends.pre, codes, np.abs(weight), normal(said.tolist()), len(ends.labels))
    else:
        return {}
    taken = [key for key in ("transmitter", "sign") if key in units and key != by_cell]
    if taken:
        raise StructureError(
            f"cells: column {taken[0]!r} has the name of one that is made here; rename it, or signs=None"
        )
    return {"transmitter": given, "sign": signs_of(given, signs)}


def _merged(ends: _Ends, weight: np.ndarray, merge: Merge, kept: np.ndarray | None) -> tuple[np.ndarray, ...]:
    """Sort rows by post, then pre, and add up those of one pair; gives the first row of each pair, and its sum."""
    n = len(ends.labels)
    key = ends.post.astype(np.int64)
    key *= n
    key += ends.pre
    order = np.argsort(key)
    key = key[order]
    new = np.empty(len(key), bool)
    new[:1] = True
    np.not_equal(key[1:], key[:-1], out=new[1:])
    if new.all():
        return order, weight[order], given_up(ends.pre[order]), given_up(ends.post[order])
    if merge is None:
        raise _twice(ends, order, new, kept)
    start = np.flatnonzero(new)
    post = key[start] // n
    pre = (key[start] - post * n).astype(np.int32)
    total = np.add.reduceat(weight[order], start)
    return np.minimum.reduceat(order, start), total, given_up(pre), given_up(post.astype(np.int32))


def _twice(ends: _Ends, order: np.ndarray, new: np.ndarray, kept: np.ndarray | None) -> StructureError:
    again = int(np.argmin(new))
    rows = sorted(order[again - 1 : again + 1].tolist())
    pair = " -> ".join(shown(ends.labels[end[rows[0]]]) for end in (ends.pre, ends.post))
    a, b = rows if kept is None else kept[rows].tolist()
    where = f"edges: {pair} comes twice, in rows {a + 1} and {b + 1}"
    return StructureError(f"{where}; pass merge='sum' to add up the weights, or leave all but one out")


def _needed(name: str, names: Sequence[str], what: str) -> str:
    if name not in names:
        raise StructureError(f"no {what} {name!r} (got {_listed(names)}); rename one or pass its name")
    return name


def _listed(names: Iterable[str]) -> str:
    shown = [repr(name)[:40] for name in names]
    return (", ".join(shown[:12]) + (", ..." if len(shown) > 12 else "")) or "none"
