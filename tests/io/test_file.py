import copy
import json
import os
import pathlib
import stat
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import circuitgraph as cg
from circuitgraph import registry
from circuitgraph.errors import FileError
from circuitgraph.io.columns import encode_column
from circuitgraph.io.container import pack, read_json, unpack
from circuitgraph.io.file import _from_bytes, _to_bytes

EXAMPLES = [e for name in registry.topologies for e in registry.topologies[name].examples()]
RULES = [None, *(rule for name in registry.rules for rule in registry.rules[name].examples())]
NEURONS = [None, *(neuron for name in registry.neurons for neuron in registry.neurons[name].examples())]
DTYPES = st.sampled_from(
    ["<f2", "<f4", "<f8", "|i1", "<i8", "<u2", "<u8", "|b1", "<c8", "<U3", ">f8", ">i4", "<M8[ns]", "<m8[s]"]
)
ITEMS = st.recursive(
    st.one_of(st.none(), st.just(cg.ABSENT), st.booleans(), st.integers(), st.text(max_size=3))
    | st.floats(allow_nan=False),
    lambda items: (
        st.lists(items, max_size=2) | st.tuples(items) | st.dictionaries(st.text(max_size=1), items, max_size=2)
    ),
    max_leaves=4,
)
KEYS = st.text(max_size=4) | st.integers(0, 3)


@st.composite
def object_columns(draw, n):
    out = np.empty(n, dtype=object)
    for k in range(n):
        out[k] = draw(ITEMS)
    return out


@st.composite
def attributes(draw, n):
    keys = draw(st.lists(KEYS, max_size=3, unique=True))
    return {key: draw(st.one_of(object_columns(n), hnp.arrays(DTYPES, n))) for key in keys}


def ids(n):
    return st.none() | st.permutations(range(3, n + 3))


@st.composite
def circuits(draw):
    topology, pre, post = draw(st.sampled_from(EXAMPLES))
    n, dtype = topology.n_slots(pre, post), draw(st.sampled_from([np.float32, np.float64]))
    width = 32 if dtype is np.float32 else 64
    finite = st.floats(allow_nan=False, allow_infinity=False, width=width)
    weight, rule = draw(hnp.arrays(dtype, n, elements=finite)), draw(st.sampled_from(RULES))
    memory = draw(st.dictionaries(KEYS, hnp.arrays(np.float32, hnp.array_shapes(min_dims=0, max_side=2)), max_size=2))
    populations = [
        cg.Population("x", pre, draw(st.sampled_from(NEURONS)), memory, draw(attributes(pre[0])), draw(ids(pre[0]))),
        cg.Population("y", post, draw(st.sampled_from(NEURONS))),
    ]
    fixed = rule is None and draw(st.booleans())
    projection = cg.Projection(
        "x", "y", topology, weight, rule, draw(st.integers(0, 2)), draw(st.sampled_from(["in", "gate"])),
        draw(st.sampled_from(["", "é →", '"sha256":"'])), fixed, draw(attributes(n)), draw(ids(n)),
    )  # fmt: skip
    return cg.Circuit(tuple(populations), (projection,))


def small():
    labels = np.array(["a", cg.ABSENT, ("b", 1.5)], dtype=object)
    x = cg.Population("x", 3, None, {"mean": np.ones(3)}, {"label": labels, "side": np.array([1, 2, 3])}, [4, 5, 6])
    return cg.Circuit((x,)).connect("x", "y", cg.Explicit([0, 2], [0, 1]), units=2, weight=[1.0, -2.0])


def edited(circuit, change):
    """Give the bytes of a file whose content was changed by one who knows the checksum."""
    text, arrays = unpack(_to_bytes(circuit))
    spec = read_json(text)
    change(spec, arrays)
    return pack(json.dumps(spec), arrays)


def refusal(data):
    try:
        _from_bytes(data)
    except FileError as error:
        return str(error)
    return None


@given(circuits())
@settings(max_examples=200)
def test_a_loaded_circuit_equals_the_saved_one(circuit):
    data = _to_bytes(circuit)
    loaded = _from_bytes(data)
    assert loaded == circuit
    assert loaded.fingerprint == circuit.fingerprint
    assert _to_bytes(loaded) == data


def test_load_gives_back_what_save_wrote(tmp_path):
    cg.save(small(), tmp_path / "c.safetensors")
    loaded = cg.load(str(tmp_path / "c.safetensors"))
    assert loaded == small()
    assert list(loaded.population("x").attributes) == ["label", "side"]
    assert loaded.population("x").ids.tolist() == [4, 5, 6]
    assert not loaded.projections[0].weight.flags.writeable


def test_an_empty_circuit_can_be_saved(tmp_path):
    cg.save(cg.Circuit(), tmp_path / "c")
    assert cg.load(tmp_path / "c") == cg.Circuit()


def test_attributes_with_nan_come_back_as_they_were():
    column = np.array([float("nan"), float("inf"), "x"], dtype=object)
    circuit = small().replace_population("x", attributes={"d": np.array([np.nan, 1, -np.inf]), "o": column})
    back = _from_bytes(_to_bytes(circuit)).population("x").attributes
    assert np.isnan(back["d"][0])
    assert back["d"][2] == -np.inf
    assert np.isnan(back["o"][0])
    assert back["o"].tolist()[1:] == [float("inf"), "x"]


