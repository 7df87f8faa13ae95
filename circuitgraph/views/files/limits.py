"""Files that are not trusted: opened once, read up to a limit, unpacked on the way."""

import gzip
import io
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from circuitgraph.errors import CircuitGraphError, FileError

MAX_BYTES = 1 << 32
"""Bytes read from a table of edges, unpacked: 4 GiB, some seventy million rows."""
MAX_TEXT = 1 << 27
"""Bytes read from a GraphML or JSON file, unpacked: 128 MiB, some million edges."""
UNREADABLE = (
    OSError, EOFError, zlib.error, struct.error, zipfile.BadZipFile, ArithmeticError, AttributeError, LookupError,
    MemoryError, RuntimeError, TypeError, ValueError,
)  # fmt: skip
"""What the libraries beneath raise at damaged files."""
_UNOPENED = (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError)


def too_large(where: str, limit: int) -> FileError:
    """Make the error for a file that holds, unpacked, more than it may."""
    return FileError(f"{where}: too large (got more than {limit:,} bytes, expected at most that); raise max_bytes")


@contextmanager
def named(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn whatever a reader raises within into one line that begins with the file's name.

    Raises:
        FileError: for anything but an error of ours, which keeps its class and gains the name.
        OSError: if there is no such file, or it cannot be opened.
    """
    try:
        yield
    except CircuitGraphError as error:
        raise type(error)(f"{os.fspath(path)}: {error}") from error
    except UNREADABLE as error:
        if isinstance(error, _UNOPENED) or (isinstance(error, OSError) and error.filename is not None):
            raise
        said = " ".join(str(error).split())[:300] or type(error).__name__
        raise FileError(f"{os.fspath(path)}: unreadable; {said}") from error


@contextmanager
def opened(path: Path, limit: int) -> Iterator[IO[bytes]]:
    """Open a file to read, unpacked where its name ends in .gz; FileError once more than `limit` bytes come out."""
    with path.open("rb") as file:
        packed = path.suffix.lower() == ".gz"
        if not packed and os.fstat(file.fileno()).st_size > limit:
            raise too_large("file", limit)
        source: Any = gzip.GzipFile(fileobj=file) if packed else file
        yield io.BufferedReader(_Limited(source, limit), 1 << 20)


class _Limited(io.RawIOBase):
    """Pass bytes on until there have been too many."""

    def __init__(self, source: IO[bytes], limit: int) -> None:
        self._source, self._left, self._limit = source, limit, limit

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._source.read(len(buffer))
        self._left -= len(data)
        if self._left < 0:
            raise too_large("file", self._limit)
        buffer[: len(data)] = data
        return len(data)
