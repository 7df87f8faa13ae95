"""What the report says, as plain data: tables, a diagram, histograms, an ordered matrix, curves."""

import base64
import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from circuitgraph.communities import MissingEngineError, leiden, spectral
from circuitgraph.communities.graph import both_ways
from circuitgraph.communities.partition import Partition
from circuitgraph.ir import Circuit, Population, Projection
from circuitgraph.pictures.adjacency import Blocks, blocks_of
from circuitgraph.pictures.distributions import degree_counts, histogram, survival
from circuitgraph.pictures.place import Placed, depths, place
from circuitgraph.pictures.source import Wiring, effect_of
from circuitgraph.pictures.style import short

MOST_ROWS, MOST_BOXES, MOST_LINKS = 2000, 250, 1200
"""Beyond these, tables and the diagram show the largest only, and say so."""
PIXELS, BINS, EXACT_PAIRS, SPECTRAL_UNITS = 400, 240, 100_000, 20_000
"""Beyond PIXELS units a matrix is brought down to BINS blocks.  Beyond EXACT_PAIRS, communities are looked for without
directions and signs, which takes a tenth of the time; beyond SPECTRAL_UNITS, only by networkit."""

DESCRIBED = {
    "n_slots": "slots", "n_synapses": "synapses", "density": "density", "weight_mean": "mean weight",
    "weight_std": "sd of weights", "weight_min": "least weight", "weight_max": "largest weight",
    "negative": "share negative", "in_degree_mean": "mean in-degree", "out_degree_mean": "mean out-degree",
    "reciprocity": "reciprocity",
}  # fmt: skip

Rows = dict[str, Any]


def table(columns: Sequence[tuple[str, str, bool]], rows: Sequence[Sequence[Any]], *, total: int | None = None) -> Rows:
    """Make a table of columns (key, label, is it a number) and rows; `total` where there are more rows than shown."""
    heads = [{"key": key, "label": label, "number": number} for key, label, number in columns]
    return {"columns": heads, "rows": [[plain(v) for v in row] for row in rows], "total": total or len(rows)}


def plain(value: Any) -> Any:
    """Make JSON of a value: text, a finite number, a truth value or nothing.

    Example:
        >>> plain(np.int64(3)), plain(float("nan")), plain((3, 4))
        (3, None, '3 × 4')
    """
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, tuple) and all(isinstance(v, int) for v in value):
        return " × ".join(map(str, value))
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def largest(items: Sequence[Any], size: Callable[[Any], int], most: int) -> list[Any]:
    """Keep the largest, in their order."""
    if len(items) <= most:
        return list(items)
    kept = sorted(range(len(items)), key=lambda i: -size(items[i]))[:most]
    return [items[i] for i in sorted(kept)]


def population_table(circuit: Circuit, wiring: Wiring) -> Rows:
    """Give one row per population."""
    depth, degree = depths(circuit), degree_counts(wiring)
    begins = dict(zip(wiring.names, wiring.begins.tolist(), strict=False))
    columns = [
        ("name", "population", False), ("depth", "depth", True), ("units", "units", True), ("sites", "sites", False),
        ("neurons", "neurons", True), ("neuron", "neuron", False), ("in", "mean in-degree", True),
        ("out", "mean out-degree", True), ("attributes", "attributes", False),
    ]  # fmt: skip
    rows = []
    for p in largest(circuit.populations, lambda p: p.n_units, MOST_ROWS):
        here = slice(begins[p.name], begins[p.name] + p.n_units)
        means = [round(float(degree[side][here].mean()), 3) for side in ("in", "out")]
        own = ", ".join(p.attributes)
        rows.append((
            p.name, depth[p.name], p.n_units, " × ".join(map(str, p.shape[1:])), p.n_neurons, _said(p.neuron), *means,
            short(own, 80),
        ))  # fmt: skip
    return table(columns, rows, total=len(circuit.populations))


def projection_table(circuit: Circuit) -> Rows:
    """Give one row per projection: what `Circuit.describe` says, and what the projection does to whom it reaches."""
    columns = [
        ("name", "projection", False), ("pre", "pre", False), ("post", "post", False), ("topology", "topology", False),
        ("effect", "effect", False), *((key, label, True) for key, label in DESCRIBED.items()),
        ("learning", "learning", False), ("delay", "delay", True), ("port", "port", False),
    ]  # fmt: skip
    kept = largest(circuit.projections, lambda p: p.n_slots, MOST_ROWS)
    described = dataclasses.replace(circuit, projections=tuple(kept)).describe()
    rows = []
    for p in kept:
        how = "fixed" if p.fixed else "gradient" if p.rule is None else repr(p.rule)
        numbers = [_number(described.at[p.name, key]) for key in DESCRIBED]
        said = p.name, p.pre, p.post, short(repr(p.topology), 90), effect_of(p)
        rows.append((*said, *numbers, short(how, 60), p.delay, p.port))
    return table(columns, rows, total=len(circuit.projections))


def _said(neuron: object) -> str:
    return "Linear()" if neuron is None else short(repr(neuron), 60)


def _number(v: Any) -> int | float | None:
    """Read a cell of the description; None where it does not apply (NaN or NA, which equal nothing)."""
    number = float("nan") if not isinstance(v, int | float | np.number) else v
    if number != number:
        return None
    return int(number) if isinstance(number, int | np.integer) else float(f"{number:.4g}")


