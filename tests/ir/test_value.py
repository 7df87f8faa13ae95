import copy
import pickle
from typing import Any, ClassVar

import numpy as np
import pytest

from circuitgraph import registry
from circuitgraph.errors import FileError, ShapeError, StructureError, UnknownNameError
from circuitgraph.ir import ABSENT, Value, value
from circuitgraph.ir.value import decode, encode, frozen_array, index_array, n_different, same
from circuitgraph.rules import Oja
from circuitgraph.topologies import Conv, Dense, ErdosRenyi, Explicit, Pool, Pruned

EXAMPLES = [law for name in registry.topologies for law, _, _ in registry.topologies[name].examples()]


@value
class Inner(Value):
    kind: ClassVar[str] = "inner"
    rate: float = 0.5


@value
class Outer(Value):
    kind: ClassVar[str] = "outer"
    first: Any
    inner: Inner = Inner()
    table: Any = (1, 2)


def test_repr_leaves_out_defaults_and_nested_defaults() -> None:
    assert repr(Outer(3)) == "Outer(first=3)"
    assert repr(Outer(3, Inner(0.5))) == "Outer(first=3)"
    assert repr(Outer(3, Inner(0.1), (1, 3))) == "Outer(first=3, inner=Inner(rate=0.1), table=(1, 3))"
    assert repr(Outer(np.float64(2.0))) == "Outer(first=2.0)"


@pytest.mark.parametrize("law", EXAMPLES, ids=repr)
def test_repr_of_small_values_is_the_constructor_call(law: Value) -> None:
    names = {
        name: registry.topologies[key] for key in registry.topologies for name in [registry.topologies[key].__name__]
    }
    if "<int" not in repr(law):
        assert eval(repr(law), names) == law


def test_repr_shortens_large_arrays() -> None:
    assert repr(Explicit(np.arange(9), np.arange(9))) == "Explicit(pre=<int32[9]>, post=<int32[9]>)"


@pytest.mark.parametrize("law", EXAMPLES, ids=repr)
def test_copies_of_every_kind_are_equal_and_hash_alike(law: Value) -> None:
    arrays: dict[str, np.ndarray] = {}
    spec = encode(law, arrays)
    for again in (
        law.replace(),
        copy.copy(law),
        copy.deepcopy(law),
        pickle.loads(pickle.dumps(law)),
        decode(spec, arrays),
    ):
        assert again == law
        assert hash(again) == hash(law)
        assert type(again) is type(law)


def test_arrays_come_back_read_only_from_another_process() -> None:
    again = pickle.loads(pickle.dumps(Explicit([0], [1])))
    assert not again.pre.flags.writeable


def test_values_of_different_classes_or_arguments_differ() -> None:
    assert len({Conv(3), Conv(3, padding=1), Pool(3), Dense(), Explicit([0], [1]), Explicit([1], [0])}) == 6
    assert Dense() != object()
    assert Explicit([0], [1]) != Explicit([0, 1], [1, 0])


def test_same_compares_arrays_by_type_shape_and_number() -> None:
    nan = np.array([np.nan])
    assert same(nan, nan.copy())
    assert same((1, nan), (1, nan.copy()))
    assert same(float("nan"), float("nan"))
    assert same(np.array([1, float("nan"), ABSENT]), np.array([1, float("nan"), ABSENT]))
    assert not same(np.array([1, ABSENT]), np.array([ABSENT, 1]))
    assert same(np.array(["a"]), np.array(["a"], dtype="U9"))
    assert not same(np.zeros(2), np.zeros(2, np.float32))
    assert not same(np.zeros(2), np.zeros(3))
    assert not same(np.zeros(1), 0.0)
    assert not same((1,), (1, 2))


def test_values_cannot_be_changed() -> None:
    law = Explicit([0], [1])
    with pytest.raises(AttributeError):
        law.pre = np.zeros(1)  # type: ignore[misc]
    with pytest.raises(ValueError, match="read-only"):
        law.pre[0] = 3


def test_changing_what_was_passed_changes_no_value() -> None:
    given = np.array([0, 1])
    law = Explicit(given, [0, 1])
    given[0] = 7
    assert law.pre.tolist() == [0, 1]


def test_frozen_arrays_are_shared_and_views_of_writable_ones_are_not() -> None:
    whole = frozen_array([1, 2, 3], np.int64)
    assert frozen_array(whole, np.int64) is whole
    part = whole[:2]
    assert frozen_array(part, np.int64) is part
    live = np.array([1, 2, 3])
    view = live[:]
    view.flags.writeable = False
    assert not np.shares_memory(frozen_array(view, np.int64), live)
    assert frozen_array(whole, np.float32).dtype == np.float32


