"""Scores that watch activity: silence, redundancy, and how much two ends have to do with each other."""

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
import torch
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform
from torch import Tensor

from circuitgraph.errors import ShapeError
from circuitgraph.ir import value
from circuitgraph.ir.shape import is_integer
from circuitgraph.registry import scores
from circuitgraph.structural.scores import Score, add_up
from circuitgraph.structural.seen import Levels, Seen


@scores.register("activity")
@value
class Activity(Score):
    """Keep what is active: the level (mean |y|) or the firing rate (share of samples with y above 0) of units.

    A unit is scored by its mean over sites, a slot by the product of its two ends: 0 where either is silent.
    Silent units: Hu et al. (2016), who count zeros.

    Raises:
        ShapeError: for anything but "level" or "rate".
    """

    reads: ClassVar[tuple[str, ...]] = ("levels",)

    of: Literal["level", "rate"] = "level"

    def __post_init__(self) -> None:
        if self.of not in ("level", "rate"):
            raise ShapeError(f"Activity: of (got {self.of!r}, expected 'level' or 'rate')")

    def score(self, seen: Seen) -> Tensor:
        pre, post = self._of(seen.need("pre_levels")), self._of(seen.need("post_levels"))
        return seen.at_slots(pre, "pre") * seen.at_slots(post, "post")

    def score_units(self, seen: Sequence[Seen]) -> Tensor:
        return self._of(seen[0].need("post_levels")).view(seen[0].post[0], -1).mean(1)

    def _of(self, levels: Levels) -> Tensor:
        return levels.mean if self.of == "level" else levels.rate

    @classmethod
    def examples(cls) -> list[Score]:
        return [cls(), cls("rate")]


@scores.register("correlation")
@value
class Correlation(Score):
    """Keep one of several units that say the same: in each cluster the `per_cluster` with the largest weights.

    Units whose activity over samples and sites has a similarity of at least `threshold` (cosine, or Pearson) are
    clustered, by agglomeration with average linkage; a cluster's best are those with the largest sum of incoming |w|.

    score[u] = 1 + (sum of |w| into u) / (largest such sum)      for the best of each cluster
             = 1 - similarity to the nearest of the best         for the others, at least 0 and below 1
             = 0                                                 for units that are silent

    So `Threshold(1.0)` removes exactly the redundant and the silent, and counts remove the most redundant first.  A
    slot has its postsynaptic unit's score (where it ends at sites, all have the mean).  Use training data.

    Raises:
        ShapeError: for a threshold outside -1 to 1, or `per_cluster` below 1.
    """

    reads: ClassVar[tuple[str, ...]] = ("gram",)

    threshold: float = 0.7
    per_cluster: int = 1
    how: Literal["cosine", "pearson"] = "cosine"

    def __post_init__(self) -> None:
        if isinstance(self.threshold, bool) or not isinstance(self.threshold, int | float):
            raise ShapeError(f"Correlation: threshold (got {self.threshold!r}, expected a number from -1 to 1)")
        if not -1 <= self.threshold <= 1:
            raise ShapeError(f"Correlation: threshold (got {self.threshold!r}, expected a number from -1 to 1)")
        if not is_integer(self.per_cluster, 1):
            raise ShapeError(f"Correlation: per_cluster (got {self.per_cluster!r}, expected an integer of at least 1)")
        if self.how not in ("cosine", "pearson"):
            raise ShapeError(f"Correlation: how (got {self.how!r}, expected 'cosine' or 'pearson')")

    def score(self, seen: Seen) -> Tensor:
        return seen.of_units(self.score_units([seen]))

    def score_units(self, seen: Sequence[Seen]) -> Tensor:
        gram = seen[0].need("gram")
        similarity = gram.similarity(self.how)
        size = add_up([one.norm_units(one.weight) for one in seen]).double()
        alive = similarity.diagonal() > 0
        found = self._scored(similarity.cpu().numpy(), size.cpu().numpy(), alive.cpu().numpy())
        return torch.tensor(found, device=size.device)

    def _scored(self, similarity: np.ndarray, size: np.ndarray, alive: np.ndarray) -> np.ndarray:
        """Score units from their similarity, and from sums that tell who is the best of a cluster."""
        score, at = np.zeros(len(size)), np.flatnonzero(alive)
        top = size.max(initial=0.0) or 1.0
        cluster = clusters(similarity[np.ix_(at, at)], self.threshold)
        for c in np.unique(cluster):
            members = at[cluster == c]
            order = members[np.argsort(-size[members], kind="stable")]
            best, others = order[: self.per_cluster], order[self.per_cluster :]
            score[best] = 1 + size[best] / top
            if len(others):
                score[others] = np.clip(1 - similarity[np.ix_(others, best)].max(1), 0, 1 - 1e-6)
        return score

    @classmethod
    def examples(cls) -> list[Score]:
        return [cls(), cls(0.9, 3, "pearson")]


def clusters(similarity: np.ndarray, threshold: float) -> np.ndarray:
    """Group things by average linkage until no two groups' mean similarity reaches the threshold.

    Shape: (N, N) -> (N,) integers.

    Example:
        >>> import numpy as np
        >>> a = np.array([[1.0, 0.9, 0.1], [0.9, 1.0, 0.2], [0.1, 0.2, 1.0]])
        >>> groups = clusters(a, 0.7)
        >>> bool(groups[0] == groups[1]), bool(groups[0] == groups[2])
        (True, False)
    """
    if len(similarity) < 2:
        return np.arange(len(similarity))
    distance = squareform(np.maximum(1 - similarity, 0), checks=False)
    grouped: np.ndarray = fcluster(linkage(distance, "average"), 1 - threshold, criterion="distance")
    return grouped


@scores.register("hebbian-trace")
@value
class HebbianTrace(Score):
    """Keep synapses whose two ends are active together, whatever their weight: the cosine of their activity.

    score[k] = |S(x * y)| / sqrt(S(x * x) * S(y * y)),   S(v) = sum over samples and synapses e of slot k:  coef[e] * v
    with x and y the outputs of the two ends; 0 where either is silent.  Weakly interacting ends go first.
    """

    reads: ClassVar[tuple[str, ...]] = ("trace",)

    def score(self, seen: Seen) -> Tensor:
        trace: Tensor = seen.need("trace")
        return trace

    @classmethod
    def examples(cls) -> list[Score]:
        return [cls()]
