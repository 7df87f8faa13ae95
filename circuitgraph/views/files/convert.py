"""Circuits from and to files, by the ending of the file's name."""

import gzip
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from circuitgraph import io
from circuitgraph.errors import CircuitGraphError, FileError
from circuitgraph.io.file import write_at_once
from circuitgraph.ir import ABSENT, Circuit
from circuitgraph.views.build import Merge
from circuitgraph.views.files import arrow, graphml, matrix, node_link
from circuitgraph.views.files.cells import kind_of_column, to_cells
from circuitgraph.views.files.graphs import circuit_of
from circuitgraph.views.files.limits import MAX_BYTES, MAX_TEXT, named, opened
from circuitgraph.views.files.listing import listed, names_of
from circuitgraph.views.files.losses import losses
from circuitgraph.views.files.restore import restored
from circuitgraph.views.files.tables import kind_of, read_table
from circuitgraph.views.frames import from_pandas
from circuitgraph.views.matrices import from_adjacency

FORMATS = (".graphml", ".json", ".csv", ".tsv", ".parquet", ".feather", ".npz", ".safetensors")
Path_ = str | os.PathLike[str]
_STREAMS: dict[str, Any] = {".graphml": graphml, ".json": node_link}
_BINARY = (".parquet", ".pq", ".feather", ".arrow")


def read(
    path: Path_,
    *,
    nodes: Path_ | None = None,
    weight: str | None = "weight",
    label: str = "label",
    merge: Merge = None,
    name: str = "neurons",
    delay: int = 1,
    max_bytes: int | None = None,
) -> Circuit:
    """Read a circuit from a file; the ending of its name says how: .graphml, .json, .csv, .tsv (these four
    perhaps as .gz), .parquet, .feather, .npz or .safetensors.

    What `write` wrote comes back as it was.  A file of another tool is a graph: its nodes become the units of one
    population `name`, called by the attribute `label`, its edges the slots of one projection of that `delay`, as in
    `from_networkx` and `from_pandas`; `nodes` is the second table of a CSV, Parquet or Feather edge list.  Nothing in
    a file is executed, fetched or expanded, and nothing is read beyond `max_bytes`, unpacked (GraphML and JSON: 128
    MiB, tables: 4 GiB).

    Raises:
        FileError: for a file of another kind, damaged, or too large.  Errors begin with the file's name, and say the
            line, the row or the place in the file.
        StructureError: a pair that comes twice, unless `merge="sum"`; an edge to what is not a node; another tool's
            file without the column `weight` (one called "weight" may be missing: then all weights are 1).
        NumericError: a weight that is not a finite number.
        OSError: if there is no such file.

    Example:
        >>> import circuitgraph as cg, tempfile
        >>> c = cg.Circuit().add("x", 2).connect("x", "y", cg.Dense(), units=1)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     lost = write(c, f"{folder}/c.graphml")
        ...     read(f"{folder}/c.graphml") == c, lost
        (True, ())
    """
    path = Path(path)
    kind = _known(path)
    options: dict[str, Any] = {"weight": weight, "label": label, "merge": merge, "name": name, "delay": delay}
    if kind == ".safetensors":
        return io.load(path)
    with named(path):
        if nodes is not None and kind in (*_STREAMS, ".npz"):
            raise FileError(f"holds its own nodes (got nodes={os.fspath(nodes)!r}, expected none); leave nodes out")
        if kind in _STREAMS:
            with opened(path, MAX_TEXT if max_bytes is None else max_bytes) as file:
                return circuit_of(_STREAMS[kind].parse(file), options)
        limit = MAX_BYTES if max_bytes is None else max_bytes
        if kind == ".npz":
            found, beside = matrix.parse(path, limit)
            return (
                from_adjacency(found, name=name, delay=delay)
                if beside is None
                else matrix.circuit_beside(beside, found)
            )
        listing = arrow.parse(path, kind, limit) if kind in _BINARY and nodes is None else None
        if listing is not None:
            return restored(listing)
    edges = read_table(path, ids=lambda names: [end for end in ("pre", "post") if end in names], max_bytes=limit)
    units = None if nodes is None else read_table(nodes, ids=lambda names: [label] * (label in names), max_bytes=limit)
    with named(path):
        return from_pandas(edges, units, **options)


