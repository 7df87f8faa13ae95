"""A publisher's tar archive: its members are read into memory by exact name and size, and never extracted."""

import hashlib
import tarfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from circuitgraph.data.files import MEND, PublishedFile, unreadable
from circuitgraph.errors import DataError


@dataclass(frozen=True)
class Archive:
    """Name a .tar.gz with its publisher's MD5 and the folder that its members lie in."""

    name: str
    md5: str
    folder: str

    def read(self, path: Path, files: Iterable[PublishedFile]) -> dict[str, bytes]:
        """Read `files` from the archive at `path`, after its checksum matched.

        Raises: DataError when the archive is damaged, lacks a file, or holds a link or a path that leads outside.
        """
        self._check(path)
        wanted = {f"{self.folder}/{file.name}": file for file in files}
        try:
            with tarfile.open(path, "r:gz") as tar:
                found = _read_members(tar, wanted, path)
        except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
            raise unreadable(path, error) from error
        missing = sorted(set(wanted) - set(found))
        if missing:
            raise DataError(
                f"{path}: members missing (got {len(found)} of {len(wanted)}, expected also {missing[0]}); {MEND}"
            )
        return {wanted[name].name: data for name, data in found.items()}

    def _check(self, path: Path) -> None:
        try:
            got = _md5(path)
        except OSError as error:
            raise unreadable(path, error) from error
        if got != self.md5:
            raise DataError(f"{path}: truncated or altered (got MD5 {got}, expected {self.md5}); {MEND}")


def _md5(path: Path) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    with open(path, "rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _read_members(tar: tarfile.TarFile, wanted: dict[str, PublishedFile], path: Path) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for member in tar:
        _refuse_trick(member, path)
        if member.name not in wanted:
            continue
        file = wanted[member.name]
        stream = tar.extractfile(member) if member.isreg() and member.size == file.n_bytes else None
        if stream is None or member.name in found:
            raise DataError(
                f"{path}: member {member.name} does not fit "
                f"(got {member.size} bytes, expected one plain file of {file.n_bytes}); {MEND}"
            )
        found[member.name] = stream.read()
    return found


def _refuse_trick(member: tarfile.TarInfo, path: Path) -> None:
    name = PurePosixPath(member.name)
    if name.is_absolute() or ".." in name.parts or not (member.isreg() or member.isdir()):
        raise DataError(
            f"{path}: member {member.name!r} refused (got a link, a device or a path that leads outside, "
            f"expected plain files and folders); {MEND}"
        )