def diagram_facts(circuit: Circuit) -> Rows:
    """Lay the diagram out, of the largest populations where there are too many."""
    kept = largest(circuit.populations, lambda p: p.n_units, MOST_BOXES)
    names = {p.name for p in kept}
    among = [p for p in circuit.projections if p.pre in names and p.post in names]
    links = largest(among, lambda p: p.n_slots, MOST_LINKS)
    shown = Circuit(tuple(kept), tuple(links))
    placed = place(shown)
    hidden = len(circuit.populations) - len(kept), len(circuit.projections) - len(links)
    return {
        "width": round(placed.width, 1), "height": round(placed.height, 1), "hidden": list(hidden),
        "boxes": [_box(placed, p, shown) for p in shown.populations],
        "links": [_link(placed, p) for p in shown.projections],
    }  # fmt: skip


def _box(placed: Placed, p: Population, circuit: Circuit) -> Rows:
    b = placed.boxes[p.name]
    effects = {effect_of(q) for q in circuit.projections if q.pre == p.name}
    kind = "inhibits" if effects == {"inhibits"} else "plain"
    heard = any(q.post == p.name for q in circuit.projections)
    spot = {"x": round(b.x, 1), "y": round(b.y, 1), "w": round(b.width, 1), "h": round(b.height, 1)}
    return {"name": p.name, "lines": list(b.lines), "kind": kind, "input": not heard} | spot


def _link(placed: Placed, p: Projection) -> Rows:
    link = placed.links[p.name]
    curve = [[round(x, 1), round(y, 1)] for x, y in link.curve]
    at = None if link.at is None else [round(v, 1) for v in link.at]
    return {
        "name": p.name, "pre": p.pre, "post": p.post, "curve": curve, "label": link.label, "at": at,
        "effect": effect_of(p), "delay": p.delay,
    }  # fmt: skip


def weight_histograms(circuit: Circuit) -> Rows:
    """Give a histogram of each projection's weights: where it begins, the width of a bin, counts."""
    found = {}
    for p in largest(circuit.projections, lambda p: p.n_slots, MOST_LINKS):
        if p.n_slots:
            counts, edges = histogram(p.weight, 31)
            found[p.name] = {"from": float(edges[0]), "step": float(edges[1] - edges[0]), "counts": counts.tolist()}
    return found


def degree_facts(circuit: Circuit, wiring: Wiring) -> Rows:
    """Give the distributions of degrees: of all units, and of each population's."""
    degree = degree_counts(wiring)
    found: Rows = {"all": {side: _curve(k) for side, k in degree.items()}, "populations": {}}
    for name, begin, end in zip(wiring.names, wiring.begins, wiring.begins[1:], strict=False):
        if len(found["populations"]) < MOST_BOXES:
            found["populations"][name] = {side: _curve(k[begin:end], 60) for side, k in degree.items()}
    return found


def _curve(k: np.ndarray, most: int = 200) -> list[list[float]]:
    at, share = survival(k)
    if len(at) > most:  # as many as can be told apart, evenly on a logarithmic axis
        wanted = np.geomspace(at[0], at[-1], most)
        kept = np.unique(np.searchsorted(at, wanted).clip(max=len(at) - 1))
        at, share = at[kept], share[kept]
    return [[int(x), float(f"{y:.4g}")] for x, y in zip(at, share, strict=True)]


def find_communities(wiring: Wiring) -> tuple[Partition | None, str]:
    """Find communities to order a matrix by, and say how; None where there is nothing to find, or to find with."""
    a = wiring.matrix
    if not a.nnz or wiring.n < 3:
        return None, "Units stand in the order of their populations."
    try:
        if a.nnz <= EXACT_PAIRS:
            found, how = leiden(a), "Leiden, with directions and signs"
        else:
            found, how = leiden(both_ways(abs(a), abs(a).T.tocsr())), "Leiden, of weights' sizes without directions"
    except MissingEngineError:
        if wiring.n > SPECTRAL_UNITS:
            return (
                None,
                "Units stand in the order of their populations; networkit, which finds communities, is missing.",
            )
        found, how = spectral(a), "spectral"
    return found, f"Ordered by community, the largest first ({how}; modularity {found.modularity:.3f})."


def adjacency_facts(wiring: Wiring, order: Any) -> Rows:
    """Give the matrix in each order that tells something: by community first, then by population."""
    note = "Units stand in the order that was given, the largest group first."
    if order is None:
        order, note = find_communities(wiring)
    orders = [] if order is None else [_ordered(wiring, order, "by community", note)]
    if order is None or len(wiring.names) > 1:
        said = note if order is None else "Units stand in the order of their populations."
        orders.append(_ordered(wiring, None, "by population", said))
    return {"n": wiring.n, "pairs": int(wiring.matrix.nnz), "orders": orders}


def _ordered(wiring: Wiring, order: Any, label: str, note: str) -> Rows:
    """Give the matrix as numbers, of single pairs or of blocks of units, and the groups in it."""
    blocks = blocks_of(wiring, order, bins=PIXELS if wiring.n <= PIXELS else BINS)
    names, begins = blocks.names[:MOST_BOXES], blocks.begins[: MOST_BOXES + 1]
    return {
        "label": label, "note": note, "kind": blocks.kind, "bins": len(blocks.pixels), "values": _packed(blocks),
        "names": [short(n, 40) for n in names], "begins": begins.tolist(),
    }  # fmt: skip


def _packed(blocks: Blocks) -> str:
    return base64.b64encode(blocks.pixels.astype("<f4").tobytes()).decode("ascii")
