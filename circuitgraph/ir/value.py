"""Frozen values: constructor arguments are the whole identity."""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, Self, TypeVar, dataclass_transform

import numpy as np

from circuitgraph import registry
from circuitgraph.errors import FileError, ShapeError, StructureError

MARKS = 1 << 26
"""Most bytes of marks, where numbers are few for what they reach to."""
V = TypeVar("V")
_KINDS: dict[str, registry.Registry[Any]] = {
    r.kind: r
    for r in (
        registry.topologies,
        registry.neurons,
        registry.rules,
        registry.competitions,
        registry.edits,
        registry.scores,
    )
}


@dataclass_transform(frozen_default=True, eq_default=False, field_specifiers=(dataclasses.field,))
def value(cls: type[V]) -> type[V]:
    """Make a class a frozen dataclass that keeps `Value`'s comparison and printing.

    Example:
        >>> @value
        ... class Leak(Value):
        ...     tau_ms: float = 20.0
        >>> Leak(10.0)
        Leak(tau_ms=10.0)
    """
    return dataclasses.dataclass(frozen=True, eq=False, repr=False)(cls)


class Value:
    """Compare, hash, print and encode a frozen dataclass by its constructor arguments, arrays included.

    Arguments that equal their default are not printed; arrays of more than eight numbers print as type and shape.

    Example:
        >>> from circuitgraph.topologies import Conv
        >>> Conv(3, stride=1) == Conv(3), Conv(3, stride=2)
        (True, Conv(kernel=3, stride=2))
    """

    kind: ClassVar[str]
    name: ClassVar[str]
    renamed: ClassVar[Mapping[str, str]] = {}
    """What arguments were called in files of earlier versions: old name to new."""

    def _fields(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.init}  # type: ignore[arg-type]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Value) or type(self) is not type(other):
            return NotImplemented
        theirs = other._fields()
        return all(same(a, theirs[name]) for name, a in self._fields().items())

    def __hash__(self) -> int:
        return hash((type(self).__name__, *map(_hashable, self._fields().values())))

    def __repr__(self) -> str:
        defaults = {f.name: f.default for f in dataclasses.fields(self)}  # type: ignore[arg-type]
        shown = [f"{n}={_short(v)}" for n, v in self._fields().items() if not same(v, defaults[n])]
        return f"{type(self).__name__}({', '.join(shown)})"

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuild, (type(self), self._fields())

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some constructor arguments changed.

        Raises:
            TypeError: if the constructor has no such argument.

        Example:
            >>> from circuitgraph.topologies import Conv
            >>> Conv(3, padding=1).replace(kernel=1, padding=0)
            Conv(kernel=1)
        """
        return dataclasses.replace(self, **changes)  # type: ignore[type-var]


class Absent:
    """The value of an attribute that a unit or a slot does not have; the only instance is `ABSENT`.

    Example:
        >>> import copy
        >>> copy.deepcopy(ABSENT) is ABSENT
        True
    """

    def __repr__(self) -> str:
        return "ABSENT"

    def __reduce__(self) -> str:
        return "ABSENT"


ABSENT = Absent()


def rebuild(cls: type[V], fields: dict[str, Any]) -> V:
    """Call the constructor by keywords: how values come back from a copy or from another process."""
    return cls(**fields)


def frozen_array(a: Any, dtype: Any) -> np.ndarray:
    """Return a contiguous array that nobody can write to, copied unless it is one already.

    Example:
        >>> a = frozen_array([1, 2], np.int64)
        >>> a.flags.writeable, frozen_array(a, np.int64) is a
        (False, True)
    """
    if isinstance(a, np.ndarray) and a.dtype == dtype and a.flags.c_contiguous and _is_frozen(a):
        return a
    out = np.array(a, dtype=dtype, order="C")
    out.flags.writeable = False
    return out


def given_up(a: np.ndarray) -> np.ndarray:
    """Give an array up: nobody writes to it any more, so a value that takes it need not copy it.

    Example:
        >>> a = given_up(np.arange(3))
        >>> frozen_array(a, np.int64) is a
        True
    """
    a.flags.writeable = False
    return a


def index_array(given: Any, where: str, dtype: type[np.integer[Any]] = np.int64) -> np.ndarray:
    """Read a flat list of indices as a frozen array, of int64 where they do not fit the type asked for.

    Raises:
        ShapeError: for masks, fractions and nested lists, which numpy would quietly convert.

    Example:
        >>> index_array([2, 0], "keep").tolist()
        [2, 0]
    """
    try:
        a = np.asarray(given)
    except ValueError as error:
        raise ShapeError(f"{where}: not a list of indices (got ragged rows, expected integers (K,))") from error
    if a.ndim != 1 or (a.size and a.dtype.kind not in "iu"):
        mend = "; pass np.flatnonzero(mask)" if a.dtype.kind == "b" else ""
        raise ShapeError(f"{where}: not a list of indices (got {a.dtype} {a.shape}, expected integers (K,)){mend}")
    fits = not a.size or (a.min() >= np.iinfo(dtype).min and a.max() <= np.iinfo(dtype).max)
    return frozen_array(a, dtype if fits else np.int64)


def n_different(a: np.ndarray) -> int:
    """Count different numbers; numpy's own way of late takes ten times as long on millions of integers.

    Example:
        >>> n_different(np.array([2, 0, 2]))
        2
    """
    if not len(a):
        return 0
    if rises(a):
        return len(a)
    room = max(8 * len(a), min(256 * len(a), MARKS))
    if a.min() >= 0 and a.max() < room:  # as ids are, and pairs of few neurons: a tenth of the time of sorting
        seen = np.zeros(int(a.max()) + 1, bool)
        seen[a] = True
        return int(np.count_nonzero(seen))
    return 1 + int(np.count_nonzero(np.diff(np.sort(a))))


def rises(a: np.ndarray) -> bool:
    """Tell whether each number is larger than the one before; no array as long is made on the way.

    Example:
        >>> rises(np.array([0, 2, 5])), rises(np.array([0, 2, 2]))
        (True, False)
    """
    step = 1 << 16
    parts = (a[at : at + step + 1] for at in range(0, len(a), step))
    return all(bool((part[1:] > part[:-1]).all()) for part in parts)


def encode(v: Any, arrays: dict[str, np.ndarray]) -> Any:
    """Turn a value into JSON data; arrays move into `arrays` and are named there.

    Raises:
        StructureError: for what could not be read back: a class that is not registered, a function, a dictionary.

    Example:
        >>> from circuitgraph.topologies import Dense
        >>> encode(Dense(), {})
        {'kind': 'topology', 'name': 'dense', 'args': {}}
    """
    if isinstance(v, Value):
        return {"kind": v.kind, "name": _name(v), "args": {n: encode(a, arrays) for n, a in v._fields().items()}}
    if isinstance(v, np.ndarray):
        key = f"array{len(arrays)}"
        arrays[key] = v
        return {"array": key}
    if isinstance(v, tuple | list):
        return [encode(a, arrays) for a in v]
    v = v.item() if isinstance(v, np.generic) else v
    if v is None or isinstance(v, bool | int | float | str):
        return v
    raise StructureError(f"value: cannot be written to a file (got {v!r}, expected numbers, text, arrays or values)")


def decode(spec: Any, arrays: dict[str, np.ndarray]) -> Any:
    """Rebuild what `encode` wrote.  Only registered names are looked up.

    Raises:
        FileError: if the data is not what `encode` writes.
        UnknownNameError: if a name is not registered.

    Example:
        >>> decode({"kind": "topology", "name": "conv", "args": {"kernel": 3, "stride": 1, "padding": 1,
        ...         "dilation": 1, "groups": 1, "mode": "zeros"}}, {})
        Conv(kernel=3, padding=1)
    """
    if isinstance(spec, list):
        return tuple(decode(a, arrays) for a in spec)
    if not isinstance(spec, dict):
        return spec
    if set(spec) == {"array"} and isinstance(spec["array"], str):
        if spec["array"] not in arrays:
            raise FileError(f"value: array {spec['array']!r} is missing; the file is damaged")
        return arrays[spec["array"]]
    kind, name, given = (spec.get(key) for key in ("kind", "name", "args"))
    if len(spec) != 3 or not isinstance(kind, str) or not isinstance(name, str) or not isinstance(given, dict):
        raise FileError(f"value: unreadable entry (got keys {sorted(map(str, spec))}, expected kind, name, args)")
    if kind not in _KINDS:
        raise FileError(f"value: unknown kind (got {kind!r}, expected one of {', '.join(sorted(_KINDS))})")
    return _call(_KINDS[kind][name], f"{kind} {name!r}", {n: decode(a, arrays) for n, a in given.items()})


def same(a: Any, b: Any) -> bool:
    """Tell whether two constructor arguments are equal: arrays in type, shape and numbers, NaN equal to NaN."""
    if a is b:
        return True
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        if a.dtype == b.dtype == object:
            return a.shape == b.shape and all(map(same, a.flat, b.flat))
        alike = a.dtype == b.dtype or a.dtype.kind == b.dtype.kind == "U"
        return alike and np.array_equal(a, b, equal_nan=a.dtype.kind in "fcmM")
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return False
    return bool(a == b) or bool(a != a and b != b)


def _call(cls: type[Value], where: str, given: dict[str, Any]) -> Any:
    fields = [f for f in dataclasses.fields(cls) if f.init]  # type: ignore[arg-type]
    named = {cls.renamed.get(name, name): value for name, value in given.items()}
    known, needed = {f.name for f in fields}, {f.name for f in fields if f.default is dataclasses.MISSING}
    # A file written before an argument existed lacks it: its default is what the file meant.
    if not needed <= set(named) <= known or len(named) < len(given):
        raise FileError(f"{where}: wrong arguments (got {sorted(given)}, expected {sorted(known)})")
    try:
        return cls(**named)
    except (TypeError, ValueError, AttributeError, LookupError, ArithmeticError) as error:
        raise FileError(f"{where}: arguments refused; {error}") from error


def _name(v: Value) -> str:
    # The class's own name, not an inherited one: a subclass would be read back as its parent.
    if v.kind not in _KINDS or "name" not in vars(type(v)):
        known = _KINDS.get(v.kind)
        mend = (
            f"decorate the class with @{known.home.replace('.', '.registry.')}.register(...)"
            if known
            else "leave it out"
        )
        raise StructureError(f"{v.kind} {type(v).__name__}: not registered, so no file can name it; {mend}")
    return type(v).name


def _is_frozen(a: np.ndarray) -> bool:
    base: object = a
    while isinstance(base, np.ndarray):
        if base.flags.writeable:
            return False
        base = base.base
    return base is None


def _hashable(a: Any) -> Any:
    if isinstance(a, tuple):
        return tuple(map(_hashable, a))
    if isinstance(a, np.ndarray):
        return a.shape, a.tobytes() if a.dtype.kind in "iub" else a.dtype.kind
    return a


def _short(a: Any) -> str:
    if isinstance(a, np.ndarray):
        return repr(a.tolist()) if a.size <= 8 else f"<{a.dtype}{list(a.shape)}>"
    return repr(a.item() if isinstance(a, np.generic) else a)
