"""The idx format of MNIST and its successors."""

import math
import struct
from dataclasses import dataclass

import numpy as np
import torch

from circuitgraph.data.files import Copy, PublishedFile
from circuitgraph.data.imageset import ImageSet
from circuitgraph.errors import DataError

_UINT8 = 8


def parse_idx(data: bytes, where: str) -> np.ndarray:
    """Read an idx array of uint8.

    Layout: two zero bytes, a type byte (8 for uint8), the number of dimensions, each dimension as a big-endian
    uint32, then the elements, last dimension fastest.

    Raises: DataError when the header or the length is wrong.

    >>> parse_idx(bytes([0, 0, 8, 1, 0, 0, 0, 2, 7, 9]), "labels").tolist()
    [7, 9]
    """
    if len(data) < 4 or data[:3] != bytes([0, 0, _UINT8]):
        raise DataError(f"{where}: not idx of uint8 (got first bytes {data[:4].hex()!r}, expected '000008..'); {_MEND}")
    n_dimensions = data[3]
    start = 4 + 4 * n_dimensions
    if len(data) < start:
        raise DataError(f"{where}: truncated header (got {len(data)} bytes, expected at least {start}); {_MEND}")
    shape = struct.unpack(f">{n_dimensions}I", data[4:start])
    expected = start + math.prod(shape)
    if len(data) != expected:
        raise DataError(f"{where}: wrong length for {shape} (got {len(data)} bytes, expected {expected}); {_MEND}")
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape).copy()


@dataclass(frozen=True)
class IdxFormat:
    """Read a set of four idx files; the class names are not in the files."""

    train_images: PublishedFile
    train_labels: PublishedFile
    test_images: PublishedFile
    test_labels: PublishedFile
    classes: tuple[str, ...]

    @property
    def files(self) -> tuple[PublishedFile, ...]:
        """List the files, all of which must be present."""
        return self.train_images, self.train_labels, self.test_images, self.test_labels

    def decode(self, name: str, copy: Copy) -> ImageSet:
        """Read a copy of the set.

        Raises: DataError when a file is not the published one.
        """
        images, labels, test_images, test_labels = (_read(file, copy) for file in self.files)
        return ImageSet(
            name=name,
            images=images.unsqueeze(1),
            labels=labels.long(),
            test_images=test_images.unsqueeze(1),
            test_labels=test_labels.long(),
            classes=self.classes,
            source="publisher files",
        )


_MEND = "give the published file"


def _read(file: PublishedFile, copy: Copy) -> torch.Tensor:
    data = file.check(copy.read(file), copy.where)
    return torch.from_numpy(parse_idx(data, str(copy.where / file.name)))
