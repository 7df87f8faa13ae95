"""Climb the exact modularity, directions and signs included, from a partition that something faster has found."""

from typing import Any

import numpy as np
import scipy.sparse as sp

from circuitgraph.communities.graph import Graph
from circuitgraph.communities.quality import strengths
from circuitgraph.machine_code import kept

SWEEPS = 32
"""No more passes over all nodes at one level: as many as networkit's Louvain makes."""


def climb(graph: Graph, labels: np.ndarray, resolution: float, rng: np.random.Generator) -> np.ndarray:
    """Move nodes, then whole communities, while that raises the modularity (the moves of Blondel et al., 2008).

    Shape: labels (N,) below N -> (N,).

    Example:
        >>> camps = np.array([[0, 1, -1], [1, 0, -1], [-1, -1, 0]])
        >>> climb(Graph.read(camps, "example"), np.zeros(3, np.int64), 1.0, np.random.default_rng(0)).tolist()
        [0, 0, 1]
    """
    strength, share = np.zeros((graph.n, 4)), np.zeros(2)
    for sign, out, into, m in strengths(graph):
        side = 0 if sign > 0 else 1
        strength[:, 2 * side], strength[:, 2 * side + 1], share[side] = out, into, resolution * sign / m
    matrix = graph.both_ways if graph.directed else 2 * graph.matrix
    while True:
        before, labels = labels, _level(matrix, strength, share, labels, rng)
        labels = np.unique(labels, return_inverse=True)[1]
        groups = _level(*_gather(matrix, strength, labels), share=share, labels=np.arange(labels.max() + 1), rng=rng)
        merged = np.unique(groups, return_inverse=True)[1][labels]
        if merged.max() == labels.max() or np.array_equal(merged, before):
            return labels
        labels = merged


def _level(
    matrix: Any, strength: np.ndarray, share: np.ndarray, labels: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    labels, n = labels.astype(np.int64), len(labels)
    least = 1e-12 * float(np.abs(matrix.data).sum())
    for _ in range(SWEEPS):
        args = matrix.indptr, matrix.indices, matrix.data, strength, share, labels, rng.permutation(n), least
        if not _sweep(*args):
            break
    return labels


def _gather(matrix: Any, strength: np.ndarray, labels: np.ndarray) -> tuple[Any, np.ndarray]:
    """Make one node of each community."""
    n, k = len(labels), int(labels.max()) + 1
    member = sp.csr_array((np.ones(n), (labels, np.arange(n))), shape=(k, n))
    return sp.csr_array(member @ matrix @ member.T), member @ strength


@kept()
def _sweep(begins, cols, vals, strength, share, labels, order, least):
    """Offer every node once the community, of its neighbours' or a new one, that gains most; count those that move."""
    n = len(labels)
    total, size = np.zeros((n, 4)), np.zeros(n, np.int64)
    for i in range(n):
        total[labels[i]] += strength[i]
        size[labels[i]] += 1
    free = [c for c in range(n) if size[c] == 0]
    link, near, moved = np.zeros(n), np.empty(n, np.int64), 0
    for i in order:
        own, count = labels[i], 0
        total[own] -= strength[i]
        size[own] -= 1
        count = _links(begins, cols, vals, labels, i, link, near)
        best, most = own, _gain(link[own], strength[i], total[own], share) if size[own] else 0.0
        if size[own] and most < -least:
            best, most = free[-1], 0.0
        for c in near[:count]:
            gain = _gain(link[c], strength[i], total[c], share)
            if c != own and gain > most + least:
                best, most = c, gain
        link[near[:count]] = 0.0
        if best != own:
            moved += 1
            if size[best] == 0:
                free.pop()
            if size[own] == 0:
                free.append(own)
        labels[i] = best
        total[best] += strength[i]
        size[best] += 1
    return moved


@kept()
def _links(begins, cols, vals, labels, i, link, near):
    """Sum a node's edges by community into `link`, list the communities in `near`, and count them."""
    count = 0
    for e in range(begins[i], begins[i + 1]):
        c = labels[cols[e]]
        if cols[e] != i:
            if link[c] == 0.0:
                near[count] = c
                count += 1
            # Never exactly zero once met, so that nothing is listed twice.
            link[c] += vals[e]
            if link[c] == 0.0:
                link[c] = 1e-300
    return count


@kept()
def _gain(link, s, total, share):
    """Give what joining a community adds to (m+ + m-) Q."""
    expected = share[0] * (s[0] * total[1] + s[1] * total[0]) + share[1] * (s[2] * total[3] + s[3] * total[2])
    return link - expected
