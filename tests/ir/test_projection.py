import copy
import pickle
from typing import Any, ClassVar

import numpy as np
import pytest

from circuitgraph.errors import NumericError, ShapeError, StructureError
from circuitgraph.ir import Projection, Value, value
from circuitgraph.topologies import Conv, Dense


@value
class Grow(Value):
    kind: ClassVar[str] = "rule"
    rate: float = 0.1


def make(**changes: Any) -> Projection:
    return Projection(**{"pre": "x", "post": "y", "topology": Dense(), "weight": [1.0, 2.0]} | changes)


def test_equality_covers_every_field_and_default_ids_count() -> None:
    base = make()
    assert base == make(ids=[0, 1], name="x->y")
    assert hash(base) == hash(make(weight=[3.0, 4.0]))
    changes: list[dict[str, Any]] = [
        {"pre": "z"}, {"post": "z"}, {"topology": Conv(1)}, {"weight": [1.0, 3.0]}, {"rule": Grow()}, {"delay": 1},
        {"weight": np.array([1.0, 2.0], np.float32)}, {"port": "gate"}, {"name": "other"}, {"fixed": True},
        {"ids": [1, 0]}, {"attributes": {"sign": [1, -1]}},
    ]  # fmt: skip
    assert all(make(**change) != base for change in changes)
    assert base != object()


def test_copies_and_other_processes_see_an_equal_projection() -> None:
    p = make(attributes={"sign": [1, -1]}, ids=[7, 3], rule=Grow())
    for again in (copy.copy(p), copy.deepcopy(p)):
        assert again is p
    again = pickle.loads(pickle.dumps(make(attributes={"sign": [1, -1]}, ids=[7, 3])))
    assert again == make(attributes={"sign": [1, -1]}, ids=[7, 3])


def test_weights_are_copied_once_and_then_shared() -> None:
    w = np.array([1.0, 2.0])
    p = make(weight=w)
    w[0] = 9
    assert p.weight.tolist() == [1, 2]
    assert make(weight=p.weight).weight is p.weight


@pytest.mark.parametrize(("given", "kind"), [("f4", "f4"), ("f8", "f8"), ("f2", "f4"), ("i8", "f4"), ("?", "f4")])
def test_weights_are_single_or_double_precision(given: str, kind: str) -> None:
    assert make(weight=np.array([1, 0], given)).weight.dtype == np.dtype(kind)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"name": "a.b"}, StructureError, "projection: bad name"),
        ({"port": ""}, StructureError, "projection 'x->y': port: bad name"),
        ({"topology": Dense}, StructureError, r"not a topology .*expected e.g. cg.Dense\(\)"),
        ({"delay": -1}, StructureError, r"bad delay \(got -1, expected time steps, 0 or more\)"),
        ({"delay": 1.5}, StructureError, "bad delay"),
        ({"delay": True}, StructureError, "bad delay"),
        ({"rule": Grow}, StructureError, "not a rule"),
        ({"rule": Dense()}, StructureError, "not a rule"),
        ({"rule": Grow(), "fixed": True}, StructureError, "fixed weights cannot have a rule .*; pass fixed=False"),
        ({"weight": 1.0}, ShapeError, r"one flat vector \(got shape \(\)"),
        ({"weight": [[1.0, 2.0]]}, ShapeError, r"one flat vector \(got shape \(1, 2\)"),
        ({"weight": [[1.0], [1.0, 2.0]]}, ShapeError, "ragged"),
        ({"weight": ["a", "b"]}, NumericError, "weights are not numbers"),
        ({"weight": [1j, 2j]}, NumericError, "weights are not numbers"),
        ({"weight": [1.0, np.nan]}, NumericError, "NaN or infinity .*slot 1"),
        ({"weight": [np.inf, 1.0]}, NumericError, "got inf at slot 0"),
        ({"attributes": {"sign": [1]}}, ShapeError, "projection 'x->y': attribute 'sign': one value each"),
        ({"ids": [1, 1]}, ShapeError, "projection 'x->y': ids name each one once"),
    ],
)
def test_what_does_not_fit_is_named(change: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make(**change)


def test_a_delay_may_be_a_numpy_integer() -> None:
    assert type(make(delay=np.int64(2)).delay) is int