def test_every_single_bit_flip_of_a_file_is_refused():
    data = _to_bytes(small())
    loaded = [
        8 * i + bit
        for i in range(len(data))
        for bit in range(8)
        if refusal(data[:i] + bytes([data[i] ^ 1 << bit]) + data[i + 1 :]) is None
    ]
    assert loaded == []


def test_every_truncation_and_every_extension_is_refused():
    data = _to_bytes(small())
    assert all(refusal(data[:i]) for i in range(len(data)))
    assert "too many at the end" in refusal(data + b"\0")


@given(st.binary(max_size=200) | st.binary(max_size=100).map(lambda b: len(b).to_bytes(8, "little") + b))
def test_any_other_bytes_are_refused(data):
    assert refusal(data)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s, a: s.update(schema=2), r"unknown schema \(got 2, expected 1\)"),
        (lambda s, a: s.update(extra=1), "circuit: wrong entries"),
        (lambda s, a: s.update(populations=None), "populations of a wrong type"),
        (lambda s, a: s["projections"][0]["topology"].update(name="os.system"), "topology 'os.system': not registered"),
        (lambda s, a: s["projections"][0]["topology"].update(name="circuitgraph.topologies.Dense"), "not registered"),
        (lambda s, a: s["projections"][0]["topology"].update(name=["dense"]), "unreadable entry"),
        (lambda s, a: s["projections"][0]["topology"].update(kind="module"), "unknown kind"),
        (lambda s, a: s["projections"][0]["topology"]["args"].update(pre=[0, 1.5]), "arguments refused"),
        (lambda s, a: s["projections"][0].update(topology={"array": "array4"}), "not a topology"),
        (lambda s, a: s["projections"][0].update(rule={"kind": "rule", "name": "?", "args": {}}), "not registered"),
        (lambda s, a: s["populations"][0].update(neuron={"kind": "neuron", "name": "?", "args": {}}), "not registered"),
        (lambda s, a: s["projections"][0].update(pre="z"), "no population 'z'"),
        (lambda s, a: s["projections"][0].update(post="x"), "zero-delay loop"),
        (lambda s, a: s["projections"][0].update(delay=-1), "bad delay"),
        (lambda s, a: s["projections"][0].update(delay=1.5), "delay of a wrong type"),
        (lambda s, a: s["projections"][0].update(weight="gone"), "array 'gone': missing"),
        (lambda s, a: s["populations"][0].update(ids="projections.x->y.weight"), "ids"),
        (lambda s, a: s["populations"][0].update(ids="gone"), "array 'gone': missing"),
        (lambda s, a: s["populations"][0].update(shape=[4]), "one value each"),
        (lambda s, a: s["populations"][0].update(shape=[0]), "not a shape"),
        (lambda s, a: s["populations"][0].update(shape=[[3]]), "not a shape"),
        (lambda s, a: s["populations"][0].update(name="a/b"), "bad name"),
        (lambda s, a: s["populations"].append(s["populations"][0]), "name is taken"),
        (lambda s, a: s["populations"][0].update(memory=[3]), "columns: unreadable entry"),
        (lambda s, a: s["populations"][0]["attributes"].append(["label", {"array": "array4"}]), "a name comes twice"),
        (lambda s, a: s["populations"][0]["attributes"][0].__setitem__(0, [1]), "does not describe a circuit"),
        (lambda s, a: s["populations"][0]["attributes"][0][1]["items"].append({"eval": "1"}), "unreadable item"),
        (lambda s, a: s["populations"][0]["attributes"][0][1].update(type="code"), "unreadable items"),
        (lambda s, a: s["populations"][0]["attributes"][1][1].update(dtype="O"), "unknown type"),
        (lambda s, a: s["populations"][0]["attributes"][1][1].update(dtype="<M8[s]"), "wrong size"),
        (lambda s, a: s["populations"][0]["attributes"][1][1].update(pickle=1), "column: unreadable entry"),
        (lambda s, a: a.update({"projections.x->y.weight": np.array([1, np.nan], np.float32)}), "NaN or infinity"),
        (lambda s, a: a.update({"projections.x->y.weight": np.ones(3, np.float32)}), "wrong number of weights"),
        (lambda s, a: a.update({"projections.x->y.weight": np.ones((2, 1))}), "one flat vector"),
        (lambda s, a: a.update({"projections.x->y.weight": np.ones(2, np.int64)}), "weights of a wrong type"),
        (lambda s, a: a.update(array4=np.array([0, 9])), "out of range"),
        (lambda s, a: a.update(array4=np.array([0, -1])), "out of range"),
        (lambda s, a: a.pop("array4"), "array 'array4' is missing"),
    ],
)  # fmt: skip
def test_a_file_with_a_right_checksum_and_wrong_content_is_refused_with_the_reason(change, message):
    data = edited(small(), change)
    with pytest.raises(FileError, match=message) as caught:
        _from_bytes(data)
    assert "\n" not in str(caught.value)


