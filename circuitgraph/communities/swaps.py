"""Random graphs of the same degrees: pairs of edges exchange their ends."""

from typing import Any

import numpy as np
import scipy.sparse as sp

from circuitgraph.communities.graph import Graph
from circuitgraph.machine_code import kept

ROUNDS = 10
"""Attempts per edge: after a few times as many swaps as edges the old wiring is forgotten (Milo et al., 2003)."""


def rewire(graph: Graph, rng: np.random.Generator) -> Any:
    """Draw a graph that has the same degrees and no structure beyond them, by swapping the ends of pairs of edges.

    Every node keeps how many positive and how many negative edges it sends and receives (undirected: has); no edge
    appears twice, and edges from a node to itself stay as they are.  A weight moves along with its edge, so that a
    directed graph also keeps what each node sends in sum.  Maslov and Sneppen (2002).

    Shape: (N, N) -> (N, N).

    Example:
        >>> ring = Graph.read(np.roll(np.eye(5), 1, axis=1), "example")
        >>> other = rewire(ring, np.random.default_rng(0))
        >>> other.sum(axis=0).tolist(), other.sum(axis=1).tolist()
        ([1.0, 1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0, 1.0, 1.0])
    """
    loop = graph.pre == graph.post
    once = ~loop if graph.directed else graph.pre < graph.post
    pre, post, weight = (x[once] for x in (graph.pre.astype(np.int64), graph.post.astype(np.int64), graph.weight))
    by_sign = np.argsort(weight < 0, kind="stable")
    pre, post, weight = pre[by_sign], post[by_sign], weight[by_sign]
    size = 1 << int(max(4 * len(pre), 4) - 1).bit_length()
    _swap(pre, post, graph.n, int((weight > 0).sum()), graph.directed, np.full(size, -1), rng)
    parts = [(pre, post, weight)] if graph.directed else [(pre, post, weight), (post, pre, weight)]
    parts.append((graph.pre[loop], graph.post[loop], graph.weight[loop]))
    rows, cols, vals = (np.concatenate(x) for x in zip(*parts, strict=True))
    return sp.csr_array((vals, (rows, cols)), shape=(graph.n, graph.n))


@kept()
def _swap(pre, post, n, n_positive, directed, table, rng):
    """Try ROUNDS swaps per edge, in place; the first n_positive edges swap among themselves, the others too."""
    count = len(pre)
    for e in range(count):
        insert(table, _key(pre[e], post[e], n, directed))
    for _ in range(ROUNDS * count):
        e = rng.integers(0, count)
        f = rng.integers(0, n_positive) if e < n_positive else rng.integers(n_positive, count)
        a, b, c, d = pre[e], post[e], pre[f], post[f]
        if not directed and rng.integers(0, 2):
            c, d = d, c
        one, two = _key(a, d, n, directed), _key(c, b, n, directed)
        if e == f or a == d or c == b or one == two or place_of(table, one)[1] or place_of(table, two)[1]:
            continue
        take_out(table, _key(a, b, n, directed))
        take_out(table, _key(c, d, n, directed))
        insert(table, one)
        insert(table, two)
        post[e], pre[f], post[f] = d, c, b


@kept()
def _key(a, b, n, directed):
    return a * n + b if directed or a < b else b * n + a


@kept()
def _home(table, key):
    """Give a key's first place in the table; the factor is 2^64 over the golden ratio (Knuth's multiplicative hash)."""
    mixed = np.uint64(key) * np.uint64(0x9E3779B97F4A7C15)
    return np.int64((mixed >> np.uint64(20)) & np.uint64(len(table) - 1))


@kept()
def place_of(table, key):
    """Give the place of a key, or the free one where it would go, and whether it is there."""
    at = _home(table, key)
    while table[at] != -1 and table[at] != key:
        at = (at + 1) & (len(table) - 1)
    return at, table[at] == key


@kept()
def insert(table, key):
    """Put in a key that is not there."""
    table[place_of(table, key)[0]] = key


@kept()
def take_out(table, key):
    """Free a key's place, and move up those behind it that the gap would cut off from their first place."""
    last = len(table) - 1
    gap = place_of(table, key)[0]
    at = (gap + 1) & last
    while table[at] != -1:
        if ((at - _home(table, table[at])) & last) >= ((at - gap) & last):
            table[gap] = table[at]
            gap = at
        at = (at + 1) & last
    table[gap] = -1
