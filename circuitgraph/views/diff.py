"""What changed between two circuits, by the stable ids of units and slots."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from circuitgraph.ir import Circuit, Population, Projection, n_sites
from circuitgraph.ir.shape import End
from circuitgraph.ir.value import same
from circuitgraph.views.frames import frame

COLUMNS = ["what", "name", "change", "n", "max", "mean", "before", "after"]
Row = dict[str, Any]
P = TypeVar("P", Population, Projection)


def diff(a: Circuit, b: Circuit) -> pd.DataFrame:
    """List what changed from circuit `a` to circuit `b`, a row each; circuits that are equal have none.

    `what` and `name` say of what, `change` what about it.  "added" and "removed" are of whole populations and
    projections, "units added" and "units removed", "slots added" and "slots removed" of parts of them, by id: `n` says
    how many.  "weights": `n` slots that both have weigh something else, `max` and `mean` say by how much, of these.
    "ends": slots of one id lie between other units.  Memory and attributes are compared in the same way, of numbers
    with `max` and `mean`.  Anything else (neuron, rule, topology, shape, ...) has `before` and `after`.

    Example:
        >>> import circuitgraph as cg
        >>> a = cg.Circuit().add("x", 2).connect("x", "y", cg.Dense(), units=1, weight=[1.0, 2.0])
        >>> b = cg.RemoveSlots("x->y", [0]).apply(a)[0].replace_projection("x->y", weight=[2.5])
        >>> diff(a, b)[["name", "change", "n", "max"]].values.tolist()[1:]
        [['x->y', 'slots removed', 1.0, nan], ['x->y', 'weights', 1.0, 0.5]]
        >>> len(diff(a, a))
        0
    """
    rows = list(_circuit(a, b))
    rows += _named("population", a.populations, b.populations, _population)
    rows += _named("projection", a.projections, b.projections, lambda p, q: _projection(a, p, b, q))
    return frame(rows, COLUMNS).astype({"n": float, "max": float, "mean": float})


def _named(
    what: str, ours: Sequence[P], theirs: Sequence[P], compare: Callable[[P, P], Iterator[Row]]
) -> Iterator[Row]:
    """Compare populations, or projections, by name."""
    old, new = {p.name: p for p in ours}, {p.name: p for p in theirs}
    yield from (_row(what, name, "removed", n=_size(old[name])) for name in old if name not in new)
    yield from (_row(what, name, "added", n=_size(new[name])) for name in new if name not in old)
    before, after = [name for name in old if name in new], [name for name in new if name in old]
    if before != after:
        yield _row(what, "", "order", before=before, after=after)
    for name in before:
        yield from (_row(what, name, **row) for row in compare(old[name], new[name]))


def _row(what: str, name: str, change: str, **columns: Any) -> Row:
    return {"what": what, "name": name, "change": change} | columns


def _size(p: Population | Projection) -> int:
    return p.n_units if isinstance(p, Population) else p.n_slots


def _circuit(a: Circuit, b: Circuit) -> Iterator[Row]:
    for key in sorted({*a.attributes, *b.attributes}):
        before, after = a.attributes.get(key), b.attributes.get(key)
        if (key in a.attributes) != (key in b.attributes) or not same(before, after):
            yield _row("circuit", "", f"attribute {key!r}", before=before, after=after)


def _population(a: Population, b: Population) -> Iterator[Row]:
    yield from _plain({"shape": (a.shape[1:], b.shape[1:]), "neuron": (a.neuron, b.neuron)})
    at_a, at_b = _common(a.unit_ids, b.unit_ids)
    yield from _came_and_went("units", a.unit_ids, b.unit_ids, at_a, at_b)
    yield from _columns("memory", a.memory, b.memory, at_a, at_b)
    yield from _columns("attribute", a.attributes, b.attributes, at_a, at_b)


def _projection(a: Circuit, p: Projection, b: Circuit, q: Projection) -> Iterator[Row]:
    fields = ("pre", "post", "topology", "rule", "delay", "port", "fixed", "sign")
    yield from _plain({field: (getattr(p, field), getattr(q, field)) for field in fields})
    at_p, at_q = _common(p.slot_ids, q.slot_ids)
    yield from _came_and_went("slots", p.slot_ids, q.slot_ids, at_p, at_q)
    moved = _moved(a, p, at_p, b, q, at_q)
    if moved:
        yield {"change": "ends", "n": moved}
    yield from _columns("", {"weights": p.weight}, {"weights": q.weight}, at_p, at_q)
    yield from _columns("attribute", p.attributes, q.attributes, at_p, at_q)


def _plain(fields: Mapping[str, tuple[Any, Any]]) -> Iterator[Row]:
    for change, (before, after) in fields.items():
        if not same(before, after):
            yield {"change": change, "before": before, "after": after}


def _common(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find what both have, by id.  Shape: (A,), (B,) -> (C,) and (C,) places in each."""
    if np.array_equal(a, b):
        return np.arange(len(a)), np.arange(len(b))
    by_a, by_b = np.argsort(a, kind="stable"), np.argsort(b, kind="stable")
    sorted_b = b[by_b]
    at = np.minimum(np.searchsorted(sorted_b, a[by_a]), len(b) - 1) if len(b) else np.zeros(len(a), np.int64)
    met = sorted_b[at] == a[by_a] if len(b) else np.zeros(len(a), bool)
    return by_a[met], by_b[at[met]]


