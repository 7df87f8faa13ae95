"""Random graphs whose communities are known: what detectors are tried on."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.sparse as sp

from circuitgraph.communities.modular import _engine
from circuitgraph.errors import ShapeError
from circuitgraph.ir.shape import is_integer

Planted = tuple[Any, np.ndarray]
"""A compressed matrix (N, N) of ones, and the labels (N,)."""


def planted(
    n_nodes: int,
    n_communities: int,
    *,
    degree: float,
    signal: float,
    directed: bool = False,
    rng: int | np.random.Generator = 0,
) -> Planted:
    """Draw equal communities at a given distance from the threshold below which they cannot be detected.

        signal = (c_in - c_out)^2 / (q^2 c),    c = (c_in + (q - 1) c_out) / q

    c is the mean degree (directed: of edges in and out together), c_in / N and c_out / N are the chances of an edge
    within and between.  Above a signal of 1 communities can be detected; two of them never below it, many of them by no
    algorithm known to be fast (Decelle, Krzakala, Moore and Zdeborová, 2011).  At 0 it is an Erdős-Rényi graph.

    Raises:
        ShapeError: for numbers of nodes or communities below 1, or a degree and signal that no graph can have.

    Example:
        >>> a, labels = planted(1000, 2, degree=5.0, signal=3.0)
        >>> a.shape, np.bincount(labels).tolist(), bool(4 < a.nnz / 1000 < 6)
        ((1000, 1000), [500, 500], True)
    """
    if not (is_integer(n_nodes, 1) and is_integer(n_communities, 1) and n_communities <= n_nodes):
        raise ShapeError(f"planted: bad sizes (got {n_nodes!r} nodes in {n_communities!r} communities)")
    if not (0 <= signal <= degree <= n_nodes / n_communities):
        got = f"got degree {degree!r}, signal {signal!r} for {n_nodes} nodes in {n_communities} communities"
        raise ShapeError(f"planted: impossible ({got}, expected 0 <= signal <= degree <= nodes / communities)")
    contrast = (signal * degree) ** 0.5
    rates = np.full((n_communities, n_communities), degree - contrast)
    np.fill_diagonal(rates, degree + (n_communities - 1) * contrast)
    rates = np.minimum(rates / n_nodes / (2 if directed else 1), 1.0)
    return block_model(np.bincount(np.arange(n_nodes) % n_communities), rates, directed=directed, rng=rng)


def block_model(
    sizes: Any, rates: Any, *, propensity: Any = None, directed: bool = False, rng: int | np.random.Generator = 0
) -> Planted:
    """Draw a stochastic block model in time proportional to its edges (Holland, Laskey and Leinhardt, 1983).

    A node of community r has an edge to one of community s with chance rates[r, s], independently of all others.  With
    a propensity per node it is the degree-corrected model of Karrer and Newman (2011): edges fall on pairs of nodes
    with chances proportional to both propensities, as many on a pair of communities as there would be without; those
    that fall twice on one pair, or on one node, are left out.

    Shape: sizes (q,), rates (q, q), symmetric unless directed, propensity (N,) positive.

    Raises:
        ShapeError: for shapes that do not fit, rates outside 0 to 1, asymmetric rates of an undirected graph, or
            propensities that are not positive.

    Example:
        >>> a, labels = block_model([2, 3], [[1, 0], [0, 1]])
        >>> a.toarray().astype(int).sum(axis=0).tolist(), labels.tolist()
        ([1, 1, 2, 2, 2], [0, 0, 1, 1, 1])
    """
    sizes, rates, rng = np.asarray(sizes), np.asarray(rates, float), np.random.default_rng(rng)
    _check_blocks(sizes, rates, directed)
    weights = None if propensity is None else _check_propensity(propensity, int(sizes.sum()))
    drawn = list(_block_edges(sizes, rates, weights, directed, rng))
    pre, post = (np.concatenate([np.zeros(0, np.int64), *ends]) for ends in zip(*drawn, strict=True))
    return _matrix(pre, post, int(sizes.sum()), directed), np.repeat(np.arange(len(sizes)), sizes)


def lfr(
    n_nodes: int,
    *,
    mixing: float,
    degree: float = 20,
    max_degree: int = 50,
    sizes: tuple[int, int] = (20, 100),
    exponents: tuple[float, float] = (3.0, 1.5),
    rng: int | np.random.Generator = 0,
) -> Planted:
    """Draw a benchmark graph of Lancichinetti, Fortunato and Radicchi (2008), through networkit.

    Degrees and sizes of communities follow power laws, of exponents[0] and exponents[1]; `mixing` is the share of
    each node's edges that leave its community.

    Raises:
        ShapeError: for a mixing outside 0 to 1, or numbers that networkit cannot meet.
        MissingEngineError: where networkit is not installed.

    Example:
        >>> a, labels = lfr(500, mixing=0.2)
        >>> bool((labels[a.nonzero()[0]] != labels[a.nonzero()[1]]).mean().round(1) == 0.2)
        True
    """
    if not 0 <= mixing <= 1:
        raise ShapeError(f"lfr: bad mixing (got {mixing!r}, expected 0 to 1)")
    nk, rng = _engine(), np.random.default_rng(rng)
    threads = nk.getMaxNumberOfThreads()
    nk.setNumberOfThreads(1)
    try:
        nk.setSeed(int(rng.integers(2**31)), False)
        source = nk.generators.LFRGenerator(n_nodes)
        source.generatePowerlawDegreeSequence(degree, max_degree, -exponents[0])
        source.generatePowerlawCommunitySizeSequence(*sizes, -exponents[1])
        source.setMu(mixing)
        graph = source.run().getGraph()
        labels = np.array(source.getPartition().getVector(), np.int64)
    except RuntimeError as error:
        got = f"got degree {degree}, at most {max_degree}, sizes {sizes}"
        raise ShapeError(f"lfr: no such graph ({got}); {error}") from error
    finally:
        nk.setNumberOfThreads(threads)
    ends = np.array(list(graph.iterEdges()), np.int64).reshape(-1, 2)
    return _matrix(ends[:, 0], ends[:, 1], n_nodes, False), np.unique(labels, return_inverse=True)[1]


def attached_groups(
    n_groups: int = 5, size: int = 30, *, edges: int = 2, noise: float = 0.33, rng: int | np.random.Generator = 0
) -> Planted:
    """Draw groups that each grew by preferential attachment, with edges at random between them.

    In a group every new node brings `edges` edges to nodes chosen in proportion to their degree (Barabási and Albert,
    1999).  `noise` is the share of all edges that run between groups, at least what it takes to connect them all.

    Raises:
        ShapeError: for fewer than one group, groups that are not larger than `edges`, or a noise outside 0 to below 1.

    Example:
        >>> a, labels = attached_groups()
        >>> a.nnz // 2, int((labels[a.nonzero()[0]] == labels[a.nonzero()[1]]).sum()) // 2
        (418, 280)
    """
    if not (is_integer(n_groups, 1) and is_integer(edges, 1) and is_integer(size, edges + 1) and 0 <= noise < 1):
        got = f"got {n_groups!r} groups of {size!r}, {edges!r} edges, noise {noise!r}"
        raise ShapeError(f"attached_groups: impossible ({got}, expected groups larger than edges, noise 0 to below 1)")
    rng, n = np.random.default_rng(rng), n_groups * size
    inner = np.concatenate([_attach(size, edges, rng) + g * size for g in range(n_groups)])
    free = (n_groups * (n_groups - 1) // 2) * size**2
    wanted = min(max(round(noise / (1 - noise) * len(inner)), n_groups - 1), free)
    between = {
        (int(rng.integers(g)) * size + int(rng.integers(size)), g * size + int(rng.integers(size)))
        for g in range(1, n_groups)
    }
    while len(between) < wanted:
        i, j = sorted(int(k) for k in rng.integers(0, n, 2))
        if i // size != j // size:
            between.add((i, j))
    ends = np.concatenate([inner, np.array(sorted(between), np.int64).reshape(-1, 2)])
    return _matrix(ends[:, 0], ends[:, 1], n, False), np.repeat(np.arange(n_groups), size)


def _attach(n: int, m: int, rng: np.random.Generator) -> np.ndarray:
    """Grow a graph from m nodes without edges.  Shape: (m * (n - m), 2)."""
    ends: list[int] = []
    pairs = []
    for new in range(m, n):
        # Every end of every edge is listed once, so that a uniform choice from the list is one by degree.
        chosen: set[int] = set(range(m)) if new == m else set()
        while len(chosen) < m:
            chosen.add(ends[rng.integers(len(ends))])
        pairs += [(old, new) for old in sorted(chosen)]
        ends += [*sorted(chosen), *[new] * m]
    return np.array(pairs, np.int64)


def _block_edges(
    sizes: np.ndarray, rates: np.ndarray, weights: np.ndarray | None, directed: bool, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Draw the edges between every two communities."""
    start = np.r_[0, np.cumsum(sizes)]
    yield np.zeros(0, np.int64), np.zeros(0, np.int64)
    for r, s in np.argwhere(rates > 0):
        if s < r and not directed:
            continue
        rows, cols = int(sizes[r]), int(sizes[s])
        pairs = rows * cols if r != s else rows * (rows - 1) // (1 if directed else 2)
        count = int(rng.binomial(pairs, rates[r, s]))
        if weights is None:
            i, j = _pairs(rng.choice(pairs, count, replace=False, shuffle=False), rows, cols, r == s, directed)
        else:
            i, j = (_weighted(weights[start[x] : start[x + 1]], count, rng) for x in (r, s))
        yield start[r] + i, start[s] + j


