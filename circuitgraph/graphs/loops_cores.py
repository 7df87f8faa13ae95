"""Compiled peeling: nodes of fewest edges go first."""

import numpy as np

from circuitgraph.machine_code import kept


@kept(nogil=True)
def core_numbers(begins, post, degree):
    """Peel a symmetric graph, perhaps with edges that stand twice (Batagelj and Zaveršnik, 2003).  Changes degree."""
    n = len(degree)
    highest = degree.max() if n else 0
    start = np.zeros(highest + 2, np.int64)
    for v in range(n):
        start[degree[v] + 1] += 1
    start = np.cumsum(start)
    order, place, free = np.empty(n, np.int64), np.empty(n, np.int64), start.copy()
    for v in range(n):
        place[v] = free[degree[v]]
        order[place[v]] = v
        free[degree[v]] += 1
    for i in range(n):
        v = order[i]
        for e in range(begins[v], begins[v + 1]):
            u = post[e]
            if degree[u] > degree[v]:
                first = start[degree[u]]
                w = order[first]
                if w != u:
                    order[first], order[place[u]] = u, w
                    place[w], place[u] = place[u], first
                start[degree[u]] += 1
                degree[u] -= 1
    return degree


@kept(nogil=True)
def onion_layers(begins, post):
    """Give each node the round in which it is peeled, and rounds are counted on over the cores."""
    n = len(begins) - 1
    degree, layer = begins[1:] - begins[:-1], np.zeros(n, np.int64)
    current, core, left = 1, 1, n
    for v in range(n):
        if degree[v] == 0:
            layer[v] = 1
            left -= 1
    if left < n:
        current = 2
    alive = np.flatnonzero(layer == 0)
    while len(alive):
        core = max(core, degree[alive].min())
        leaving = degree[alive] <= core
        for v in alive[leaving]:
            layer[v] = current
        for v in alive[leaving]:
            for e in range(begins[v], begins[v + 1]):
                degree[post[e]] -= 1
        alive = alive[~leaving]
        current += 1
    return layer
