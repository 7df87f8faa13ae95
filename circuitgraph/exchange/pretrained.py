"""Circuits as folders: a configuration that people can read, and weights beside it."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from circuitgraph.compiler import Network
from circuitgraph.errors import CircuitGraphError, FileError
from circuitgraph.io.container import MAX_HEADER, pack, read_json, unpack
from circuitgraph.io.file import REFUSALS, read_bytes, write_at_once
from circuitgraph.io.spec import decode_circuit, encode_circuit
from circuitgraph.ir import Circuit

CONFIG, MODEL = "config.json", "model.safetensors"


def save_pretrained(circuit: Circuit | Network, folder: str | os.PathLike[str]) -> None:
    """Write a circuit, or a network as it is now, to a folder: config.json, and weights in model.safetensors.

    The weights are written last, and know the configuration that they belong to: files of two circuits are told apart.

    Raises:
        FileError: for what no file can hold.  OSError: if the disk refuses.

    Example:
        >>> import tempfile, circuitgraph as cg
        >>> c = cg.Circuit().add("x", 4).connect("x", "y", cg.Dense(), units=2)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_pretrained(c, folder)
        ...     sorted(os.listdir(folder)), from_pretrained(folder) == c
        (['config.json', 'model.safetensors'], True)
    """
    circuit = circuit.snapshot() if isinstance(circuit, Network) else circuit
    arrays: dict[str, np.ndarray] = {}
    try:
        spec = encode_circuit(circuit, arrays)
        text = json.dumps({"circuitgraph": spec}, indent=2, allow_nan=False)
        data = pack(_digest(spec), arrays)
    except FileError:
        raise
    except (CircuitGraphError, ValueError, TypeError, RecursionError) as error:
        raise FileError(f"save_pretrained: cannot be saved; {error}") from error
    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    write_at_once(path / CONFIG, f"{text}\n".encode())
    write_at_once(path / MODEL, data)


def from_pretrained(folder: str | os.PathLike[str]) -> Circuit:
    """Read a circuit from a folder that `save_pretrained` wrote.  Nothing is executed, and nothing is downloaded.

    Other entries beside "circuitgraph" in config.json are left alone: notes of people and tools.

    Raises:
        FileError: a file that is missing, damaged, too long, or belongs to another circuit; with its path.
    """
    path = Path(folder)
    for name in (CONFIG, MODEL):
        if not (path / name).is_file():
            there = sorted(p.name for p in path.iterdir())[:8] if path.is_dir() else "no such folder"
            raise FileError(
                f"{path / name}: missing (got {there}, expected {CONFIG} and {MODEL}); nothing is downloaded"
            )
    spec = _config(path / CONFIG)
    try:
        digest, arrays = unpack(read_bytes(path / MODEL))
    except FileError as error:
        raise FileError(f"{path / MODEL}: {error}") from error
    if digest != _digest(spec):
        raise FileError(f"{path / MODEL}: belongs to another configuration; use both files of one circuit")
    try:
        return decode_circuit(spec, arrays)
    except REFUSALS as error:
        raise FileError(f"{path / CONFIG}: does not describe a circuit; {error}") from error


def _config(path: Path) -> Any:
    if path.stat().st_size > MAX_HEADER:
        raise FileError(f"{path}: too long (got {path.stat().st_size:,} bytes, expected at most {MAX_HEADER:,})")
    try:
        found = read_json(path.read_bytes())
    except FileError as error:
        raise FileError(f"{path}: {error}") from error
    if not isinstance(found, dict) or not isinstance(found.get("circuitgraph"), dict):
        raise FileError(
            f"{path}: not a circuit (expected an entry 'circuitgraph'); it was not written by save_pretrained"
        )
    return found["circuitgraph"]


def _digest(spec: Any) -> str:
    text = json.dumps(spec, sort_keys=True, allow_nan=False, separators=(",", ":"))
    return f"pretrained {hashlib.sha256(text.encode()).hexdigest()}"