def places(spec, at=()):
    """List the way to everything within JSON data."""
    inner = spec.items() if isinstance(spec, dict) else enumerate(spec) if isinstance(spec, list) else ()
    return [place for key, part in inner for place in ((*at, key), *places(part, (*at, key)))]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 9) | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "x", "array4", "array5", "projections.x->y.weight", "dense", "<M8[abc]", "conv"]),
    lambda parts: st.lists(parts, max_size=2)
    | st.dictionaries(st.sampled_from(["array", "tuple", "dict", "float", "kind"]), parts, max_size=2),
    max_leaves=4,
)  # fmt: skip


@given(st.data())
@settings(max_examples=300)
def test_anything_in_the_place_of_anything_is_loaded_or_refused_with_a_file_error(data):
    def change(spec, arrays):
        *way, last = data.draw(st.sampled_from(places(spec)))
        for key in way:
            spec = spec[key]
        spec[last] = data.draw(JSON)

    changed = edited(small(), change)
    if refusal(changed) is None:
        assert isinstance(_from_bytes(changed), cg.Circuit)


def test_the_error_of_load_names_the_file_in_one_line(tmp_path):
    path = tmp_path / "c.safetensors"
    path.write_bytes(b"hello, this is no circuit")
    with pytest.raises(FileError, match=r"c\.safetensors: not a safetensors file") as caught:
        cg.load(path)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_a_file_not_found_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        cg.load(tmp_path / "none")


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"o": np.array([1, {2}, 3], dtype=object)}, "set cannot be saved"),
        ({"f": np.array([len, len, len])}, "builtin_function_or_method cannot be saved"),
        ({"b": np.array([b"x"] * 3)}, r"type \|S1 cannot be saved"),
        ({"v": np.zeros(3, dtype=[("a", int)])}, "cannot be saved"),
    ],
)
def test_what_no_file_can_hold_is_refused_and_leaves_no_file(tmp_path, columns, message):
    circuit = small().replace_population("x", attributes=columns)
    with pytest.raises(FileError, match=message):
        cg.save(circuit, tmp_path / "c")
    assert list(tmp_path.iterdir()) == []


def test_objects_in_more_than_one_dimension_are_refused():
    with pytest.raises(FileError, match="one dimension"):
        encode_column(np.full((2, 2), None), "memory", {})


def test_a_class_that_is_not_registered_is_refused(tmp_path):
    class Mine(cg.Dense):
        pass

    circuit = cg.Circuit().add("x", 1).connect("x", "y", Mine(), units=1)
    with pytest.raises(FileError, match="cannot be saved; topology Mine: not registered"):
        cg.save(circuit, tmp_path / "c")


def test_saving_over_a_file_replaces_it_at_once_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "c"
    cg.save(cg.Circuit(), path)
    cg.save(small(), path)
    assert cg.load(path) == small()
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("step", ["fsync", "replace", "rename"])
def test_an_error_while_writing_keeps_the_old_file_and_leaves_no_other(tmp_path, monkeypatch, step):
    path = tmp_path / "c"
    cg.save(small(), path)

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, step, full)
    if step == "rename":
        cg.save(small(), path)
    else:
        with pytest.raises(OSError, match="No space left"):
            cg.save(cg.Circuit(), path)
    assert cg.load(path) == small()
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_not_there_is_an_error_of_the_system(tmp_path):
    with pytest.raises(FileNotFoundError):
        cg.save(small(), tmp_path / "none" / "c")
    with pytest.raises(IsADirectoryError):
        cg.save(small(), tmp_path)
    assert list(tmp_path.parent.glob("*.part")) == []


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_a_saved_file_has_the_permissions_that_the_umask_leaves(tmp_path):
    old = os.umask(0o077)
    try:
        cg.save(small(), tmp_path / "c")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "c").stat().st_mode) == 0o600


def test_loading_runs_no_code_of_the_file(tmp_path):
    program = """
import sys, circuitgraph as cg
cg.load(sys.argv[1])  # whatever is imported, is imported now
events = []
sys.addaudithook(lambda event, args: events.append(event))
cg.load(sys.argv[1])
kinds = {"pickle", "exec", "compile", "import", "subprocess", "socket", "marshal", "ctypes"}
bad = [e for e in events if e.split(".")[0] in kinds]
assert "open" in events
assert not bad, bad
"""
    cg.save(small(), tmp_path / "c")
    done = subprocess.run([sys.executable, "-c", program, tmp_path / "c"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_saving_changes_nothing_in_the_circuit():
    circuit = small()
    before = copy.deepcopy(_to_bytes(circuit))
    assert _to_bytes(circuit) == before
    assert circuit == small()


def test_attributes_of_a_circuit_come_back_and_count_in_comparisons(tmp_path: pathlib.Path) -> None:
    circuit = cg.Circuit(attributes={"species": "C. elegans", "years": [1986, 2019], "note": None}).add("x", 2)
    cg.save(circuit, tmp_path / "a")
    assert cg.load(tmp_path / "a") == circuit
    assert circuit != cg.Circuit().add("x", 2)
    assert copy.deepcopy(circuit) == circuit
