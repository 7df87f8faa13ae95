"""A labelled image set, whole on one device, so that a batch is a slice."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from circuitgraph.errors import DataError


@dataclass(frozen=True, eq=False, repr=False)
class ImageSet:
    """Hold training and test images with their labels.

    `name` is what the images really are; `requested` is what was asked for, and differs from `name` only when
    `load_images` fell back, for the reason that `fallback_reason` gives.

    Shape: images (N, channels, height, width) uint8, labels (N,) int64; the test tensors likewise.

    Raises: DataError when shapes, types or labels do not fit together.

    >>> image = torch.zeros(4, 1, 2, 2, dtype=torch.uint8)
    >>> ImageSet("toy", image, torch.tensor([0, 1, 0, 1]), image[:1], torch.tensor([1]), ("a", "b"), "by hand")
    <ImageSet toy: 4 training + 1 test images of 1x2x2, 2 classes, by hand, on cpu>
    """

    name: str
    images: Tensor
    labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    classes: tuple[str, ...]
    source: str
    requested: str | None = None
    fallback_reason: str | None = None

    def __post_init__(self) -> None:
        _check_part(f"ImageSet {self.name!r}, training", self.images, self.labels, len(self.classes))
        _check_part(f"ImageSet {self.name!r}, test", self.test_images, self.test_labels, len(self.classes))
        got, expected = tuple(self.test_images.shape[1:]), self.shape
        if got != expected:
            raise DataError(
                f"ImageSet {self.name!r}, test: other image shape than in training (got {got}, expected {expected}); "
                "resize one of them first"
            )

    @property
    def shape(self) -> tuple[int, int, int]:
        """Give (channels, height, width) of one image."""
        channels, height, width = self.images.shape[1:]
        return channels, height, width

    @property
    def n_classes(self) -> int:
        """Count the classes."""
        return len(self.classes)

    @property
    def is_fallback(self) -> bool:
        """Say whether another set stands in for the requested one."""
        return self.requested is not None and self.requested != self.name

    @property
    def label(self) -> str:
        """Name the data as a result must name it: `digits (not cifar10)` after a fallback."""
        return f"{self.name} (not {self.requested})" if self.is_fallback else self.name

    def to(self, device: torch.device | str) -> "ImageSet":
        """Copy every tensor to `device`."""
        return replace(
            self,
            images=self.images.to(device),
            labels=self.labels.to(device),
            test_images=self.test_images.to(device),
            test_labels=self.test_labels.to(device),
        )

    def split(self, n_validation: int, rng: torch.Generator | int) -> tuple[Tensor, Tensor]:
        """Draw the training set apart into (training indices, validation indices); the test set is not touched.

        Both index `images` and `labels`, are disjoint, and together hold every training image once, in random order.

        Raises: DataError unless 0 < n_validation < N.
        """
        n_images = len(self.labels)
        if not 0 < n_validation < n_images:
            raise DataError(
                f"ImageSet {self.name!r}: no such validation split "
                f"(got n_validation={n_validation}, expected 1 to {n_images - 1}); hold out fewer images"
            )
        generator = torch.Generator().manual_seed(rng) if isinstance(rng, int) else rng
        order = torch.randperm(n_images, generator=generator, device=generator.device).to(self.images.device)
        return order[n_validation:], order[:n_validation]

    def __repr__(self) -> str:
        size = "x".join(map(str, self.shape))
        return (
            f"<ImageSet {self.label}: {len(self.labels)} training + {len(self.test_labels)} test images of {size}, "
            f"{self.n_classes} classes, {self.source}, on {self.images.device}>"
        )


def _check_part(where: str, images: Tensor, labels: Tensor, n_classes: int) -> None:
    if images.dtype != torch.uint8 or images.ndim != 4 or images.numel() == 0:
        raise DataError(
            f"{where}: images do not fit (got {images.dtype} {tuple(images.shape)}, "
            "expected torch.uint8 (N, channels, height, width), none of them 0); convert or reshape them"
        )
    if labels.dtype != torch.int64 or labels.shape != images.shape[:1]:
        raise DataError(
            f"{where}: labels do not fit (got {labels.dtype} {tuple(labels.shape)}, "
            f"expected torch.int64 ({len(images)},)); give one label per image"
        )
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= n_classes:
        raise DataError(
            f"{where}: a label names no class (got labels {low} to {high}, expected 0 to {n_classes - 1}); "
            "list every class in `classes`"
        )
