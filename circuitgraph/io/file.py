"""Save and load circuits: all of a circuit or nothing, and no code."""

import json
import os
import secrets
from pathlib import Path

import numpy as np

from circuitgraph.errors import CircuitGraphError, FileError
from circuitgraph.io.container import header_length, pack, read_json, unpack
from circuitgraph.io.spec import decode_circuit, encode_circuit
from circuitgraph.ir import Circuit

# What constructors may raise when a file hands them nonsense.
REFUSALS = (
    CircuitGraphError, ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError, TypeError, ValueError
)  # fmt: skip


def save(circuit: Circuit, path: str | os.PathLike[str]) -> None:
    """Write a circuit to one safetensors file, with all that it holds: weights, ids, memory and attributes.

    The file appears at once or not at all: a file that was there before stays as it is until the new one is complete.
    The same circuit gives the same bytes.  Neurons, rules and topologies are named as they are registered.

    Raises:
        FileError: for what no file can hold: a class that is not registered, an object that is neither text nor number.
        OSError: if the disk refuses.

    Example:
        >>> import circuitgraph as cg, tempfile
        >>> c = cg.Circuit().add("x", 4).connect("x", "y", cg.Dense(), units=2)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     cg.save(c, f"{folder}/c.safetensors")
        ...     cg.load(f"{folder}/c.safetensors") == c
        True
    """
    write_at_once(Path(path), _to_bytes(circuit))


def load(path: str | os.PathLike[str]) -> Circuit:
    """Read a circuit that `save` wrote.  Nothing in the file is executed; only registered names are looked up.

    Raises:
        FileError: if the file is not ours, of an unknown version, truncated or changed, or names what is
            not registered.
        OSError: if there is no such file, or it cannot be opened.

    Example:
        >>> import tempfile
        >>> with tempfile.NamedTemporaryFile() as file:
        ...     load(file.name)
        Traceback (most recent call last):
        circuitgraph.errors.FileError: ...: not a safetensors file (got 0 bytes, expected at least 8)
    """
    try:
        return _from_bytes(read_bytes(Path(path)))
    except FileError as error:
        raise FileError(f"{os.fspath(path)}: {error}") from error


def _to_bytes(circuit: Circuit) -> bytes:
    arrays: dict[str, np.ndarray] = {}
    try:
        return pack(json.dumps(encode_circuit(circuit, arrays), allow_nan=False, separators=(",", ":")), arrays)
    except FileError:
        raise
    except (CircuitGraphError, ValueError, TypeError, RecursionError) as error:
        raise FileError(f"circuit: cannot be saved; {error}") from error


def _from_bytes(data: bytes) -> Circuit:
    text, arrays = unpack(data)
    try:
        return decode_circuit(read_json(text), arrays)
    except FileError:
        raise
    except REFUSALS as error:
        raise FileError(f"does not describe a circuit; {error}") from error


def read_bytes(path: Path) -> bytes:
    """Read a file that begins as a safetensors file does; FileError for any other."""
    with path.open("rb") as file:
        start = file.read(8)
        header_length(start)  # before the rest is read: any other file may be huge
        return start + file.read()


def write_at_once(path: Path, data: bytes) -> None:
    """Write a whole file or none."""
    part = path.with_name(f".{path.name[:64]}.{secrets.token_hex(8)}.part")
    try:
        with part.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    if os.name == "posix":  # elsewhere folders cannot be opened
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
