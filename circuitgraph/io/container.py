"""The bytes of a file: a text and named arrays in safetensors format, with a checksum over all of it.

    8 bytes   n, the length of the header, little endian
    n bytes   header: JSON with the text, the checksum, and dtype, shape and offsets of every array
    the rest  the arrays, one after the other, those with the longest numbers first so that all are aligned

The checksum is the SHA-256 of the whole file with zeros in place of the checksum: any changed byte is refused.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from circuitgraph.errors import FileError

MAX_HEADER = 100_000_000  # bytes; the limit of safetensors itself
_TEXT = "circuitgraph"
_NO_SUM = "0" * 64
_DTYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "|i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "|u1", "BOOL": "|b1",
}  # fmt: skip
_CODES = {dtype: code for code, dtype in _DTYPES.items()}


def pack(text: str, arrays: Mapping[str, np.ndarray]) -> bytes:
    """Write a text and arrays; the same input gives the same bytes.

    Raises:
        FileError: an array of a type that safetensors does not know, or a header that is too long.

    Example:
        >>> text, arrays = unpack(pack("hello", {"w": np.ones(2)}))
        >>> text, arrays["w"].tolist()
        ('hello', [1.0, 1.0])
    """
    entries: dict[str, Any] = {"__metadata__": {_TEXT: text, "sha256": _NO_SUM}}
    order = sorted(arrays, key=lambda key: (-arrays[key].itemsize, key))
    end = 0
    for key in order:
        a = arrays[key]
        if a.dtype.str not in _CODES:
            raise FileError(
                f"array {key!r}: type {a.dtype} cannot be saved (expected one of {', '.join(_CODES.values())})"
            )
        start, end = end, end + a.nbytes
        entries[key] = {"dtype": _CODES[a.dtype.str], "shape": list(a.shape), "data_offsets": [start, end]}
    header = json.dumps(entries, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    if len(header) > MAX_HEADER:
        raise FileError(
            f"header: too long (got {len(header):,} bytes, expected at most {MAX_HEADER:,}); save numbers, not text"
        )
    body = [len(header).to_bytes(8, "little"), header, *(arrays[key].tobytes() for key in order)]
    digest = hashlib.sha256(b"".join(body)).hexdigest()
    body[1] = header.replace(_mark(_NO_SUM), _mark(digest))
    return b"".join(body)


def unpack(data: bytes) -> tuple[str, dict[str, np.ndarray]]:
    """Read what `pack` wrote; the arrays are read-only views of `data`.

    Raises:
        FileError: for anything else, with the reason in one line.
    """
    header = read_header(data)
    n = 8 + header_length(data)
    meta = header.pop("__metadata__", None)
    if not isinstance(meta, dict) or not isinstance(meta.get(_TEXT), str) or not isinstance(meta.get("sha256"), str):
        raise FileError("not a circuit file (got safetensors without 'circuitgraph' and 'sha256' in its header)")
    _check_layout(header, len(data) - n)
    _check_sum(data[:n], memoryview(data)[n:], meta["sha256"])
    return meta[_TEXT], {key: _array(data, n, entry, key) for key, entry in header.items()}


def header_length(data: bytes) -> int:
    """Read the length of the header from the first eight bytes; FileError if it cannot be one."""
    n = int.from_bytes(data[:8], "little")
    if len(data) < 8:
        raise FileError(f"not a safetensors file (got {len(data)} bytes, expected at least 8)")
    if n > MAX_HEADER:
        raise FileError(f"not a safetensors file (got a header of {n:,} bytes, expected at most {MAX_HEADER:,})")
    return n


def read_json(text: str | bytes) -> Any:
    """Read strict JSON: no NaN or Infinity, no key twice; FileError otherwise."""
    try:
        text = text if isinstance(text, str) else text.decode("utf-8")
        return json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_unique_keys)
    except (ValueError, RecursionError) as error:
        raise FileError(f"header is not JSON; {error}") from error


def read_header(data: bytes) -> dict[str, Any]:
    """Read the JSON object at the start of a safetensors file; FileError if there is none."""
    n = header_length(data)
    if len(data) < 8 + n:
        raise FileError(f"truncated within the header (got {len(data):,} bytes, expected at least {8 + n:,})")
    if data[8:9] != b"{":
        raise FileError("not a safetensors file (its header is not a JSON object)")
    header: dict[str, Any] = read_json(data[8 : 8 + n])
    return header


def _check_layout(header: dict[str, Any], size: int) -> None:
    end = 0
    for key, entry in header.items():
        start, end = end, end + _n_bytes(entry, key)
        if entry["data_offsets"] != [start, end]:
            raise FileError(f"array {key!r}: wrong offsets (got {entry['data_offsets']}, expected {[start, end]})")
    if end > size:
        raise FileError(f"truncated (got {size:,} bytes of arrays, expected {end:,})")
    if end < size:
        raise FileError(f"{size - end:,} bytes too many at the end (expected {end:,} bytes of arrays)")


def _n_bytes(entry: Any, key: str) -> int:
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise FileError(f"array {key!r}: unreadable entry (expected dtype, shape, data_offsets)")
    dtype, shape = entry["dtype"], entry["shape"]
    if not isinstance(dtype, str) or dtype not in _DTYPES:
        raise FileError(f"array {key!r}: unknown type (got {dtype!r}, expected one of {', '.join(_DTYPES)})")
    if not isinstance(shape, list) or len(shape) > 32 or not all(type(n) is int and 0 <= n < 2**48 for n in shape):
        raise FileError(f"array {key!r}: not a shape (got {shape!r})")
    return math.prod(shape) * np.dtype(_DTYPES[dtype]).itemsize


def _check_sum(head: bytes, body: memoryview, claimed: str) -> None:
    # The quotes are bare: within the text they would be escaped, so this cannot match anything but the checksum.
    if len(claimed) != 64 or not claimed.isascii() or head.count(_mark(claimed)) != 1:
        raise FileError(f"checksum is unreadable (got {claimed!r}, expected 64 hexadecimal digits)")
    digest = hashlib.sha256(head.replace(_mark(claimed), _mark(_NO_SUM)))
    digest.update(body)
    if digest.hexdigest() != claimed:
        raise FileError("checksum does not match: the file is damaged or was changed; use another copy")


def _array(data: bytes, start: int, entry: dict[str, Any], key: str) -> np.ndarray:
    dtype, n = np.dtype(_DTYPES[entry["dtype"]]), math.prod(entry["shape"])
    a = np.frombuffer(data, dtype, n, start + entry["data_offsets"][0]) if n else np.zeros(0, dtype)
    if dtype == np.bool_ and (a.view(np.uint8) > 1).any():
        raise FileError(f"array {key!r}: not truth values (expected bytes 0 and 1)")
    return a.reshape(entry["shape"])


def _mark(digest: str) -> bytes:
    return f'"sha256":"{digest}"'.encode()


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number of JSON")


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) < len(pairs):
        raise ValueError(f"a key comes twice among {[key for key, _ in pairs][:8]}")
    return out
