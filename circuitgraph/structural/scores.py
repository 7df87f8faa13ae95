"""The contract of a score: how much each slot, or each unit, is worth keeping."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor

from circuitgraph.ir import Value
from circuitgraph.structural.seen import Seen


class Score(Value, ABC):
    """Give each slot a number on the device where the weights live; the higher, the more it is worth keeping.

    A score looks at one projection at a time.  What it needs of data it names in `reads`; see `look`.
    """

    kind: ClassVar[str] = "score"
    reads: ClassVar[tuple[str, ...]] = ()
    """What is gathered from data for it: some of "levels", "gram", "trace", "gradient", "squares", "batch_squares"."""

    @abstractmethod
    def score(self, seen: Seen) -> Tensor:
        """Score the slots of a projection, without changing anything.  Shape: (K,), real numbers, never NaN."""

    def score_units(self, seen: Sequence[Seen]) -> Tensor:
        """Score units by the projections that reach them: by default the sum over their incoming slots.

        Shape: (U,), float32 or wider.
        """
        return add_up([one.sum_units(self.score(one)) for one in seen])

    @classmethod
    @abstractmethod
    def examples(cls) -> "list[Score]":
        """Give small instances for the contract tests."""


def add_up(parts: Sequence[Tensor]) -> Tensor:
    """Add numbers per unit over projections.  Shape: each (U,) -> (U,)."""
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total
