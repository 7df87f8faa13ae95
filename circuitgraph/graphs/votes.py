"""VoteRank: spreaders that are far from each other."""

import numpy as np

from circuitgraph.graphs.arrays import Arrays
from circuitgraph.graphs.degrees import degrees
from circuitgraph.graphs.loops_votes import elect
from circuitgraph.graphs.modules import inserted


def voterank(a: Arrays, most: int | None = None) -> np.ndarray:
    """Elect up to `most` nodes: each gets its neighbours' votes; who wins votes no more, and its neighbours less.

    A vote weighs 1 at first, and 1 / (mean degree) less for every neighbour that was elected; of a directed graph those
    at the ends of a node's edges vote for it.  Zhang et al. (2016).  Shape: (K,) int64, in the order of election.

    Example:
        >>> voterank(Arrays.from_edges(4, np.zeros(3, int), np.array([1, 2, 3]), directed=False)).tolist()
        [0]
    """
    most = a.n if most is None else min(most, a.n)
    if not len(a.post) or most < 1:
        return np.zeros(0, np.int64)
    # networkx adds votes in the order in which it lists edges; sums are to tie where its do.
    post = a.post if a.directed else inserted(a).post
    average = float(degrees(a, "out").sum()) / a.n
    return elect(a.begins, post, a.turned.begins, a.turned.post, a.directed, 1 / average, most)
