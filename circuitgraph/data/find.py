"""Where a published set may lie, and how its copy there is opened."""

import os
from functools import partial
from pathlib import Path

import platformdirs

from circuitgraph.data.archive import Archive
from circuitgraph.data.files import Copy, PublishedFile, is_file, is_present, read_file
from circuitgraph.data.published import Publication
from circuitgraph.errors import DataError

VARIABLE = "CIRCUITGRAPH_DATA"


def search_roots(data_dir: str | os.PathLike[str] | None) -> tuple[Path, ...]:
    """List the folders to search: `data_dir`, CIRCUITGRAPH_DATA, the user's cache; a download goes to the first.

    Raises: DataError when one of them is a file.
    """
    given = (data_dir, os.environ.get(VARIABLE), platformdirs.user_cache_path("circuitgraph") / "data")
    roots = tuple(dict.fromkeys(Path(root).expanduser() for root in given if root))
    for root in roots:
        if is_file(root):
            raise DataError(f"{root}: not a folder (got a file, expected a folder of data sets); name its parent")
    return roots


def find(publication: Publication, root: Path) -> Copy | None:
    """Look for a set under `root`: its usual folders, `root` itself, its archive; None if nothing is there.

    Raises: DataError when only some of its files are there, or the archive is damaged.
    """
    for folder in (root / name for name in publication.folders):
        if _n_present(publication, folder):
            return _open_folder(publication, folder)
    # Two files make `root` itself the set's folder; one may be a stray, for CIFAR-100's are called "train" and "test".
    if _n_present(publication, root) >= (1 if root.name in publication.folders else 2):
        return _open_folder(publication, root)
    return _find_archive(publication, root)


def _n_present(publication: Publication, folder: Path) -> int:
    return sum(is_present(folder, file) for file in publication.format.files)


def _open_folder(publication: Publication, folder: Path) -> Copy:
    missing = [file.name for file in publication.format.files if not is_present(folder, file)]
    if missing:
        n_files = len(publication.format.files)
        raise DataError(
            f"{folder}: {publication.name} is incomplete (got {n_files - len(missing)} of {n_files} files, "
            f"expected also {', '.join(missing)}); add what is missing, or delete the folder to fetch the set again"
        )
    return Copy(folder, partial(read_file, folder))


def _find_archive(publication: Publication, root: Path) -> Copy | None:
    if publication.archive is None:
        return None
    name = publication.archive.name
    paths = (path for path in (root / name, root / publication.name / name) if is_file(path))
    path = next(paths, None)
    return _open_archive(publication.archive, publication.format.files, path) if path else None


def _open_archive(archive: Archive, files: tuple[PublishedFile, ...], path: Path) -> Copy:
    members = archive.read(path, files)
    return Copy(path, lambda file: members[file.name])
