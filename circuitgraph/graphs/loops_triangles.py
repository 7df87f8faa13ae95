"""Compiled passes over triangles: every pair stands once, in the row of its end of lower rank."""

import numpy as np

from circuitgraph.machine_code import kept


@kept(nogil=True)
def triangle_sums(begins, post, value, low, high):
    """Add value[u, v] * value[v, w] * value[u, w] to the three ends of every triangle whose lowest end is in a run."""
    n = len(begins) - 1
    total, place = np.zeros(n), np.full(n, -1)
    for u in range(low, high):
        for e in range(begins[u], begins[u + 1]):
            place[post[e]] = e
        for e in range(begins[u], begins[u + 1]):
            v, here = post[e], 0.0
            for f in range(begins[v], begins[v + 1]):
                g = place[post[f]]
                if g >= 0:
                    product = value[e] * value[f] * value[g]
                    here += product
                    total[post[f]] += product
            total[v] += here
            total[u] += here
        for e in range(begins[u], begins[u + 1]):
            place[post[e]] = -1
    return total


@kept(nogil=True)
def triangle_codes(begins, post, link, low, high):
    """Count the triangles whose lowest end is in a run by how their ends are linked."""
    n = len(begins) - 1
    count, place = np.zeros(64, np.int64), np.full(n, -1)
    for u in range(low, high):
        for e in range(begins[u], begins[u + 1]):
            place[post[e]] = e
        for e in range(begins[u], begins[u + 1]):
            v = post[e]
            for f in range(begins[v], begins[v + 1]):
                g = place[post[f]]
                if g >= 0:
                    count[link[e] + 4 * link[g] + 16 * link[f]] += 1
        for e in range(begins[u], begins[u + 1]):
            place[post[e]] = -1
    return count


@kept(nogil=True)
def squares(begins, post, low, high):
    """Give, for nodes of a run, how many squares go through each and how many could, as networkx counts them.

    squares = sum over others x of c(x) (c(x) - 1) / 2, with c(x) the neighbours that v and x share;
    could = sum over neighbours u of (deg u)(deg v - 1) - deg v (deg v - 1) - triangles - squares.
    """
    n = len(begins) - 1
    shared, near = np.zeros(n, np.int64), np.zeros(n, np.bool_)
    met = np.empty(n, np.int64)
    out = np.zeros((high - low, 2), np.int64)
    for v in range(low, high):
        degree, count, reach, triangles, found = begins[v + 1] - begins[v], 0, 0, 0, 0
        if degree < 2:
            continue
        for e in range(begins[v], begins[v + 1]):
            near[post[e]] = True
        for e in range(begins[v], begins[v + 1]):
            u = post[e]
            reach += begins[u + 1] - begins[u]
            for f in range(begins[u], begins[u + 1]):
                x = post[f]
                if shared[x] == 0:
                    met[count] = x
                    count += 1
                shared[x] += 1
        for x in met[:count]:
            if x != v:
                found += shared[x] * (shared[x] - 1)
                triangles += shared[x] if near[x] else 0
            shared[x] = 0
        for e in range(begins[v], begins[v + 1]):
            near[post[e]] = False
        out[v - low, 0] = found // 2
        out[v - low, 1] = (reach - degree) * (degree - 1) - triangles - found // 2
    return out
