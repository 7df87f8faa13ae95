"""Tiny sets in the publishers' formats, written to a temporary folder and published under the real names."""

import gzip
import hashlib
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from circuitgraph.data import fetch, find
from circuitgraph.data.archive import Archive
from circuitgraph.data.cifar import CifarFormat
from circuitgraph.data.files import PublishedFile
from circuitgraph.data.idx import IdxFormat
from circuitgraph.data.published import PUBLISHED, Publication


def to_idx(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def published(name: str, data: bytes) -> PublishedFile:
    return PublishedFile(name, len(data), hashlib.sha256(data).hexdigest())


def _string(text: bytes) -> bytes:
    return b"T" + struct.pack("<I", len(text)) + text


def to_batch(pixels: np.ndarray, key: bytes, labels: list[int]) -> bytes:
    """Write a batch opcode by opcode as Python 2 did, for Python 3 cannot: byte strings, numpy.core, protocol 2."""
    rows, columns = pixels.shape
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00t" + _string(b"b") + b"tR"
        b"(K\x01(" + b"J" + struct.pack("<i", rows) + b"J" + struct.pack("<i", columns) + b"t"
        b"cnumpy\ndtype\n(" + _string(b"u1") + b"K\x00K\x01tR"
        b"(K\x03" + _string(b"|") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        b"\x89" + _string(pixels.tobytes()) + b"tb"
    )
    numbers = b"](" + b"".join(b"K" + bytes([label]) for label in labels) + b"e"
    return b"\x80\x02}(" + _string(b"data") + array + _string(key) + numbers + b"u."


@pytest.fixture
def idx_files() -> dict[str, bytes]:
    rng = np.random.default_rng(0)
    return {
        "train-images-idx3-ubyte": to_idx(rng.integers(0, 256, (6, 28, 28), np.uint8)),
        "train-labels-idx1-ubyte": to_idx(np.array([0, 1, 2, 3, 4, 5], np.uint8)),
        "t10k-images-idx3-ubyte": to_idx(rng.integers(0, 256, (2, 28, 28), np.uint8)),
        "t10k-labels-idx1-ubyte": to_idx(np.array([8, 9], np.uint8)),
    }


@pytest.fixture
def cifar_files() -> dict[str, bytes]:
    pixels = np.arange(2 * 3072, dtype=np.int64).reshape(2, 3072).astype(np.uint8)
    return {
        "data_batch_1": to_batch(pixels, b"labels", [0, 1]),
        "data_batch_2": to_batch(pixels + 1, b"labels", [1, 0]),
        "test_batch": to_batch(pixels + 2, b"labels", [0, 1]),
        "batches.meta": b"\x80\x02}("
        + _string(b"label_names")
        + b"]("
        + _string(b"airplane")
        + _string(b"frog")
        + b"eu.",
    }


@pytest.fixture
def no_other_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Leave only what a test names: no CIRCUITGRAPH_DATA, an empty cache folder, and no network."""

    def refuse(*_: object) -> None:
        raise ConnectionError("no network in tests")

    monkeypatch.delenv(find.VARIABLE, raising=False)
    monkeypatch.setattr(find.platformdirs, "user_cache_path", lambda name: tmp_path / "cache" / name)
    monkeypatch.setattr(fetch, "retrieve", refuse)
    return tmp_path / "cache" / "circuitgraph" / "data"


@pytest.fixture
def mnist(idx_files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, no_other_place: Path) -> Publication:
    files = [published(name, data) for name, data in idx_files.items()]
    tiny = replace(PUBLISHED["mnist"], format=IdxFormat(*files, classes=tuple("0123456789")))
    monkeypatch.setitem(PUBLISHED, "mnist", tiny)
    return tiny


@pytest.fixture
def cifar10(cifar_files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, no_other_place: Path) -> Publication:
    one, two, test, meta = (published(name, data) for name, data in cifar_files.items())
    tiny = replace(PUBLISHED["cifar10"], format=CifarFormat((one, two), (test,), meta, b"labels", b"label_names"))
    monkeypatch.setitem(PUBLISHED, "cifar10", tiny)
    return tiny


@pytest.fixture
def lay() -> Callable[..., Path]:
    """Write files into a folder, packed or plain."""

    def write(folder: Path, files: dict[str, bytes], packed: bool = False) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            path = folder / (f"{name}.gz" if packed else name)
            path.write_bytes(gzip.compress(data) if packed else data)
        return folder

    return write


@pytest.fixture
def publish_archive(monkeypatch: pytest.MonkeyPatch) -> Callable[[Publication, bytes], Publication]:
    """Publish `data` as the set's archive: its checksum becomes the right one."""

    def publish(publication: Publication, data: bytes) -> Publication:
        md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
        assert publication.archive is not None
        archive = Archive(publication.archive.name, md5, publication.archive.folder)
        renewed = replace(publication, archive=archive)
        monkeypatch.setitem(PUBLISHED, publication.name, renewed)
        return renewed

    return publish


@pytest.fixture
def as_published() -> Callable[[str, bytes], PublishedFile]:
    """Describe `data` as if a publisher had published it."""
    return published
