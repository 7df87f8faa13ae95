"""Cores: what is left when nodes of few edges are peeled off."""

import numpy as np

from circuitgraph.graphs import loops_cores
from circuitgraph.graphs.arrays import Arrays
from circuitgraph.graphs.degrees import degrees


def core_numbers(a: Arrays) -> np.ndarray:
    """Give each node the largest k of a subgraph that holds it and whose nodes have k edges within; no loops.

    Of a directed graph edges in and out are counted together.  Seidman (1983).  Shape: (N,) int64.

    Example:
        >>> core_numbers(Arrays.from_edges(4, np.array([0, 1, 2, 3]), np.array([1, 2, 0, 0]), directed=False)).tolist()
        [2, 2, 2, 1]
    """
    begins, post = _both(a)
    return loops_cores.core_numbers(begins, post, np.diff(begins))


def onion_layers(a: Arrays) -> np.ndarray:
    """Give each node of an undirected graph without loops its layer (Hébert-Dufresne et al., 2016).  Shape: (N,) int64.

    Example:
        >>> onion_layers(Arrays.from_edges(4, np.array([0, 1, 2, 3]), np.array([1, 2, 0, 0]), directed=False)).tolist()
        [2, 2, 2, 1]
    """
    return loops_cores.onion_layers(a.begins, a.post)


def _both(a: Arrays) -> tuple[np.ndarray, np.ndarray]:
    """List the edges at each node, those out and those in.  Shape: (N + 1,), (2 E,)."""
    if not a.directed:
        return a.begins, a.post
    begins = np.concatenate([[0], np.cumsum(degrees(a))])
    turned = a.turned
    post = np.empty(2 * len(a.post), np.int32)
    out = np.arange(len(a.post)) + np.repeat(begins[:-1] - a.begins[:-1], np.diff(a.begins))
    into = np.arange(len(a.post)) + np.repeat(
        begins[:-1] + np.diff(a.begins) - turned.begins[:-1], np.diff(turned.begins)
    )
    post[out], post[into] = a.post, turned.post
    return begins, post
