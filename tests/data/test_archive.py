"""The publisher's tar archive: read in memory, tricks refused."""

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from circuitgraph.data import load_images
from circuitgraph.data.published import Publication
from circuitgraph.errors import DataError

FOLDER = "cifar-10-batches-py"
ARCHIVE = "cifar-10-python.tar.gz"


def to_tar(files: dict[str, bytes], *extra: tarfile.TarInfo) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for member in extra:
            tar.addfile(member, io.BytesIO(bytes(member.size)))
        for name, data in files.items():
            member = tarfile.TarInfo(f"{FOLDER}/{name}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return stream.getvalue()


def link(name: str, kind: bytes) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, "/etc/passwd"
    return member


def sized(name: str, n_bytes: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size = n_bytes
    return member


def test_an_archive_that_lies_there_is_read_without_being_extracted(
    cifar10: Publication, cifar_files: dict[str, bytes], publish_archive: Callable, tmp_path: Path
) -> None:
    data = to_tar({"readme.html": b"hello", **cifar_files})
    publish_archive(cifar10, data)
    root = tmp_path / "root"
    root.mkdir()
    (root / ARCHIVE).write_bytes(data)
    assert load_images("cifar10", data_dir=root).labels.tolist() == [0, 1, 1, 0]
    assert [path.name for path in root.iterdir()] == [ARCHIVE]


@pytest.mark.parametrize(
    "member",
    [
        sized("../outside", 1),
        sized(f"{FOLDER}/../../outside", 1),
        sized("/outside", 1),
        link(f"{FOLDER}/data_batch_1", tarfile.SYMTYPE),
        link(f"{FOLDER}/other", tarfile.LNKTYPE),
        link(f"{FOLDER}/pipe", tarfile.FIFOTYPE),
    ],
    ids=lambda member: f"{member.name} {member.type!r}",
)
def test_links_and_paths_that_lead_outside_are_refused(
    member: tarfile.TarInfo,
    cifar10: Publication,
    cifar_files: dict[str, bytes],
    publish_archive: Callable,
    tmp_path: Path,
) -> None:
    data = to_tar(cifar_files, member)
    publish_archive(cifar10, data)
    (tmp_path / ARCHIVE).write_bytes(data)
    with pytest.raises(DataError, match="refused"):
        load_images("cifar10", data_dir=tmp_path)
    assert not (tmp_path.parent / "outside").exists()


def test_a_member_of_another_size_is_refused(
    cifar10: Publication, cifar_files: dict[str, bytes], publish_archive: Callable, tmp_path: Path
) -> None:
    data = to_tar(cifar_files, sized(f"{FOLDER}/data_batch_1", 3))
    publish_archive(cifar10, data)
    (tmp_path / ARCHIVE).write_bytes(data)
    with pytest.raises(DataError, match="got 3 bytes"):
        load_images("cifar10", data_dir=tmp_path)


def test_an_archive_without_a_batch_is_refused(
    cifar10: Publication, cifar_files: dict[str, bytes], publish_archive: Callable, tmp_path: Path
) -> None:
    del cifar_files["data_batch_2"]
    data = to_tar(cifar_files)
    publish_archive(cifar10, data)
    (tmp_path / ARCHIVE).write_bytes(data)
    with pytest.raises(DataError, match="data_batch_2"):
        load_images("cifar10", data_dir=tmp_path)


def test_an_altered_archive_is_not_opened(
    cifar10: Publication, cifar_files: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tarfile, "open", lambda *_: pytest.fail("opened"))
    (tmp_path / ARCHIVE).write_bytes(b"not the archive")
    with pytest.raises(DataError, match="truncated or altered"):
        load_images("cifar10", data_dir=tmp_path)


def test_a_truncated_archive_with_the_right_checksum_gives_a_data_error(
    cifar10: Publication, cifar_files: dict[str, bytes], publish_archive: Callable, tmp_path: Path
) -> None:
    data = to_tar(cifar_files)[:-40]
    publish_archive(cifar10, data)
    (tmp_path / ARCHIVE).write_bytes(data)
    with pytest.raises(DataError, match="unreadable"):
        load_images("cifar10", data_dir=tmp_path)