def test_index_arrays_refuse_what_numpy_would_convert() -> None:
    with pytest.raises(ShapeError, match=r"keep: not a list of indices \(got bool .*pass np.flatnonzero\(mask\)"):
        index_array([True, False], "keep")
    with pytest.raises(ShapeError, match="got float64"):
        index_array([0.5], "keep")
    with pytest.raises(ShapeError, match=r"got int64 \(1, 1\)"):
        index_array([[1]], "keep")
    with pytest.raises(ShapeError, match="ragged"):
        index_array([[1], [1, 2]], "keep")
    assert index_array([], "keep").dtype == np.int64


def test_absent_is_one_value_in_every_copy() -> None:
    assert copy.deepcopy(ABSENT) is ABSENT
    assert pickle.loads(pickle.dumps([ABSENT]))[0] is ABSENT
    assert repr(ABSENT) == "ABSENT"


def test_encode_turns_numpy_numbers_into_plain_ones() -> None:
    assert encode((np.float64(0.5), np.int64(2), np.bool_(True), None), {}) == [0.5, 2, True, None]


def test_encode_refuses_what_could_not_be_read_back() -> None:
    with pytest.raises(StructureError, match="cannot be written"):
        encode(len, {})
    with pytest.raises(StructureError, match="cannot be written"):
        encode({"a": 1}, {})
    with pytest.raises(StructureError, match="outer Outer: not registered"):
        encode(Outer(1), {})


def test_a_subclass_is_not_written_under_its_parents_name() -> None:
    @value
    class Wider(Conv):
        pass

    with pytest.raises(StructureError, match=r"Wider: not registered.*@circuitgraph.registry.topologies.register"):
        encode(Wider(3), {})


DENSE = {"kind": "topology", "name": "dense", "args": {}}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"kind": "topology"}, "unreadable entry"),
        ({"kind": [], "name": "dense", "args": {}}, "unreadable entry"),
        ({"kind": "topology", "name": [], "args": {}}, "unreadable entry"),
        ({"kind": "topology", "name": "dense", "args": []}, "unreadable entry"),
        ({**DENSE, "extra": 1}, "unreadable entry"),
        ({"kind": "module", "name": "os", "args": {}}, "unknown kind"),
        ({"array": "array7"}, "missing"),
        ({"array": 3}, "unreadable entry"),
        (
            {"kind": "topology", "name": "dense", "args": {"units": 3}},
            r"wrong arguments \(got \['units'\], expected \[\]\)",
        ),
        ({"kind": "topology", "name": "explicit", "args": {"pre": None, "post": [0]}}, "arguments refused"),
        ({"kind": "topology", "name": "explicit", "args": {"pre": [[1], [1, 2]], "post": [0]}}, "arguments refused"),
        ({"kind": "topology", "name": "pruned", "args": {"topology": "dense", "keep": []}}, "not a topology"),
        ({"kind": "topology", "name": "pruned", "args": {"topology": DENSE, "keep": ["a"]}}, "arguments refused"),
    ],
)
def test_decode_names_what_is_wrong_with_a_damaged_entry(spec: Any, message: str) -> None:
    with pytest.raises(FileError, match=message):
        decode(spec, {})


def test_decode_looks_up_registered_names_only() -> None:
    with pytest.raises(UnknownNameError, match=r"topology 'os.system': not registered \(expected one of conv, dense"):
        decode({"kind": "topology", "name": "os.system", "args": {}}, {})


def test_nested_values_and_arrays_survive_encoding() -> None:
    law = Pruned(ErdosRenyi(0.5, seed=3), [0, 2])
    arrays: dict[str, np.ndarray] = {}
    spec = encode(law, arrays)
    assert list(arrays) == ["array0"]
    assert decode(spec, arrays) == law


def test_a_file_from_before_an_argument_existed_means_its_default() -> None:
    spec = encode(Oja(0.1), arrays := {})
    del spec["args"]["unit_norm"]
    assert decode(spec, arrays) == Oja(0.1)
    del spec["args"]["learning_rate"]
    with pytest.raises(FileError, match="wrong arguments"):
        decode(spec, arrays)


@pytest.mark.parametrize("reach", [10, 900, 30_000, 10**6])
def test_different_numbers_are_counted_whatever_they_reach_to(reach: int) -> None:
    a = np.random.default_rng(0).integers(0, reach, 1000)
    assert n_different(a) == len(set(a.tolist()))
    assert n_different(a - 5) == n_different(a)
    assert n_different(a[:0]) == 0
