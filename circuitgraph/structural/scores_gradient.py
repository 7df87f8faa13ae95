"""Scores that ask the loss: what would it do if this weight were gone."""

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor

from circuitgraph.ir import value
from circuitgraph.registry import scores
from circuitgraph.structural.scores import Score, add_up
from circuitgraph.structural.seen import Seen


@scores.register("saliency")
@value
class Saliency(Score):
    """Keep weights whose removal would change the loss to first order: |w * dL/dw|.

    Gradients are means over the data; before training this is SNIP (Lee et al. 2019).  A unit is scored by
    |sum over its incoming slots of w * dL/dw|, the first-order change if it heard nothing (Molchanov et al. 2017).
    """

    reads: ClassVar[tuple[str, ...]] = ("gradient",)

    def score(self, seen: Seen) -> Tensor:
        return self._change(seen).abs()

    def score_units(self, seen: Sequence[Seen]) -> Tensor:
        return add_up([one.sum_units(self._change(one)) for one in seen]).abs()

    def _change(self, seen: Seen) -> Tensor:
        gradient: Tensor = seen.need("gradient")
        return gradient * seen.weight

    @classmethod
    def examples(cls) -> list[Score]:
        return [cls()]


@scores.register("fisher")
@value
class Fisher(Score):
    """Keep weights whose removal would cost the most to second order, with the Fisher information for curvature.

    score[k] = w[k]^2 * F[k] / 2,   F[k] = mean over samples of (dL/dw[k])^2, with the labels of the data (empirical)

    Optimal brain damage (LeCun et al. 1990) with the curvature of Theis et al. (2018).  One backward pass for each
    sample; `BatchFisher` needs one for each batch.
    """

    reads: ClassVar[tuple[str, ...]] = ("squares",)

    def score(self, seen: Seen) -> Tensor:
        curvature: Tensor = seen.need(self.reads[0])
        return curvature * seen.weight.square() / 2

    @classmethod
    def examples(cls) -> list[Score]:
        return [cls()]


@scores.register("batch-fisher")
@value
class BatchFisher(Fisher):
    """Estimate `Fisher` from the gradients of whole batches: F[k] = mean over batches of B * (dL/dw[k])^2.

    Right on average where the gradients of samples are independent and average to zero, as near an optimum; with
    batches of one sample the same as `Fisher`.
    """

    reads: ClassVar[tuple[str, ...]] = ("batch_squares",)
