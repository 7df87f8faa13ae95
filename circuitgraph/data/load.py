"""Load an image set by name: from disk, else by download, else the embedded set under its own name."""

import os
import warnings
from dataclasses import replace
from pathlib import Path

from circuitgraph.data.digits import embedded
from circuitgraph.data.fetch import UnreachableError, fetch
from circuitgraph.data.files import Copy
from circuitgraph.data.find import VARIABLE, find, search_roots
from circuitgraph.data.imageset import ImageSet
from circuitgraph.data.published import PUBLISHED, Publication
from circuitgraph.errors import DataError, UnknownNameError


class DataFallbackWarning(UserWarning):
    """The embedded set stands in for the set that was asked for."""


def names() -> tuple[str, ...]:
    """List the sets that `load_images` knows.

    >>> names()
    ('cifar10', 'cifar100', 'mnist', 'fashion-mnist', 'digits')
    """
    return (*PUBLISHED, "digits")


def load_images(
    name: str,
    *,
    data_dir: str | os.PathLike[str] | None = None,
    strict: bool = False,
    download: bool = True,
    progress: bool = True,
) -> ImageSet:
    """Load an image set from `data_dir`, CIRCUITGRAPH_DATA or the user's cache, else download it to the first of these.

    When it is in none of them and cannot be downloaded, warn with DataFallbackWarning and return scikit-learn's
    digits, labelled as such; with `strict`, raise instead.  Files that exist but are damaged always raise.

    Raises: UnknownNameError for an unknown set; DataError for damaged files, or with `strict` when there are none.

    >>> load_images("digits").label
    'digits'
    """
    if name == "digits":
        return embedded()
    publication = _publication(name)
    roots = search_roots(data_dir)
    try:
        copy = _find_first(publication, roots) or _fetch(publication, roots, download, progress)
    except UnreachableError as error:
        reason = f"nothing in {', '.join(map(str, roots))}; {error}"
        if strict:
            raise DataError(f"load_images({name!r}): no data (got {reason}, expected {name}); {_mend(name)}") from error
        return _fall_back(name, reason)
    return replace(publication.format.decode(name, copy), requested=name)


def fetch_images(name: str, folder: str | os.PathLike[str], *, progress: bool = True) -> Path:
    """Put the publisher's files of a set under `folder`, unless they are there, and return where they lie.

    Files that are there already are not checked here; `load_images` does that.

    Raises: UnknownNameError for an unknown set; DataError for the embedded one, and when the files cannot be had.
    """
    if name == "digits":
        raise DataError("fetch_images('digits'): no files (got 'digits', expected a published set); load_images has it")
    publication, root = _publication(name), Path(folder).expanduser()
    copy = find(publication, root)
    if copy:
        return copy.where
    try:
        return fetch(publication, root, progress)
    except UnreachableError as error:
        raise DataError(
            f"fetch_images({name!r}): not fetched (got {error}, expected the publisher's files); "
            f"go online, or put the files into {root / publication.folders[0]} by hand"
        ) from error


def _publication(name: str) -> Publication:
    if name not in PUBLISHED:
        raise UnknownNameError(
            f"image set: unknown name (got {name!r}, expected one of {', '.join(names())}); correct it"
        )
    return PUBLISHED[name]


def _find_first(publication: Publication, roots: tuple[Path, ...]) -> Copy | None:
    found = (find(publication, root) for root in roots)
    return next((copy for copy in found if copy), None)


def _fetch(publication: Publication, roots: tuple[Path, ...], download: bool, progress: bool) -> Copy:
    if not download:
        raise UnreachableError("download is off")
    fetch(publication, roots[0], progress)
    copy = find(publication, roots[0])
    assert copy is not None, "fetch puts the set where find looks first"
    return copy


def _fall_back(name: str, reason: str) -> ImageSet:
    warnings.warn(
        f"load_images({name!r}): THIS IS NOT {name.upper()}: using scikit-learn's digits instead "
        f"(got {reason}, expected {name}); {_mend(name)}",
        DataFallbackWarning,
        stacklevel=3,
    )
    return replace(embedded(), requested=name, fallback_reason=reason)


def _mend(name: str) -> str:
    return (
        f"run `python datasets/prepare.py {name} --data-dir DIR` where there is a network, "
        f"then pass data_dir=DIR or set {VARIABLE}=DIR"
    )