def _came_and_went(what: str, a: np.ndarray, b: np.ndarray, at_a: np.ndarray, at_b: np.ndarray) -> Iterator[Row]:
    if len(a) > len(at_a):
        yield {"change": f"{what} removed", "n": len(a) - len(at_a)}
    if len(b) > len(at_b):
        yield {"change": f"{what} added", "n": len(b) - len(at_b)}
    # Ranks among those that both have: in another order where they do not rise together.
    order = np.argsort(at_a, kind="stable")
    if (np.diff(at_b[order]) < 0).any():
        yield {"change": f"order of {what}", "n": len(at_a)}


def _columns(
    what: str, a: Mapping[str, np.ndarray], b: Mapping[str, np.ndarray], at_a: np.ndarray, at_b: np.ndarray
) -> Iterator[Row]:
    for key in dict.fromkeys([*a, *b]):
        change = f"{what} {key!r}" if what else key
        if key not in a or key not in b:
            yield {
                "change": change,
                "before": "no column" if key not in a else "a column",
                "after": ("no column" if key not in b else "a column"),
            }
            continue
        old, new = a[key][at_a], b[key][at_b]
        if a[key].dtype != b[key].dtype and {a[key].dtype.kind, b[key].dtype.kind} != {"U"}:
            yield {"change": f"{change}: type", "before": str(a[key].dtype), "after": str(b[key].dtype)}
        yield from _values(change, old, new)


def _values(change: str, old: np.ndarray, new: np.ndarray) -> Iterator[Row]:
    """Compare two columns row by row."""
    if old.shape[1:] != new.shape[1:]:
        yield {"change": change, "before": old.shape, "after": new.shape}
        return
    numbers = old.dtype.kind in "fiub" and new.dtype.kind in "fiub"
    if not numbers:
        other = sum(not same(x, y) for x, y in zip(old.tolist(), new.tolist(), strict=True))
        if other:
            yield {"change": change, "n": other}
        return
    x, y = old.astype(np.float64), new.astype(np.float64)
    off = abs(y - x)[~((x == y) | (np.isnan(x) & np.isnan(y)))]
    if len(off):
        yield {"change": change, "n": len(off), "max": off.max(), "mean": off.mean()}


def _moved(a: Circuit, p: Projection, at_p: np.ndarray, b: Circuit, q: Projection, at_q: np.ndarray) -> int:
    """Count the slots of one id that lie between other units, sites or neurons."""
    ends = _ends(a, p, at_p), _ends(b, q, at_q)
    return int(np.logical_or.reduce([x != y for x, y in zip(*ends, strict=True)]).sum())


def _ends(circuit: Circuit, p: Projection, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give the ends of some slots.  Shape: (C,) -> (C,), (C,)."""
    slots = circuit.slots(p)
    pre = _known_as(slots.pre[at], slots.pre_end, circuit.population(p.pre))
    return pre, _known_as(slots.post[at], slots.post_end, circuit.population(p.post))


def _known_as(index: np.ndarray, end: End, p: Population) -> np.ndarray:
    """Turn indices of units, sites or neurons into what stays the same when others come and go."""
    if end == "site":
        return index
    sites = 1 if end == "unit" else n_sites(p.shape)
    found: np.ndarray = p.unit_ids[index // sites] * sites + index % sites
    return found
