"""Edge tables in Parquet and Feather files: columns for everyone, the rest of the circuit as metadata."""

from pathlib import Path
from typing import Any

import numpy as np

from circuitgraph.ir import ABSENT
from circuitgraph.views.columns import column
from circuitgraph.views.files.cells import kind_of_column, to_cells
from circuitgraph.views.files.listing import HEADER, Columns, Listing
from circuitgraph.views.files.tables import every, need_pyarrow, read_arrow


def parse(path: Path, kind: str, limit: int) -> Listing | None:
    """Read a table that a circuit was written to; None where the file has no header."""
    table = read_arrow(path, kind, every, limit)
    header = (table.schema.metadata or {}).get(HEADER.encode())
    if header is None:
        return None
    columns = {name: _array(table.column(name), name) for name in table.column_names}
    pre, post = columns.pop("pre"), columns.pop("post")
    return Listing(None, {}, pre, post, columns, header)


def bytes_of(listing: Listing, names: list[Any], kind: str) -> bytes:
    """Write the edges of a listing, which was made without nodes, and its header."""
    pa = need_pyarrow("Parquet" if kind in (".parquet", ".pq") else "Feather")
    named = np.empty(len(names), dtype=object)
    named[:] = names
    ends: Columns = {"pre": column(named[listing.pre], "pre"), "post": column(named[listing.post], "post")}
    arrays = {name: _cells(pa, a, name) for name, a in {**ends, **listing.edges}.items()}
    table = pa.table(arrays).replace_schema_metadata({HEADER: listing.header or b""})
    sink = pa.BufferOutputStream()
    if kind in (".parquet", ".pq"):
        from pyarrow import parquet

        parquet.write_table(table, sink, compression="zstd")
    else:
        with pa.ipc.new_file(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as file:
            file.write_table(table)
    data: bytes = sink.getvalue().to_pybytes()
    return data


def _cells(pa: Any, a: np.ndarray, name: str) -> Any:
    if a.dtype.kind in "fiub":
        return pa.array(a.astype(a.dtype.newbyteorder("="), copy=False))
    kind = kind_of_column(a)
    said = {"bool": pa.bool_(), "int": pa.int64(), "float": pa.float64(), "text": pa.string(), "json": pa.string()}[
        kind
    ]
    return pa.array([None if v is ABSENT else v for v in to_cells(a, kind, name)], said)


def _array(column_: Any, name: str) -> np.ndarray:
    if column_.null_count == 0 and not _is_text(column_):
        out: np.ndarray = column_.to_numpy()
        return out
    return column((ABSENT if v is None else v for v in column_.to_pylist()), f"column {name!r}")


def _is_text(column_: Any) -> bool:
    return "string" in str(column_.type)
