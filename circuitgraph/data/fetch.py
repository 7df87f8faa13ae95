"""Fetch a published set: into a hidden folder first, and to its place only when every checksum matched."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from textwrap import shorten

from circuitgraph.data.files import PublishedFile, read_file
from circuitgraph.data.published import Download, Publication
from circuitgraph.errors import DataError

# Seconds to connect, and seconds between two pieces; offline, the first one decides how long a user waits.
TIMEOUT_S = (5, 30)


class UnreachableError(Exception):
    """A download did not come through: no network, no server, or no room to write.  The message is the reason."""


def fetch(publication: Publication, root: Path, progress: bool) -> Path:
    """Download a set into `root` and return its folder there; a failure leaves nothing behind.

    Raises: UnreachableError when the download fails, DataError when what came is not the published set.
    """
    is_new = not root.exists()
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=root, prefix=".circuitgraph-") as staging:
            complete = _stage(publication, Path(staging), progress)
            return _move(complete, root / publication.folders[0])
    except OSError as error:
        reason = shorten(str(error), 80, placeholder="...")
        raise UnreachableError(f"{publication.downloads[0].url}: {type(error).__name__}: {reason}") from error
    finally:
        if is_new:
            _remove_empty(root)


def retrieve(download: Download, folder: Path, progress: bool) -> None:
    """Download one file into `folder`, once, without retries.

    Raises: OSError when it cannot be had, DataError when its checksum is wrong.
    """
    import pooch  # here, for it is needed only online

    try:
        pooch.retrieve(
            download.url,
            known_hash=f"md5:{download.md5}",
            fname=download.file_name,
            path=folder,
            downloader=pooch.HTTPDownloader(progressbar=progress, chunk_size=1 << 16, timeout=TIMEOUT_S),
        )
    except OSError:
        raise
    except ValueError as error:
        raise DataError(
            f"{download.url}: altered on the way (got {str(error)[:200]}, expected MD5 {download.md5}); "
            "try another network, or fetch the files elsewhere and name their folder with data_dir"
        ) from error


def _stage(publication: Publication, staging: Path, progress: bool) -> Path:
    for download in publication.downloads:
        retrieve(download, staging, progress)
    complete = staging / "complete"
    complete.mkdir()
    files, archive = publication.format.files, publication.archive
    if archive is None:
        for file in files:
            _keep_packed(file, staging, complete)
    else:
        for name, data in archive.read(staging / archive.name, files).items():
            (complete / name).write_bytes(data)
    for file in files:
        file.check(read_file(complete, file), complete)
    return complete


def _keep_packed(file: PublishedFile, staging: Path, complete: Path) -> None:
    packed = f"{file.name}.gz"
    os.replace(staging / packed, complete / packed)


def _move(complete: Path, home: Path) -> Path:
    """Move a whole folder in one step; into a folder that exists (a README may lie there), file by file."""
    if not home.exists():
        os.replace(complete, home)
        return home
    for path in complete.iterdir():
        os.replace(path, home / path.name)
    return home


def _remove_empty(folder: Path) -> None:
    with suppress(OSError):  # it is not empty after a success
        folder.rmdir()