def write(circuit: Circuit, path: Path_, *, nodes: Path_ | None = None, lossy: bool = False) -> tuple[str, ...]:
    """Write a circuit to a file that other tools read, by the ending of its name, and give what the file cannot say.

    GraphML, node-link JSON, Parquet, Feather, SciPy's .npz and .safetensors hold every circuit: beside nodes, edges
    and attributes, for everyone, they carry what only `read` understands (neurons, rules, laws of wiring, memory).
    CSV and TSV hold one labelled graph; attributes of units go to the second table `nodes`.  What is lost is an
    error, unless `lossy`: then it is returned, one line each.  The file appears at once or not at all.

    Raises:
        FileError: for another kind of file; for what it cannot say, unless `lossy`; for a class that is not registered.

    Example:
        >>> import circuitgraph as cg, tempfile
        >>> c = cg.Circuit().add("x", 2).connect("x", "x", cg.Dense(), delay=2)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     lost = write(c, f"{folder}/c.csv", lossy=True)
        >>> lost[0]
        "population x: name ('x' becomes 'neurons')"
    """
    path = Path(path)
    kind = _known(path)
    if kind == ".safetensors":
        io.save(circuit, path)
        return ()
    with named(path):
        if nodes is not None and kind not in (".csv", ".tsv"):
            raise FileError("holds its own nodes (got nodes=, expected none); leave nodes out")
        if kind in (".csv", ".tsv"):
            return _write_text(circuit, path, None if nodes is None else Path(nodes), lossy)
        write_at_once(path, _packed(path, _WRITERS[kind](circuit)))
        return ()


def _known(path: Path) -> str:
    kind = kind_of(path)
    if kind not in (*FORMATS, *_BINARY):
        raise FileError(f"{path}: no such format (got {kind or 'no ending'!r}, expected one of {', '.join(FORMATS)})")
    if path.suffix.lower() == ".gz" and kind not in (".graphml", ".json", ".csv", ".tsv"):
        raise FileError(f"{path}: packed twice (got .gz, expected {kind}); unpack it")
    return kind


def _packed(path: Path, data: bytes) -> bytes:
    return gzip.compress(data, mtime=0) if path.suffix.lower() == ".gz" else data


def _arrow(kind: str) -> Callable[[Circuit], bytes]:
    return lambda circuit: arrow.bytes_of(listed(circuit, nodes=False), names_of(circuit), kind)


_WRITERS: dict[str, Callable[[Circuit], bytes]] = {
    ".graphml": lambda circuit: graphml.text_of(listed(circuit)),
    ".json": lambda circuit: node_link.text_of(listed(circuit)),
    ".npz": matrix.bytes_of,
    **{kind: _arrow(kind) for kind in _BINARY},
}


def _write_text(circuit: Circuit, path: Path, nodes: Path | None, lossy: bool) -> tuple[str, ...]:
    listing = listed(circuit)
    assert listing.names is not None, "listed with nodes"
    names = pd.Series(listing.names, dtype=object)
    ends = {"pre": names.iloc[listing.pre].to_numpy(), "post": names.iloc[listing.post].to_numpy()}
    data = {path: _table_text({**ends, **listing.edges}, path)}
    if nodes is not None:
        data[nodes] = _table_text({"label": names.to_numpy(), **listing.nodes}, nodes)
    lost = _lost(circuit, data, path, nodes)
    if lost and not lossy:
        shown = "; ".join(lost[:4]) + (f"; and {len(lost) - 4} more" if len(lost) > 4 else "")
        raise FileError(f"cannot say all of the circuit: {shown}; pass lossy=True, or write .json")
    for p, text in data.items():
        write_at_once(p, text)
    return lost


def _table_text(columns: Mapping[str, Any], path: Path) -> bytes:
    cells = {name: to_cells(a, kind_of_column(a), name) for name, a in columns.items()}
    table = pd.DataFrame(
        {name: pd.Series([None if v is ABSENT else v for v in c], dtype=object) for name, c in cells.items()}
    )
    text: str = table.to_csv(index=False, sep="\t" if kind_of(path) == ".tsv" else ",", lineterminator="\n")
    return _packed(path, text.encode("utf-8"))


def _lost(circuit: Circuit, data: Mapping[Path, bytes], edges: Path, nodes: Path | None) -> tuple[str, ...]:
    """Read back what would be written, and compare."""
    with tempfile.TemporaryDirectory() as folder:
        copies = {p: Path(folder, f"{k}{''.join(p.suffixes)}") for k, p in enumerate(data)}
        for p, text in data.items():
            copies[p].write_bytes(text)
        try:
            return losses(circuit, read(copies[edges], nodes=copies[nodes] if nodes else None))
        except CircuitGraphError as error:
            return (f"the circuit: it cannot be read back; {str(error).removeprefix(str(copies[edges]) + ': ')}",)
