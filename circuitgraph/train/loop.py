"""What all training loops share: batches, bytes to activity, reports of progress."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

Report = Callable[[int, int, dict[str, float]], None]
"""Called as report(done, total, metrics) while a loop runs."""


def silent(done: int, total: int, metrics: dict[str, float]) -> None:
    """Report nothing."""


def batches(n: int, size: int, rng: torch.Generator, *, least: int = 2) -> Iterator[Tensor]:
    """Yield shuffled indices 0 to n - 1 in batches; a last one smaller than `least` is left out."""
    order = torch.randperm(n, generator=rng)
    for batch in order.split(size):
        if len(batch) >= min(least, size):
            yield batch


def as_activity(images: Tensor) -> Tensor:
    """Turn bytes into activity between 0 and 1."""
    return images.float().div_(255)
