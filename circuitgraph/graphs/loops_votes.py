"""The compiled election of VoteRank."""

import numpy as np

from circuitgraph.machine_code import kept


@kept(nogil=True)
def elect(begins, post, back_begins, back_post, directed, loss, most):
    """Elect up to most nodes; only those whose voters have changed are counted again."""
    n = len(begins) - 1
    ability, score, out = np.ones(n), np.zeros(n), np.zeros(n, np.bool_)
    chosen, stale = np.empty(most, np.int64), np.ones(n, np.bool_)
    for k in range(most):
        best = 0
        for v in range(n):
            if stale[v]:
                score[v] = 0.0 if out[v] else _count(begins, post, directed, ability, v)
                stale[v] = False
            if score[v] > score[best]:
                best = v
        if score[best] == 0:
            return chosen[:k]
        chosen[k] = best
        out[best], ability[best], stale[best] = True, 0.0, True
        _mark(back_begins, back_post, stale, best)
        for e in range(begins[best], begins[best + 1]):
            ability[post[e]] = max(ability[post[e]] - loss, 0.0)
            _mark(back_begins, back_post, stale, post[e])
    return chosen


@kept()
def _count(begins, post, directed, ability, v):
    total = 0.0
    for e in range(begins[v], begins[v + 1]):
        total += ability[post[e]]
        if post[e] == v and not directed:
            total += ability[v]
    return total


@kept()
def _mark(begins, post, stale, v):
    for e in range(begins[v], begins[v + 1]):
        stale[post[e]] = True