def _pairs(key: np.ndarray, rows: int, cols: int, same: bool, directed: bool) -> tuple[np.ndarray, np.ndarray]:
    """Turn numbers into pairs of two communities, or of one: no loops, and each pair once if undirected."""
    if not same:
        return key // cols, key % cols
    if directed:
        i, j = key // (rows - 1), key % (rows - 1)
        return i, j + (j >= i)
    # Pair (i, j), i < j, has the number j (j - 1) / 2 + i; the root may be off by one.
    j = ((1 + np.sqrt(1 + 8 * key.astype(float))) / 2).astype(np.int64)
    j -= j * (j - 1) // 2 > key
    j += (j + 1) * j // 2 <= key
    return key - j * (j - 1) // 2, j


def _weighted(weights: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    total = np.cumsum(weights)
    return np.minimum(np.searchsorted(total, rng.random(count) * total[-1], side="right"), len(weights) - 1)


def _matrix(pre: np.ndarray, post: np.ndarray, n: int, directed: bool) -> Any:
    keep = pre != post
    pre, post = pre[keep], post[keep]
    if not directed:
        pre, post = np.r_[pre, post], np.r_[post, pre]
    a = sp.csr_array((np.ones(len(pre)), (pre, post)), shape=(n, n))
    a.sum_duplicates()
    a.data[:] = 1.0
    return a


def _check_blocks(sizes: np.ndarray, rates: np.ndarray, directed: bool) -> None:
    if sizes.ndim != 1 or not len(sizes) or sizes.dtype.kind not in "iu" or sizes.min() < 1:
        raise ShapeError(f"block_model: bad sizes (got {sizes!r}, expected integers (q,) of at least 1)")
    if rates.shape != (len(sizes), len(sizes)) or not ((rates >= 0) & (rates <= 1)).all():
        got = f"got shape {rates.shape}, expected ({len(sizes)}, {len(sizes)})"
        raise ShapeError(f"block_model: bad rates ({got}, all in 0 to 1)")
    if not directed and not np.array_equal(rates, rates.T):
        mend = "pass directed=True or (rates + rates.T) / 2"
        raise ShapeError(f"block_model: rates of an undirected graph are not symmetric; {mend}")


def _check_propensity(propensity: Any, n: int) -> np.ndarray:
    found = np.asarray(propensity, float)
    if found.shape != (n,) or not (np.isfinite(found).all() and (found > 0).all()):
        raise ShapeError(f"block_model: bad propensity (got shape {found.shape}, expected ({n},) positive numbers)")
    return found
