"""The idx parser."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from circuitgraph.data.idx import parse_idx
from circuitgraph.errors import DataError


def to_idx(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


@given(arrays(np.uint8, array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=5)))
def test_an_array_written_as_idx_is_read_back(array: np.ndarray) -> None:
    read = parse_idx(to_idx(array), "here")
    assert read.shape == array.shape
    assert np.array_equal(read, array)
    assert read.flags.writeable


@given(arrays(np.uint8, array_shapes(min_dims=1, max_dims=3, max_side=4)), st.data())
def test_any_shortened_idx_is_refused(array: np.ndarray, data: st.DataObject) -> None:
    whole = to_idx(array)
    with pytest.raises(DataError):
        parse_idx(whole[: data.draw(st.integers(0, len(whole) - 1))], "here")


@given(st.binary(max_size=40))
def test_any_bytes_give_an_array_or_a_data_error(data: bytes) -> None:
    try:
        array = parse_idx(data, "here")
    except DataError:
        return
    assert to_idx(array) == data


def test_sizes_beyond_memory_are_refused_before_they_are_allocated() -> None:
    with pytest.raises(DataError, match="wrong length"):
        parse_idx(bytes([0, 0, 8, 3]) + b"\xff" * 12, "here")


def test_an_idx_of_floats_is_refused() -> None:
    with pytest.raises(DataError, match="not idx of uint8"):
        parse_idx(bytes([0, 0, 13, 1, 0, 0, 0, 0]), "here")
