"""What a file could not say: the parts of a circuit that come back otherwise."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from circuitgraph.ir import Circuit, Projection
from circuitgraph.ir.value import same

_DERIVED = {"attributes", "ids", "next_id", "name", "weight"}


def losses(meant: Circuit, got: Circuit) -> tuple[str, ...]:
    """List in one line each what differs between a circuit and the one that was read back.

    Example:
        >>> import circuitgraph as cg
        >>> a = cg.Circuit().add("x", 2)
        >>> losses(a, a.replace_population("x", shape=3))
        ('population x: shape (2 becomes 3)', 'population x: ids')
    """
    return tuple(_differences(meant, got))


def _differences(meant: Circuit, got: Circuit) -> Iterator[str]:
    if dict(meant.attributes) != dict(got.attributes):
        yield f"attributes of the circuit ({dict(meant.attributes)} becomes {dict(got.attributes)})"
    for what in ("population", "projection"):
        a, b = getattr(meant, f"{what}s"), getattr(got, f"{what}s")
        if len(a) != len(b):
            yield f"{what}s ({len(a)} become {len(b)})"
            continue
        for mine, theirs in zip(a, b, strict=True):
            yield from _of_part(f"{what} {mine.name}", mine, theirs)
    if len(meant.populations) == len(got.populations):
        pairs = zip(meant.populations, got.populations, strict=True)
        yield from (f"population {p.name}: ids" for p, q in pairs if not same(p.unit_ids, q.unit_ids))
    if len(meant.projections) == len(got.projections):
        for mine, theirs in zip(meant.projections, got.projections, strict=True):
            yield from _of_slots(f"projection {mine.name}", mine, theirs)


def _of_part(where: str, mine: Any, theirs: Any) -> Iterator[str]:
    if mine.name != theirs.name:
        yield f"{where}: name ({mine.name!r} becomes {theirs.name!r})"
    for field in dataclasses.fields(mine):
        if field.name in _DERIVED:
            continue
        a, b = getattr(mine, field.name), getattr(theirs, field.name)
        if isinstance(a, Mapping):
            yield from _of_columns(f"{where}: {field.name}", a, b)
        elif not same(a, b):
            yield f"{where}: {field.name} ({_short(a)} becomes {_short(b)})"
    yield from _of_columns(f"{where}: attribute", mine.attributes, theirs.attributes)


def _of_slots(where: str, mine: Projection, theirs: Projection) -> Iterator[str]:
    if not same(mine.weight, theirs.weight):
        before, after = (f"{p.n_slots} of {p.weight.dtype}" for p in (mine, theirs))
        yield f"{where}: weights ({before} become {after})"
    if not same(mine.slot_ids, theirs.slot_ids):
        yield f"{where}: ids"


def _of_columns(where: str, a: Mapping[Any, Any], b: Mapping[Any, Any]) -> Iterator[str]:
    for name in dict.fromkeys([*a, *b]):
        if name not in a or name not in b or not same(a[name], b[name]):
            yield f"{where} {name!r}"


def _short(v: Any) -> str:
    text = v[0] if isinstance(v, tuple) and len(v) == 1 else v
    return repr(text)[:60]
