"""Null models: random graphs and lattices that share with a graph what a question is to be freed from."""

from collections.abc import Iterator

import numpy as np

from circuitgraph.graphs.arrays import Arrays
from circuitgraph.graphs.loops_swaps import fill, shorten, swap

ROUNDS = 10
"""Attempts per edge: after a few times as many swaps as edges the old wiring is forgotten (Milo et al., 2003)."""
LATTICE_ROUNDS = 50
"""Attempts per edge towards a lattice, where more and more of them would make edges longer."""

Rng = np.random.Generator | int


def swap_edges(a: Arrays, rng: Rng = 0, *, keep_mutual: bool = False) -> Arrays:
    """Draw a graph of the same degrees by swapping the ends of pairs of edges; a weight stays with its pre end.

    Every node keeps how many edges it sends and receives, of either sign, and loops stay as they are; what each node
    sends in sum is kept in a directed graph.  With `keep_mutual` every node also keeps in how many pairs of edges that
    point against each other it is, the null of Milo et al. (2002).  Maslov and Sneppen (2002).

    Example:
        >>> ring = Arrays.from_edges(5, np.arange(5), np.roll(np.arange(5), -1))
        >>> other = swap_edges(ring, 1)
        >>> np.diff(other.begins).tolist(), np.bincount(other.post).tolist()
        ([1, 1, 1, 1, 1], [1, 1, 1, 1, 1])
    """
    return _swapped(a, np.random.default_rng(rng), keep_mutual=keep_mutual)


def latticise(a: Arrays, rng: Rng = 0) -> Arrays:
    """Make a lattice of the same degrees: nodes stand on a ring in random order, and swaps never lengthen edges.

    A weight stays with its pre end.  Sporns and Zwi (2004).

    Example:
        >>> random = Arrays.from_edges(6, np.arange(6), np.array([3, 5, 4, 1, 0, 2]))
        >>> np.bincount(latticise(random).post).tolist()
        [1, 1, 1, 1, 1, 1]
    """
    rng = np.random.default_rng(rng)
    place = rng.permutation(a.n) / max(1, a.n)
    return _swapped(a, rng, places=np.stack([place, place]))


def draw_edges(a: Arrays, rng: Rng = 0) -> Arrays:
    """Draw a graph of as many nodes and edges, every one as likely as any other, without loops if `a` has none.

    Weights are dealt out at random.  The G(n, m) model of Erdős and Rényi (1959).

    Example:
        >>> draw_edges(Arrays.from_edges(5, np.arange(4), np.arange(1, 5)), 1).n_edges
        4
    """
    rng, loops = np.random.default_rng(rng), bool((a.pre == a.post).any())
    pre, post = draw_pairs(a.n, a.n, a.n_edges, rng, loops=loops, directed=a.directed)
    weight = None if a.weight is None else a.weight[_once(a)]
    return Arrays.from_edges(a.n, pre, post, weight, directed=a.directed)


def draw_pairs(
    n_pre: int, n_post: int, size: int, rng: np.random.Generator, *, loops: bool = True, directed: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Draw different pairs uniformly, in random order; a loop is a pair of equal numbers.  Shape: -> (size,) twice.

    Example:
        >>> pre, post = draw_pairs(3, 3, 6, np.random.default_rng(0), loops=False)
        >>> sorted(zip(pre.tolist(), post.tolist()))
        [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)]
    """
    diagonal = min(n_pre, n_post)
    if not directed:
        key = rng.choice(n_pre * (n_pre + 1) // 2 if loops else n_pre * (n_pre - 1) // 2, size, replace=False)
        # Rows of a triangle: the pairs (i, j) with j < i, or j <= i, begin at i (i - 1) / 2, or at i (i + 1) / 2.
        row = ((np.sqrt(8.0 * key + 1) - 1) / 2).astype(np.int64)
        row += (row + 1) * (row + 2) // 2 <= key
        row -= row * (row + 1) // 2 > key
        return key - row * (row + 1) // 2, row + (not loops)
    key = rng.choice(n_pre * n_post - (0 if loops else diagonal), size, replace=False)
    if not loops:
        # The d-th diagonal key is d * (n_post + 1); with the d before it left out, it stood at d * n_post.
        key = key + np.searchsorted(np.arange(diagonal) * n_post, key, side="right")
    return key // n_post, key % n_post


def swap_posts(
    pre: np.ndarray,
    post: np.ndarray,
    n: int,
    rng: np.random.Generator,
    *,
    negative: np.ndarray | None = None,
    places: np.ndarray | None = None,
) -> np.ndarray:
    """Give each directed edge another end, so that all degrees stay: what `swap_edges` does to a list.

    Negative edges meet each other only.  No edge appears twice and none becomes a loop; loops stay.  With `places` on a
    ring of length 1, for pre and for post ends, no swap lengthens the edges, until they form a lattice.

    Shape: pre, post, negative (E,), places (2, N) -> (E,).

    Example:
        >>> pre, post = np.array([0, 0, 1, 2]), np.array([3, 4, 3, 4])
        >>> new = swap_posts(pre, post, 5, np.random.default_rng(0))
        >>> np.bincount(new).tolist(), len(set(zip(pre, new)))
        ([0, 0, 0, 2, 2], 4)
    """
    out, table = np.array(post, np.int64), _table(pre, post, n)
    for some in _by_sign(np.flatnonzero(pre != post), negative):
        node, mate, _ = _run(pre[some], out[some], n, table, rng, places=places)
        out[some] = node[mate[: len(some)]]
    return out


def swap_pairs(
    pre: np.ndarray,
    post: np.ndarray,
    n: int,
    rng: np.random.Generator,
    *,
    negative: np.ndarray | None = None,
    places: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Give undirected edges, each listed once, other ends, so that all degrees stay; otherwise as `swap_posts`.

    Shape: pre, post, negative (E,), places (2, N) -> (E,) twice.

    Example:
        >>> pre, post = swap_pairs(np.array([0, 1, 2]), np.array([1, 2, 3]), 4, np.random.default_rng(0))
        >>> np.bincount(np.concatenate([pre, post])).tolist()
        [1, 2, 2, 1]
    """
    pre, post = pre.copy(), post.copy()
    table = _table(np.concatenate([pre, post]), np.concatenate([post, pre]), n)
    for some in _by_sign(np.flatnonzero(pre != post), negative):
        node, mate, label = _run(pre[some], post[some], n, table, rng, both=True, free=True, places=places)
        one = np.flatnonzero(np.arange(len(mate)) < mate)
        at = some[label[one]]
        pre[at], post[at] = node[one], node[mate[one]]
    return pre, post


