"""Frozen values: constructor arguments are the whole identity."""

import dataclasses
from typing import Any, ClassVar, Self, TypeVar, dataclass_transform

import numpy as np

from circuitgraph import registry
from circuitgraph.errors import FileError

C = TypeVar("C", bound=type)
_KINDS = {r.kind: r for r in (registry.topologies, registry.neurons, registry.rules, registry.edits)}


@dataclass_transform(frozen_default=True, eq_default=False)
def value(cls: C) -> C:
    """Make a class a frozen dataclass that keeps `Value`'s comparison and printing."""
    return dataclasses.dataclass(frozen=True, eq=False, repr=False)(cls)


class Value:
    """Compare, hash, print and encode a frozen dataclass by its constructor arguments, arrays included."""

    kind: ClassVar[str]
    name: ClassVar[str]

    def _fields(self) -> list[tuple[str, Any]]:
        return [(f.name, getattr(self, f.name)) for f in dataclasses.fields(self)]  # type: ignore[arg-type]

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return all(_same(a, getattr(other, name)) for name, a in self._fields())

    def __hash__(self) -> int:
        return hash((type(self).__name__, *(_hashable(a) for _, a in self._fields())))

    def __repr__(self) -> str:
        defaults = {f.name: f.default for f in dataclasses.fields(self)}  # type: ignore[arg-type]
        shown = [f"{n}={_short(v)}" for n, v in self._fields() if defaults[n] is dataclasses.MISSING or not _same(v, defaults[n])]
        return f"{type(self).__name__}({', '.join(shown)})"

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some constructor arguments changed."""
        return dataclasses.replace(self, **changes)  # type: ignore[type-var]


class Absent:
    """The value of an attribute that a unit or a slot does not have; the only instance is `ABSENT`."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT = Absent()


def frozen_array(a: Any, dtype: Any) -> np.ndarray:
    """Copy to a contiguous read-only array, so that a value cannot change behind its hash."""
    out = np.array(a, dtype=dtype, order="C")
    out.flags.writeable = False
    return out


def encode(v: Any, arrays: dict[str, np.ndarray]) -> Any:
    """Turn a value into JSON data; arrays move into `arrays` and are named there."""
    if isinstance(v, Value):
        return {"kind": v.kind, "name": v.name, "args": {n: encode(a, arrays) for n, a in v._fields()}}
    if isinstance(v, np.ndarray):
        key = f"array{len(arrays)}"
        arrays[key] = v
        return {"array": key}
    if isinstance(v, tuple | list):
        return [encode(a, arrays) for a in v]
    return v


def decode(spec: Any, arrays: dict[str, np.ndarray]) -> Any:
    """Rebuild what `encode` wrote.  Only registered names are looked up.

    Raises:
        FileError: if the data is not what `encode` writes.
        UnknownNameError: if a name is not registered.
    """
    if isinstance(spec, list):
        return tuple(decode(a, arrays) for a in spec)
    if not isinstance(spec, dict):
        return spec
    if set(spec) == {"array"} and isinstance(spec["array"], str):
        if spec["array"] not in arrays:
            raise FileError(f"value: array {spec['array']!r} is missing; the file is damaged")
        return arrays[spec["array"]]
    if set(spec) != {"kind", "name", "args"} or spec["kind"] not in _KINDS or not isinstance(spec["args"], dict):
        raise FileError(f"value: unreadable entry (got keys {sorted(map(str, spec))}, expected kind, name, args)")
    cls = _KINDS[spec["kind"]][spec["name"]]
    args = {n: decode(a, arrays) for n, a in spec["args"].items()}
    known = {f.name for f in dataclasses.fields(cls)}
    if set(args) != known:
        raise FileError(f"{spec['kind']} {spec['name']!r}: wrong arguments (got {sorted(args)}, expected {sorted(known)})")
    try:
        return cls(**args)
    except (TypeError, ValueError) as error:
        raise FileError(f"{spec['kind']} {spec['name']!r}: arguments refused; {error}") from error


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and a.dtype == b.dtype and np.array_equal(a, b)
    return bool(a == b)


def _hashable(a: Any) -> Any:
    return (a.shape, a.tobytes()) if isinstance(a, np.ndarray) else a


def _short(a: Any) -> str:
    if not isinstance(a, np.ndarray):
        return repr(a)
    return repr(a.tolist()) if a.size <= 8 else f"<{a.dtype}{list(a.shape)}>"
