"""Columns of tables in CSV, TSV, Parquet and Feather files, read through pyarrow where it is there."""

import codecs
import csv
import io
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd

from circuitgraph.errors import FileError
from circuitgraph.views.files.ids import with_ids
from circuitgraph.views.files.limits import MAX_BYTES, named, opened, too_large

Choose = Callable[[list[str]], Sequence[str]]
SUFFIXES = (".csv", ".tsv", ".txt", ".parquet", ".pq", ".feather", ".arrow")
_MAX_HEADER = 1 << 20  # bytes of the first line
_CHUNK = 1 << 20


def none(names: list[str]) -> list[str]:
    """Choose no column."""
    return []


def every(names: list[str]) -> list[str]:
    """Choose all columns."""
    return names


def kind_of(path: Path) -> str:
    """Give the ending of a file's name without .gz, in small letters: .csv of edges.CSV.gz."""
    suffixes = [s.lower() for s in path.suffixes]
    return next((s for s in reversed(suffixes) if s != ".gz"), "")


def read_table(
    path: str | os.PathLike[str],
    choose: Choose = every,
    *,
    ids: Choose = none,
    max_bytes: int = MAX_BYTES,
    delimiter: str | None = None,
) -> pd.DataFrame:
    r"""Read the columns that `choose` picks from the names there are; text comes as categories where there is pyarrow.

    CSV is UTF-8 with a header, its columns parted by `delimiter`: a tab in .tsv files and wherever the header has
    tabs and no comma, else a comma.  CSV may be packed as .gz.  Of its columns those that `ids` picks name cells:
    they are numbers only where no name is lost by that, 007 for one.

    Raises:
        FileError: for a file of another kind, damaged, of columns with one name, or larger than `max_bytes` unpacked.
        OSError: if there is no such file, or it cannot be opened.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "e.csv").write_text("pre,post,n\n1,2,3\n")
        ...     read_table(f"{folder}/e.csv", lambda names: names[:2]).to_numpy().tolist()
        [[1, 2]]
    """
    path = Path(path)
    with named(path):
        kind = kind_of(path)
        if kind not in SUFFIXES:
            raise FileError(f"not a table (got {kind or 'no ending'!r}, expected one of {', '.join(SUFFIXES)})")
        if kind in (".csv", ".tsv", ".txt"):
            return _read_text(path, choose, ids, max_bytes, delimiter or ("\t" if kind == ".tsv" else None))
        if path.suffix.lower() == ".gz":
            raise FileError("packed twice (got .gz, expected the file itself); unpack it")
        return _to_pandas(read_arrow(path, kind, choose, max_bytes))


def need_pyarrow(what: str) -> Any:
    """Import pyarrow; FileError with the name of the extra that brings it, where it is missing."""
    try:
        import pyarrow
    except ImportError as error:
        mend = "pip install 'circuitgraph-nn[connectome]', or use .csv"
        raise FileError(f"{what}: pyarrow is missing (got no such module, expected it installed); {mend}") from error
    return pyarrow


def _read_text(path: Path, choose: Choose, ids: Choose, limit: int, delimiter: str | None) -> pd.DataFrame:
    try:
        with opened(path, limit) as file:
            line = file.readline(_MAX_HEADER)
        header = line.decode("utf-8-sig")
        delimiter = delimiter or ("\t" if "\t" in header and "," not in header else ",")
        names = _fields(header, delimiter)
        chosen = _chosen(names, choose)
        return _columns(path, chosen, list(ids(names)), limit, delimiter)
    except UnicodeError:
        _need_utf8(path, limit)
        raise


def _columns(path: Path, chosen: list[str], ids: list[str], limit: int, delimiter: str) -> pd.DataFrame:
    try:
        import pyarrow as pa
    except ImportError:
        return with_ids(_with_pandas(path, chosen, ids, limit, delimiter), ids)
    if ids and not _zeros_lead(path, limit, delimiter):  # then twice as fast
        table = _as_arrow(path, chosen, [], limit, delimiter)
        if all(table.schema.field(name).type == pa.int64() for name in ids):
            return _to_pandas(table)
    return with_ids(_to_pandas(_as_arrow(path, chosen, ids, limit, delimiter)), ids)


def _as_arrow(path: Path, chosen: list[str], ids: list[str], limit: int, delimiter: str) -> Any:
    import pyarrow as pa

    try:
        table = _with_arrow(path, chosen, ids, limit, delimiter, True)
    except pa.ArrowInvalid:
        _need_utf8(path, limit)
        # Only one thread knows the number of the row that it complains about.
        table = _with_arrow(path, chosen, ids, limit, delimiter, False)
    if any("binary" in str(kind) for kind in table.schema.types):  # what arrow makes of text that is not UTF-8
        _need_utf8(path, limit)
    return table


