"""Edits in files: what was done to a circuit, to be done again."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from circuitgraph.errors import CircuitGraphError, FileError
from circuitgraph.io.container import pack, read_json, unpack
from circuitgraph.io.file import REFUSALS, read_bytes, write_at_once
from circuitgraph.ir import Value
from circuitgraph.ir.value import decode, encode

SCHEMA = "edits 1"
History = Sequence[tuple[int, str, Value]]
"""Step, reason and edit, oldest first."""


def save_edits(history: History, path: str | os.PathLike[str]) -> None:
    """Write edits to one safetensors file, all or nothing.

    Raises:
        FileError: for an edit that is not registered.
        OSError: if the disk refuses.
    """
    arrays: dict[str, np.ndarray] = {}
    try:
        lines = [[step, reason, encode(edit, arrays)] for step, reason, edit in history]
        text = json.dumps({"schema": SCHEMA, "edits": lines}, allow_nan=False, separators=(",", ":"))
    except (CircuitGraphError, ValueError, TypeError) as error:
        raise FileError(f"edits: cannot be saved; {error}") from error
    write_at_once(Path(path), pack(text, arrays))


def load_edits(path: str | os.PathLike[str]) -> list[tuple[int, str, Any]]:
    """Read edits that `save_edits` wrote.  Nothing in the file is executed; only registered names are looked up.

    Raises:
        FileError: if the file is not one of these, truncated or changed.
        OSError: if it cannot be opened.
    """
    try:
        text, arrays = unpack(read_bytes(Path(path)))
        spec = read_json(text)
        if not isinstance(spec, dict) or spec.get("schema") != SCHEMA or not isinstance(spec.get("edits"), list):
            raise FileError(f"not a history of edits (got {str(spec)[:40]!r}, expected schema {SCHEMA!r})")
        return [_line(line, arrays) for line in spec["edits"]]
    except REFUSALS as error:
        raise FileError(f"{os.fspath(path)}: {error}") from error


def _line(line: Any, arrays: dict[str, np.ndarray]) -> tuple[int, str, Any]:
    if not isinstance(line, list) or len(line) != 3 or not isinstance(line[0], int) or not isinstance(line[1], str):
        raise FileError(f"unreadable entry (got {str(line)[:40]!r}, expected step, reason and edit)")
    edit = decode(line[2], arrays)
    if not isinstance(edit, Value) or edit.kind != "edit":
        raise FileError(f"not an edit (got {edit!r})")
    return line[0], line[1], edit
