"""A score of your own, its check, and a pruning by it."""

# --8<-- [start:code]
from typing import ClassVar

from torch import Tensor

import circuitgraph as cg
from circuitgraph.ir import value
from circuitgraph.registry import scores
from circuitgraph.structural import Fraction, Score, Seen
from circuitgraph.testing import check_score


@scores.register("signed")
@value
class Signed(Score):
    """Keep what excites: positive weights, the largest first."""

    reads: ClassVar[tuple[str, ...]] = ()  # or what is gathered from data: "levels", "trace", "gradient"...

    def score(self, seen: Seen) -> Tensor:
        return seen.weight.detach()

    @classmethod
    def examples(cls) -> list[Score]:
        return [cls()]


check_score(Signed())
net = cg.compile(cg.Circuit().add("x", 4).connect("x", "y", cg.Dense(), units=5, rng=1))
cg.Prune(Signed(), Fraction(0.5))(net)
print(int((net.weights["x->y"] > 0).sum()), "of", len(net.weights["x->y"]), "slots that are left excite")
# --8<-- [end:code]