def _zeros_lead(path: Path, limit: int, delimiter: str) -> bool:
    """Tell whether any cell may begin with 0 and a digit, with 0x or -0: all others are integers only as they print."""
    before, odd = np.zeros(256, bool), np.zeros(256, bool)
    before[list(f'\n\r\t "-{delimiter}'.encode())] = True
    odd[list(b"0123456789xX")] = True
    last = b"\n"
    with opened(path, limit) as file:
        while chunk := file.read(_CHUNK):
            a = np.frombuffer(last + chunk, np.uint8)
            zero = np.flatnonzero(a[1:-1] == ord("0"))
            zero = zero[before[a[zero]]]
            if (odd[a[zero + 2]] | (a[zero] == ord("-"))).any():
                return True
            last = (last + chunk)[-2:]
    return False


def _need_utf8(path: Path, limit: int) -> None:
    decoder, line = codecs.getincrementaldecoder("utf-8")(), 1
    with opened(path, limit) as file:
        while chunk := file.read(_CHUNK):
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError as error:
                line += error.object[: error.start].count(b"\n")
                got = f"got {error.object[error.start : error.start + 4]!r}, expected UTF-8"
                raise FileError(f"line {line}: text of another encoding ({got}); convert the file") from error
            line += chunk.count(b"\n")


def _fields(header: str, delimiter: str) -> list[str]:
    if "\r" in header.rstrip("\r\n"):
        raise FileError("line 1: a carriage return within (expected lines that end in a line feed); convert the file")
    try:
        return next(csv.reader(io.StringIO(header), delimiter=delimiter), [])
    except csv.Error as error:
        raise FileError(f"line 1: not a header ({error}, expected the names of the columns)") from error


def _with_arrow(path: Path, chosen: list[str], ids: list[str], limit: int, delimiter: str, threads: bool) -> Any:
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    convert = arrow_csv.ConvertOptions(
        include_columns=chosen,
        column_types=dict.fromkeys(ids, pa.dictionary(pa.int32(), pa.string())),
        auto_dict_encode=True,
        auto_dict_max_cardinality=1 << 20,
        timestamp_parsers=[],
        null_values=[""],
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
    )
    with opened(path, limit) as file:
        return arrow_csv.read_csv(
            pa.PythonFile(file, mode="r"),
            read_options=arrow_csv.ReadOptions(use_threads=threads, block_size=1 << 23),
            parse_options=arrow_csv.ParseOptions(delimiter=delimiter),
            convert_options=convert,
        )


def _with_pandas(path: Path, chosen: list[str], ids: list[str], limit: int, delimiter: str) -> pd.DataFrame:
    with opened(path, limit) as file:
        text: IO[Any] = file
        table = pd.read_csv(
            text,
            usecols=chosen,
            dtype=dict.fromkeys(ids, str),
            sep=delimiter,
            keep_default_na=False,
            na_values=[""],
            encoding="utf-8-sig",
            low_memory=False,
        )
    return table[chosen]


def read_arrow(path: Path, kind: str, choose: Choose, limit: int) -> Any:
    """Read a Parquet or Feather file as pyarrow's table, checked throughout; errors as in `read_table`."""
    need_pyarrow("Parquet" if kind in (".parquet", ".pq") else "Feather")
    read = _read_parquet if kind in (".parquet", ".pq") else _read_feather
    table = read(path, choose, limit)
    table.validate(full=True)  # offsets of a damaged file would else be followed anywhere
    return table


def _read_parquet(path: Path, choose: Choose, limit: int) -> Any:
    from pyarrow import parquet

    with path.open("rb") as source, parquet.ParquetFile(source) as file:
        chosen = _chosen(file.schema_arrow.names, choose)
        groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
        chunks = [g.column(i) for g in groups for i in range(g.num_columns)]
        unpacked = sum(c.total_uncompressed_size for c in chunks if c.path_in_schema.split(".")[0] in chosen)
        if max(unpacked, 4 * file.metadata.num_rows * len(chosen)) > limit:
            raise too_large("columns", limit)
        return file.read(columns=chosen)


def _read_feather(path: Path, choose: Choose, limit: int) -> Any:
    import pyarrow as pa

    with pa.OSFile(os.fspath(path)) as source:
        if source.read(4) == b"FEA1":
            raise FileError("Feather of version 1 (got FEA1, expected ARROW1); write it again with version=2")
        source.seek(0)
        names = pa.ipc.open_file(source).schema.names
        chosen = _chosen(names, choose)
        fields = [names.index(name) for name in chosen]
        file = pa.ipc.open_file(source, options=pa.ipc.IpcReadOptions(included_fields=sorted(fields)))
        batches, left = [], limit
        for i in range(file.num_record_batches):
            batches.append(file.get_batch(i))
            left -= batches[-1].nbytes
            if left < 0:
                raise too_large("columns", limit)
        return pa.Table.from_batches(batches, file.schema).select(chosen)


def _to_pandas(table: Any) -> pd.DataFrame:
    frame: pd.DataFrame = table.unify_dictionaries().to_pandas(
        strings_to_categorical=True, split_blocks=True, self_destruct=True, ignore_metadata=True
    )
    return frame


def _chosen(names: list[str], choose: Choose) -> list[str]:
    if len(set(names)) < len(names):
        twice = next(name for i, name in enumerate(names) if name in names[:i])
        raise FileError(f"two columns are called {twice!r} (got {len(names)} columns, expected different names)")
    return list(choose(names))
