"""SciPy's sparse matrices in .npz files, read without pickle: rows are pre, columns are post."""

import io
import json
import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from circuitgraph.errors import FileError
from circuitgraph.io.container import pack, read_json, unpack
from circuitgraph.io.file import REFUSALS
from circuitgraph.io.spec import decode_circuit, encode_circuit
from circuitgraph.ir import Circuit
from circuitgraph.views.files.limits import too_large
from circuitgraph.views.files.listing import HEADER
from circuitgraph.views.matrices import to_adjacency

_MEMBERS = {
    f"{name}.npy" for name in ("row", "col", "data", "indices", "indptr", "shape", "format", "_is_array", HEADER)
}
_PER_NODE = 256  # bytes that a unit takes at least, with its name


def parse(path: Path, limit: int) -> tuple[Any, bytes | None]:
    """Read a matrix, and the circuit that stands beside it where we wrote it."""
    with zipfile.ZipFile(path) as archive:
        infos = [info for info in archive.infolist() if info.filename in _MEMBERS]
        if sum(info.file_size for info in infos) > limit:
            raise too_large("arrays", limit)
        arrays = {info.filename[:-4]: _array(archive, info) for info in infos}
    return _matrix(arrays, limit), arrays[HEADER].tobytes() if HEADER in arrays else None


def bytes_of(circuit: Circuit) -> bytes:
    """Write the matrix of a circuit, which SciPy loads, and the circuit itself beside it."""
    arrays: dict[str, np.ndarray] = {}
    spec = json.dumps(encode_circuit(circuit, arrays), allow_nan=False)
    buffer, member = io.BytesIO(), io.BytesIO()
    sp.save_npz(buffer, to_adjacency(circuit, max_edges=None))
    np.save(member, np.frombuffer(pack(spec, arrays), np.uint8), allow_pickle=False)
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(f"{HEADER}.npy", (1980, 1, 1, 0, 0, 0)), member.getvalue())
    return buffer.getvalue()


def circuit_beside(header: bytes, matrix: Any) -> Circuit:
    """Read the circuit that stands beside a matrix; FileError unless the matrix is its own."""
    text, arrays = unpack(header)
    try:
        circuit = decode_circuit(read_json(text), arrays)
        own = to_adjacency(circuit, max_edges=None)
    except REFUSALS as error:
        raise FileError(f"array {HEADER!r} does not describe a circuit; {error}") from error
    if own.shape != matrix.shape or (own != matrix.tocsr()).nnz:
        raise FileError(f"matrix and circuit differ (got other weights than those of {HEADER!r}); delete that array")
    return circuit


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> np.ndarray:
    data = io.BytesIO(archive.read(info))
    version = np.lib.format.read_magic(data)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(data, max_header_size=10_000)
    rest = data.read()
    if dtype.hasobject or (fortran and len(shape) > 1):
        raise FileError(f"{info.filename}: objects are refused (got {dtype}, expected numbers)")
    if math.prod(shape) * dtype.itemsize != len(rest):
        raise FileError(
            f"{info.filename}: {len(rest):,} bytes do not fill shape {shape} of {dtype}; the file is damaged"
        )
    return np.frombuffer(rest, dtype).reshape(shape)


def _matrix(arrays: dict[str, np.ndarray], limit: int) -> Any:
    kind = _text(arrays.get("format"))
    needed = {"coo": ("row", "col"), "csr": ("indices", "indptr"), "csc": ("indices", "indptr")}.get(kind)
    if needed is None or not {*needed, "data", "shape"} <= set(arrays):
        raise FileError(
            f"not a sparse matrix (got {sorted(arrays)} of format {kind!r}, expected SciPy's csr, csc or coo)"
        )
    shape = tuple(arrays["shape"].astype(np.int64).tolist())
    data, a, b = arrays["data"], *(arrays[name] for name in needed)
    if any(x.ndim != 1 for x in (data, a, b)) or any(x.dtype.kind not in "iu" for x in (a, b)):
        raise FileError("not a sparse matrix (expected flat arrays, and indices of integers)")
    if len(shape) != 2 or min(shape) < 0 or max(shape) * _PER_NODE > limit:
        raise FileError(f"shape out of bounds (got {shape}, expected two sizes of at most {limit // _PER_NODE:,})")
    if kind == "coo":
        return _checked(sp.coo_array((data, (a.astype(np.int64), b.astype(np.int64))), shape=shape))
    make = sp.csr_array if kind == "csr" else sp.csc_array
    matrix = make((data, a.astype(np.int64), b.astype(np.int64)), shape=shape)
    matrix.check_format(full_check=True)
    return matrix


def _checked(matrix: Any) -> Any:
    for index, size in zip(matrix.coords, matrix.shape, strict=True):
        if len(index) and (index.min() < 0 or index.max() >= size):
            raise FileError(f"index out of range (got {int(index.max())}, expected 0 to {size - 1})")
    return matrix


def _text(a: np.ndarray | None) -> str:
    item = b"" if a is None or a.size != 1 else a.item()
    return item.decode("ascii", "replace") if isinstance(item, bytes) else str(item)
