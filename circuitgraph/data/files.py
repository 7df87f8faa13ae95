"""Files as published: name, size and checksum, and how to read one without trusting it."""

import gzip
import hashlib
import stat
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from circuitgraph.errors import DataError

MEND = "delete it and fetch it again, or name another folder with data_dir"


@dataclass(frozen=True)
class PublishedFile:
    """Name a published file, uncompressed, with its size and SHA-256."""

    name: str
    n_bytes: int
    sha256: str

    def check(self, data: bytes, where: Path) -> bytes:
        """Return `data` unchanged if it is this file.

        Raises: DataError when it is truncated, too long or altered.
        """
        if len(data) != self.n_bytes:
            raise _wrong_size(where / self.name, len(data), self.n_bytes)
        digest = hashlib.sha256(data).hexdigest()
        if digest != self.sha256:
            raise DataError(
                f"{where / self.name}: altered, or the file of another set "
                f"(got SHA-256 {digest[:16]}..., expected {self.sha256[:16]}...); {MEND}"
            )
        return data


@dataclass(frozen=True)
class Copy:
    """One copy of a published set: where it lies, and how to read the bytes of a file, not yet checked."""

    where: Path
    read: Callable[[PublishedFile], bytes]


def is_file(path: Path) -> bool:
    """Say whether `path` is a file; a folder that may not be looked into is an error, not an absence."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise unreadable(path, error) from error


def is_present(folder: Path, file: PublishedFile) -> bool:
    """Say whether `folder` holds `file`, plain or as .gz."""
    return is_file(folder / file.name) or is_file(folder / f"{file.name}.gz")


def read_file(folder: Path, file: PublishedFile) -> bytes:
    """Read `file` from `folder`, plain or else from .gz, never more than one byte beyond its published size.

    Raises: DataError when it cannot be read or decompressed, or has another size.
    """
    plain, packed = folder / file.name, folder / f"{file.name}.gz"
    path = plain if is_file(plain) else packed
    try:
        with open(plain, "rb") if path == plain else gzip.open(packed, "rb") as stream:
            data = stream.read(file.n_bytes + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise unreadable(path, error) from error
    if len(data) < file.n_bytes:
        raise _wrong_size(path, len(data), file.n_bytes)
    return data


def unreadable(path: Path, error: Exception) -> DataError:
    """Make the error for a file that exists but cannot be read."""
    return DataError(f"{path}: unreadable (got {type(error).__name__}: {error}, expected the published file); {MEND}")


def _wrong_size(path: Path, got: int, expected: int) -> DataError:
    what = "truncated" if got < expected else "too long"
    size = f"{got} bytes" if got < expected else f"more than {expected} bytes"
    return DataError(f"{path}: {what} (got {size}, expected {expected} bytes); {MEND}")
