"""Compiled exchanges of the ends of edges: numba makes machine code at first use and keeps it on disk."""

from circuitgraph.communities.swaps import insert, place_of, take_out
from circuitgraph.machine_code import kept


@kept()
def fill(pre, post, n, table):
    """Put every pair in the hash table."""
    for k in range(len(pre)):
        insert(table, pre[k] * n + post[k])


@kept()
def swap(node, mate, label, n, free, both, apart, table, tries, rng):
    """Try to re-mate random half edges, in place: a-b and c-d become a-d and c-b.

    Half edge h is at node[h], its other half is mate[h].  Where `free`, any two may mate; else one of the first half of
    all, the pre ends, mates with one of the others.  `both`: a pair stands for the edges in both directions.  `apart`:
    no two edges may come to point against each other.  A pair's label stays with a.

    Shape: node, mate, label (H,).
    """
    first, last = (0 if free else len(node) // 2), (len(node) if free else len(node) // 2)
    for _ in range(tries):
        a, d = rng.integers(0, last), rng.integers(first, len(node))
        _try(node, mate, label, n, a, d, both, both or apart, table)


@kept()
def shorten(node, mate, label, n, both, table, tries, rng, place, near, rank, begins):
    """Try to re-mate half edges so that the two edges do not get longer on a ring of length 1, in place.

    The new mate is looked for between a's own place and its old mate.  `near` lists the halves that may mate by rising
    place, half h is at near[rank[h]], and those at the place of node i begin at begins[i].

    Shape: as `swap`; place (2, N) of pre and of post ends; near (H or H / 2,), rank (H,), begins (N,).
    """
    last, size = (len(node) if both else len(node) // 2), len(near)
    for _ in range(tries):
        a = rng.integers(0, last)
        b, home = mate[a], begins[node[a]]
        away = abs(rank[b] - home)
        step = int(rng.random() * (min(away, size - away) + 1))
        d = near[(home + (-step if rng.integers(0, 2) else step)) % size]
        c = mate[d]
        now = _distance(place, node[a], node[b]) + _distance(place, node[c], node[d])
        if _distance(place, node[a], node[d]) + _distance(place, node[c], node[b]) <= now:
            _try(node, mate, label, n, a, d, both, both, table)


@kept()
def _try(node, mate, label, n, a, d, both, either, table):
    """Re-mate a with d, and what they leave with each other, unless that makes a loop or an edge that is there."""
    b, c = mate[a], mate[d]
    i, j, k, m = node[a], node[b], node[c], node[d]
    if a in (c, d) or i in (k, m) or j in (k, m):
        return
    if _taken(i, m, n, either, table) or _taken(k, j, n, either, table):
        return
    _exchange(i, j, m, n, both, table)
    _exchange(k, m, j, n, both, table)
    mate[a], mate[d], mate[c], mate[b] = d, a, b, c
    label[d], label[b] = label[a], label[c]


@kept()
def _exchange(i, old, new, n, both, table):
    take_out(table, i * n + old)
    insert(table, i * n + new)
    if both:
        take_out(table, old * n + i)
        insert(table, new * n + i)


@kept()
def _taken(i, j, n, either, table):
    return place_of(table, i * n + j)[1] or (either and place_of(table, j * n + i)[1])


@kept()
def _distance(place, i, j):
    d = abs(place[0, i] - place[1, j])
    return min(d, 1 - d)
