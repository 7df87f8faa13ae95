import hashlib
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors import safe_open
from safetensors.numpy import load as load_safetensors

from circuitgraph.errors import FileError
from circuitgraph.io.container import MAX_HEADER, pack, read_json, unpack

NATIVE = st.sampled_from(["<f8", "<f4", "<f2", "<i8", "<i4", "<i2", "|i1", "<u8", "<u4", "<u2", "|u1", "|b1"])
SHAPES = hnp.array_shapes(min_dims=0, min_side=0, max_side=3)
ARRAYS = st.dictionaries(st.text('abc.é"\\', min_size=1, max_size=4), hnp.arrays(NATIVE, SHAPES), max_size=4)


def raw(header, body=b""):
    header = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(header).to_bytes(8, "little") + header + body


def entry(dtype="F32", shape=(1,), offsets=(0, 4)):
    meta = {"circuitgraph": "", "sha256": "0" * 64}
    return {"__metadata__": meta, "w": {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}}


@given(st.text(), ARRAYS)
def test_text_and_arrays_survive_the_round_trip(text, arrays):
    read, found = unpack(pack(text, arrays))
    assert read == text
    assert found.keys() == arrays.keys()
    for key, a in arrays.items():
        assert (found[key].dtype, found[key].shape, found[key].tobytes()) == (a.dtype, a.shape, a.tobytes())


@given(ARRAYS)
def test_the_safetensors_library_reads_what_is_written(arrays):
    found = load_safetensors(pack("text", arrays))
    assert {key: a.tobytes() for key, a in found.items()} == {key: a.tobytes() for key, a in arrays.items()}
    assert {key: a.shape for key, a in found.items()} == {key: a.shape for key, a in arrays.items()}


def test_the_safetensors_library_sees_text_and_checksum(tmp_path):
    (tmp_path / "c").write_bytes(pack("text", {"w": np.ones(2)}))
    with safe_open(tmp_path / "c", framework="numpy") as file:
        assert file.metadata()["circuitgraph"] == "text"
        assert len(file.metadata()["sha256"]) == 64


def test_arrays_in_any_memory_order_are_written_in_c_order():
    a = np.arange(6.0).reshape(2, 3).T
    assert unpack(pack("", {"a": a}))[1]["a"].tolist() == a.tolist()


def test_arrays_are_aligned_and_read_only():
    _, arrays = unpack(pack("", {"a": np.ones(3, bool), "b": np.ones(3, np.float64), "c": np.ones(3, np.float32)}))
    assert all(a.flags.aligned and not a.flags.writeable for a in arrays.values())


def test_the_same_content_gives_the_same_bytes_in_any_order():
    assert pack("", {"a": np.ones(1), "b": np.zeros(1)}) == pack("", {"b": np.zeros(1), "a": np.ones(1)})


def test_a_text_that_looks_like_the_checksum_does_no_harm():
    text = '"sha256":"' + "0" * 64 + '"'
    assert unpack(pack(text, {text: np.ones(1)}))[0] == text


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", r"not a safetensors file \(got 0 bytes, expected at least 8\)"),
        (raw(b"[]"), "its header is not a JSON object"),
        (raw(b'{"a": NaN}'), "NaN is not a number of JSON"),
        (raw(b'{"a": -Infinity}'), "-Infinity is not a number of JSON"),
        (raw(b'{"a": 1, "a": 1}'), "a key comes twice"),
        (raw(b"{" * 100_000), "header is not JSON"),
        (raw(b'{"a": "\xff"}'), "header is not JSON"),
        (raw(b"{}")[:9], "truncated within the header"),
        ((MAX_HEADER + 1).to_bytes(8, "little") + b"{}", "got a header of 100,000,001 bytes"),
        (raw({}), "not a circuit file"),
        (raw({"__metadata__": {"format": "pt"}}), "not a circuit file"),
        (raw(entry()), r"truncated \(got 0 bytes of arrays, expected 4\)"),
        (raw(entry(), bytes(5)), "1 bytes too many at the end"),
        (raw(entry(offsets=(4, 8)), bytes(8)), "wrong offsets"),
        (raw(entry(shape=(2,)), bytes(4)), "wrong offsets"),
        (raw(entry(shape=(-1,)), bytes(4)), "not a shape"),
        (raw(entry(shape=(True,)), bytes(4)), "not a shape"),
        (raw(entry(shape=(2**40, 2**40)), bytes(4)), "wrong offsets"),
        (raw(entry(dtype="PICKLE"), bytes(4)), "unknown type"),
        (raw(entry(dtype=["F32"]), bytes(4)), "unknown type"),
        (raw(entry() | {"w": 3}, bytes(4)), "unreadable entry"),
        (raw(entry(), bytes(4)), "checksum is unreadable"),
        (raw(json.dumps(entry(), separators=(",", ":")).encode(), bytes(4)), "checksum does not match"),
    ],
)  # fmt: skip
def test_what_is_no_circuit_file_is_refused_with_the_reason(data, message):
    with pytest.raises(FileError, match=message):
        unpack(data)


def test_bytes_that_are_no_truth_values_are_refused():
    header = json.dumps(entry("BOOL", offsets=(0, 1)), separators=(",", ":")).encode()
    data = raw(header, b"\x02")
    data = raw(header.replace(b"0" * 64, hashlib.sha256(data).hexdigest().encode()), b"\x02")
    with pytest.raises(FileError, match="not truth values"):
        unpack(data)


def test_types_that_safetensors_does_not_know_are_refused():
    with pytest.raises(FileError, match=r"array 'z': type complex128 cannot be saved"):
        pack("", {"z": np.ones(1, complex)})


def test_a_header_above_the_limit_is_refused_when_written(monkeypatch):
    monkeypatch.setattr("circuitgraph.io.container.MAX_HEADER", 100)
    with pytest.raises(FileError, match="header: too long"):
        pack("x" * 100, {})


def test_json_is_read_strictly():
    assert read_json('{"a": [1, 1e300]}') == {"a": [1, 1e300]}
