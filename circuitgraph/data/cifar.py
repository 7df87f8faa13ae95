"""The pickled batches of CIFAR-10 and CIFAR-100, opened without letting a pickle run code."""

import io
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from circuitgraph.data.files import MEND, Copy, PublishedFile
from circuitgraph.data.imageset import ImageSet
from circuitgraph.errors import DataError


def unpickle(data: bytes, file: PublishedFile, where: Path) -> dict[bytes, Any]:
    """Open a published pickle: first its checksum, then an unpickler that knows uint8 arrays and nothing else.

    Raises: DataError when the bytes are not the published ones, or hold anything but containers and uint8 arrays.
    """
    file.check(data, where)
    try:
        content = _Unpickler(io.BytesIO(data), encoding="bytes").load()
    except Exception as error:  # a malformed pickle can raise anything
        raise _not_a_batch(where / file.name, f"{type(error).__name__}: {error}") from error
    if not isinstance(content, dict):
        raise _not_a_batch(where / file.name, type(content).__name__)
    return content


@dataclass(frozen=True)
class CifarFormat:
    """Read training batches, test batches and class names; the keys differ between CIFAR-10 and CIFAR-100."""

    train: tuple[PublishedFile, ...]
    test: tuple[PublishedFile, ...]
    meta: PublishedFile
    labels_key: bytes
    classes_key: bytes

    @property
    def files(self) -> tuple[PublishedFile, ...]:
        """List the files, all of which must be present."""
        return (*self.train, *self.test, self.meta)

    def decode(self, name: str, copy: Copy) -> ImageSet:
        """Read a copy of the set.

        Raises: DataError when a file is not the published one.
        """
        images, labels = self._read_batches(self.train, copy)
        test_images, test_labels = self._read_batches(self.test, copy)
        return ImageSet(
            name=name,
            images=images,
            labels=labels,
            test_images=test_images,
            test_labels=test_labels,
            classes=self._read_classes(copy),
            source="publisher files",
        )

    def _read_batches(self, files: tuple[PublishedFile, ...], copy: Copy) -> tuple[Tensor, Tensor]:
        pixels, labels = [], []
        for file in files:
            batch = unpickle(copy.read(file), file, copy.where)
            pixels.append(_entry(batch, b"data", copy.where / file.name))
            labels.extend(_entry(batch, self.labels_key, copy.where / file.name))
        # A row is 1024 red, 1024 green, then 1024 blue values, each a 32 x 32 image in row-major order.
        rows = np.concatenate(pixels)
        if rows.ndim != 2 or rows.shape[1] != 3072:
            raise _not_a_batch(copy.where, f"data of shape {rows.shape}")
        return torch.from_numpy(rows).reshape(-1, 3, 32, 32), torch.tensor(labels, dtype=torch.int64)

    def _read_classes(self, copy: Copy) -> tuple[str, ...]:
        meta = unpickle(copy.read(self.meta), self.meta, copy.where)
        return tuple(name.decode("ascii") for name in _entry(meta, self.classes_key, copy.where / self.meta.name))


class _Unpickler(pickle.Unpickler):
    """Resolve the three names that the published files hold, each to a stand-in that can only make a uint8 array."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"{module}.{name} is not allowed")
        return _ALLOWED[module, name]


def _empty_array(kind: str, shape: tuple[int, ...], code: bytes) -> np.ndarray:
    return np.empty(0, np.uint8)


def _uint8(code: bytes, align: int, copy: int) -> np.dtype:
    if code != b"u1":
        raise pickle.UnpicklingError(f"dtype {code!r} is not allowed")
    return np.dtype("u1", copy=True)  # a copy, for the pickle sets its state


# The files date from 2009 (Python 2, protocol 2) and say numpy.core where today's NumPy says numpy._core.
_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _empty_array,
    ("numpy", "ndarray"): "ndarray",
    ("numpy", "dtype"): _uint8,
}


def _entry(batch: dict[bytes, Any], key: bytes, path: Path) -> Any:
    if key not in batch:
        raise _not_a_batch(path, f"no entry {key!r}")
    return batch[key]


def _not_a_batch(path: Path, got: str) -> DataError:
    return DataError(f"{path}: not a CIFAR batch (got {got}, expected a dict of lists and uint8 arrays); {MEND}")
