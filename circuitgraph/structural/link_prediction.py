"""Scores of missing links, from the wiring between two populations alone: no weights, no gradients, no labels."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from circuitgraph.errors import ShapeError
from circuitgraph.ir.value import index_array


class Predictor(Protocol):
    """Scores rows of missing links; see `ch3_l3`."""

    def __call__(self, graph: "Bipartite", *, first: int = 0, last: int | None = None) -> np.ndarray:
        """Score the links onto posts `first` to `last - 1`.  Shape: -> (last - first, n_pre)."""


@dataclass(frozen=True, eq=False)
class Bipartite:
    """Links between two sets of nodes, listed from both ends: the pres of every post, and the posts of every pre.

    Shape: pre_begins (n_post + 1,), pres (K,), post_begins (n_pre + 1,), posts (K,); nodes are of int32.

    Example:
        >>> graph = Bipartite.of([0, 1, 1], [0, 0, 2], n_pre=2, n_post=3)
        >>> graph.pres.tolist(), graph.pre_begins.tolist(), graph.posts.tolist(), graph.post_begins.tolist()
        ([0, 1, 1], [0, 2, 2, 3], [0, 0, 2], [0, 1, 3])
    """

    pre_begins: np.ndarray
    pres: np.ndarray
    post_begins: np.ndarray
    posts: np.ndarray

    @classmethod
    def of(cls, pre: Any, post: Any, *, n_pre: int, n_post: int) -> "Bipartite":
        """List links given as pairs, in any order.  Shape: pre, post (K,).

        Raises:
            ShapeError: for what is no list of pairs, an index out of range, or a pair that comes twice.
        """
        pre, post = index_array(pre, "Bipartite: pre"), index_array(post, "Bipartite: post")
        if len(pre) != len(post):
            got = f"got {len(pre)} and {len(post)}, expected one pre and one post for each link"
            raise ShapeError(f"Bipartite: pre and post differ in length ({got})")
        for end, index, n in (("pre", pre, n_pre), ("post", post, n_post)):
            if len(index) and (index.min() < 0 or index.max() >= n):
                got = f"got {index.min()} to {index.max()}, expected 0 to {n - 1}"
                raise ShapeError(f"Bipartite: {end} out of range ({got})")
        key = np.sort(post * n_pre + pre)
        if (np.diff(key) == 0).any():
            raise ShapeError("Bipartite: a link comes twice (got equal pairs, expected each once); merge them")
        by_pre = np.argsort(key % n_pre, kind="stable") if len(key) else key
        ends = key % n_pre, key[by_pre] // n_pre
        pres, posts = (end.astype(np.int32, copy=False) for end in ends)
        return cls(_begins(key // n_pre, n_post), pres, _begins(key[by_pre] % n_pre, n_pre), posts)

    @property
    def n_pre(self) -> int:
        """Count presynaptic nodes."""
        return len(self.post_begins) - 1

    @property
    def n_post(self) -> int:
        """Count postsynaptic nodes."""
        return len(self.pre_begins) - 1


def ch3_l3(graph: Bipartite, *, first: int = 0, last: int | None = None) -> np.ndarray:
    """Score missing links by paths of three links whose inner nodes have few links out of their local community.

    score(u, v) = sum over paths u - a - b - v of  1 / sqrt((1 + de(a)) * (1 + de(b)))

    The local community of u and v is all inner nodes of such paths; de counts a node's links to any that is neither in
    it nor u or v.  In a bipartite graph 1 + de(a) is a's degree less the number of neighbours that a and v share, so
    that one row costs as many steps as there are paths from it.  Present links score 0, and so do missing ones that no
    path bridges.  Shape: -> (last - first, n_pre): rows are posts.

    The path-based network automaton CH3-L3 (also CH3-L3p) of Muscoloni et al. (2020), by which Cannistraci-Hebb
    training regrows links (CHT: Zhang et al., ICLR 2024).

    Raises:
        ShapeError: for rows that do not exist.

    Example:
        >>> ring = Bipartite.of([0, 1, 1, 2], [0, 0, 1, 1], n_pre=3, n_post=2)
        >>> ch3_l3(ring).round(3).tolist()
        [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    """
    return _score(graph, first, last, internal=False, external=True, by_node=False)


def ch2_l3n(graph: Bipartite, *, first: int = 0, last: int | None = None) -> np.ndarray:
    """Score missing links by the members z of their local community, each counted once, however many paths it is on.

    score(u, v) = sum over z of  (1 + di(z)) / (1 + de(z))

    di counts a member's links within the community, de those to any other node but u and v.  The node-based
    approximation by which the soft rule regrows links (CHTs: Zhang et al. 2025, arXiv 2501.19107), where it is written
    in products of matrices; here rows are summed sparsely, to the same numbers.  Shape, errors: as `ch3_l3`.

    Example:
        >>> ring = Bipartite.of([0, 1, 1, 2], [0, 0, 1, 1], n_pre=3, n_post=2)
        >>> ch2_l3n(ring).tolist()
        [[0.0, 0.0, 4.0], [4.0, 0.0, 0.0]]
    """
    return _score(graph, first, last, internal=True, external=True, by_node=True)


def l3(graph: Bipartite, *, first: int = 0, last: int | None = None) -> np.ndarray:
    """Score missing links by paths of three links, each divided by the geometric mean of its inner degrees.

    score(u, v) = sum over paths u - a - b - v of  1 / sqrt(degree(a) * degree(b));  Kovacs et al. (2019).

    Shape, errors: as `ch3_l3`.

    Example:
        >>> ring = Bipartite.of([0, 1, 1, 2], [0, 0, 1, 1], n_pre=3, n_post=2)
        >>> l3(ring).round(3).tolist()
        [[0.0, 0.0, 0.5], [0.5, 0.0, 0.0]]
    """
    return _score(graph, first, last, internal=False, external=False, by_node=False)


PREDICTORS: dict[str, Predictor] = {"ch3-l3": ch3_l3, "ch2-l3n": ch2_l3n, "l3": l3}


def _score(
    graph: Bipartite, first: int, last: int | None, *, internal: bool, external: bool, by_node: bool
) -> np.ndarray:
    last = graph.n_post if last is None else last
    if not 0 <= first <= last <= graph.n_post:
        raise ShapeError(f"link prediction: rows (got {first} to {last}, expected within 0 to {graph.n_post})")
    from circuitgraph.structural.local_paths import score_rows  # machine code: numba takes long to import

    n = 1 + int(max(np.diff(graph.pre_begins).max(initial=0), np.diff(graph.post_begins).max(initial=0)))
    above, below = (1.0 + np.arange(n) if internal else np.ones(n)), np.zeros(n)
    below[1:] = 1 / np.arange(1, n)
    tables = (above, below, external) if by_node else (np.sqrt(above), np.sqrt(below), external)
    out = np.zeros((last - first, graph.n_pre))
    score_rows(out, first, (graph.pre_begins, graph.pres, graph.post_begins, graph.posts), tables, by_node)
    return out


def _begins(ends: np.ndarray, n: int) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(np.bincount(ends, minlength=n))]).astype(np.int64)
