"""The loops of link prediction: paths of three links between two sets of nodes, summed row by row.

An inner node of degree d that shares s neighbours with the far end weighs above[s] * below[d - s], from two tables
(below[d] where links out of the community are not told from others).  Tables instead of roots, 32-bit indices and
plain sweeps where most nodes are met make it three times faster for a million links among 2 x 10,000 nodes.
"""

import numpy as np

from circuitgraph.machine_code import kept

Ints = np.ndarray
Floats = np.ndarray
Tables = tuple[Floats, Floats, bool]
"""above, below, and whether links out of the community are told from others."""


@kept(nogil=True)
def weigh(tables: Tables, degree: int, shared: int) -> float:
    """Weigh an inner node; 0 if it has no link out, for then only present links pass it."""
    above, below, outside = tables
    return above[shared] * below[max(degree - shared, 0) if outside else degree]


@kept(nogil=True)
def meet_few(nodes: Ints, begins: Ints, ends: Ints, part: Floats, count: Ints, total: Floats, found: Ints) -> int:
    """For all neighbours of some nodes: count how many of the nodes they know, add up the parts of these, list them."""
    n = 0
    for b in nodes:
        for j in range(begins[b], begins[b + 1]):
            a = ends[j]
            if count[a] == 0:
                found[n] = a
                n += 1
            count[a] += 1
            total[a] += part[b]
    return n


@kept(nogil=True)
def meet_many(nodes: Ints, begins: Ints, ends: Ints, part: Floats, count: Ints, total: Floats) -> None:
    """Do the same without a list."""
    for b in nodes:
        p = part[b]
        for j in range(begins[b], begins[b + 1]):
            a = ends[j]
            count[a] += 1
            total[a] += p


@kept(nogil=True)
def settle(row: Floats, found: Ints, degree: int, count: Ints, total: Floats, tables: Tables, by_node: bool) -> None:
    """Add to a row what one inner node gives to all that paths join to it, and clear the counts."""
    for u in found:
        row[u] += weigh(tables, degree, count[u]) * (min(count[u], 1) if by_node else total[u])
        count[u] = 0
        total[u] = 0.0


@kept(nogil=True)
def weigh_far(v: int, far: Ints, begins: Ints, part: Floats, count: Ints, total: Floats, tables: Tables) -> None:
    """Weigh the posts that share neighbours with post v, which is itself on no path, and clear the counts."""
    for a in far:
        part[a] = 0.0 if a == v else weigh(tables, begins[a + 1] - begins[a], count[a])
        count[a] = 0
        total[a] = 0.0


@kept(nogil=True)
def score_rows(out: Floats, first: int, links: tuple[Ints, Ints, Ints, Ints], tables: Tables, by_node: bool) -> None:
    """Score all pres against posts `first` on, one row each; see `ch3_l3`."""
    pre_begins, pres, post_begins, posts = links
    n_post, n_pre = len(pre_begins) - 1, len(post_begins) - 1
    met, unread, part = np.zeros(n_post, np.int32), np.zeros(n_post), np.zeros(n_post)
    count, total, nothing = np.zeros(n_pre, np.int32), np.zeros(n_pre), np.zeros(n_pre)
    posts_met, pres_met, every = np.empty(n_post, np.int32), np.empty(n_pre, np.int32), np.arange(n_pre, dtype=np.int32)
    many = n_pre // 4 * n_post // max(len(pres), 1)
    for r in range(len(out)):
        row, v = out[r], first + r
        near = pres[pre_begins[v] : pre_begins[v + 1]]
        far = posts_met[: meet_few(near, post_begins, posts, nothing, met, unread, posts_met)]
        weigh_far(v, far, pre_begins, part, met, unread, tables)
        if by_node:
            meet_many(far, pre_begins, pres, part, count, row)
            count[:] = 0
        for b in near:
            middle, found = posts[post_begins[b] : post_begins[b + 1]], every
            if len(middle) > many:
                meet_many(middle, pre_begins, pres, part, count, total)
            else:
                found = pres_met[: meet_few(middle, pre_begins, pres, part, count, total, pres_met)]
            settle(row, found, len(middle), count, total, tables, by_node)
        row[near] = 0.0