def backwards(pre: np.ndarray, post: np.ndarray, n: int) -> np.ndarray:
    """Find the edge that points against each one: -1 for none, its own number for a loop.  Shape: (E,) -> (E,).

    Example:
        >>> backwards(np.array([0, 1, 1, 2]), np.array([1, 0, 2, 2]), 3).tolist()
        [1, 0, -1, 3]
    """
    key, back = pre * n + post, post * n + pre
    order = np.argsort(key)
    found = order[np.minimum(np.searchsorted(key, back, sorter=order), len(key) - 1)] if len(key) else order
    return np.where(key[found] == back, found, -1)


def _swapped(
    a: Arrays, rng: np.random.Generator, *, keep_mutual: bool = False, places: np.ndarray | None = None
) -> Arrays:
    pre, post = a.pre.astype(np.int64), a.post.astype(np.int64)
    negative = None if a.weight is None else a.weight < 0
    if not a.directed:
        once = _once(a)
        behind = None if negative is None else negative[once]
        new = swap_pairs(pre[once], post[once], a.n, rng, negative=behind, places=places)
        return Arrays.from_edges(a.n, *new, None if a.weight is None else a.weight[once], directed=False)
    if keep_mutual:
        return Arrays.from_edges(a.n, pre, _mutual_swapped(pre, post, a.n, rng, negative), a.weight)
    return Arrays.from_edges(a.n, pre, swap_posts(pre, post, a.n, rng, negative=negative, places=places), a.weight)


def _once(a: Arrays) -> np.ndarray:
    """Find the entries that list each edge once.  Shape: -> (n_edges,)."""
    return np.arange(len(a.post)) if a.directed else np.flatnonzero(a.pre <= a.post)


def _mutual_swapped(
    pre: np.ndarray, post: np.ndarray, n: int, rng: np.random.Generator, negative: np.ndarray | None
) -> np.ndarray:
    """Swap single edges with single ones, so that none come to point against each other, and pairs that do as pairs."""
    out, back, table = post.copy(), backwards(pre, post, n), _table(pre, post, n)
    for some in _by_sign(np.flatnonzero(back < 0), negative):
        node, mate, _ = _run(pre[some], post[some], n, table, rng, apart=True)
        out[some] = node[mate[: len(some)]]
    one = np.flatnonzero((back >= 0) & (pre < post))
    behind = np.zeros(len(pre), bool) if negative is None else negative
    alike, first = behind[one] == behind[back[one]], np.where(behind[one], back[one], one)
    # A pair of both signs keeps its sides, so that nobody comes to hear the other sign.
    for some in (*_by_sign(one[alike], negative), first[~alike]):
        node, mate, _ = _run(
            pre[some], post[some], n, table, rng, both=True, free=bool((behind[some] == behind[back[some]]).all())
        )
        out[np.concatenate([some, back[some]])] = node[mate]
    return out


def _by_sign(edges: np.ndarray, negative: np.ndarray | None) -> Iterator[np.ndarray]:
    """Give the positive and then the negative ones of some edges, where there are any."""
    behind = np.zeros(len(edges), bool) if negative is None else negative[edges]
    for some in (edges[~behind], edges[behind]):
        if len(some):
            yield some


def _run(
    pre: np.ndarray,
    post: np.ndarray,
    n: int,
    table: np.ndarray,
    rng: np.random.Generator,
    *,
    both: bool = False,
    free: bool = False,
    apart: bool = False,
    places: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Re-mate half edges as often as it takes; give each one's node, mate and label.  Shape: (E,) -> (2 E,), thrice."""
    count = len(pre)
    node, label = np.concatenate([pre, post]).astype(np.int64), np.tile(np.arange(count), 2)
    mate = np.roll(np.arange(2 * count), count)
    if places is None:
        swap(node, mate, label, n, free, both, apart, table, ROUNDS * count, rng)
        return node, mate, label
    near = np.arange(0 if both else count, 2 * count)
    near = near[np.argsort(places[1, node[near]], kind="stable")]
    rank = np.zeros(2 * count, np.int64)
    rank[near] = np.arange(len(near))
    begins = np.searchsorted(places[1, node[near]], places[0])
    shorten(node, mate, label, n, both, table, LATTICE_ROUNDS * len(near), rng, places, near, rank, begins)
    return node, mate, label


def _table(pre: np.ndarray, post: np.ndarray, n: int) -> np.ndarray:
    table = np.full(1 << int(max(4 * len(pre), 4) - 1).bit_length(), -1)
    fill(np.asarray(pre, np.int64), np.asarray(post, np.int64), n, table)
    return table
