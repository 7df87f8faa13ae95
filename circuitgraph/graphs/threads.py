"""Run one compiled pass over many nodes on all cores: the compiled code lets go of the interpreter's lock."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np


def n_threads() -> int:
    """Count the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def parts(work: np.ndarray, n: int | None = None) -> list[tuple[int, int]]:
    """Cut nodes into n runs of about equal work, one per core if not said.  Shape: (N,) numbers.

    Example:
        >>> parts(np.array([4, 1, 1, 1, 1]), 2)
        [(0, 1), (1, 5)]
    """
    n = n or n_threads()
    total = np.cumsum(work, dtype=np.float64)
    if not len(total) or n == 1:
        return [(0, len(total))]
    inner = np.searchsorted(total, total[-1] * np.arange(1, n) / n) + 1
    cuts = [0, *np.minimum(inner, len(total)).tolist(), len(total)]
    return [(a, b) for a, b in pairwise(cuts) if b > a]


def each(call: Callable[..., Any], arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
    """Call with every tuple of arguments, at the same time, and list the results in order.

    Example:
        >>> each(max, [(1, 2), (4, 3)])
        [2, 4]
    """
    if len(arguments) <= 1:
        return [call(*a) for a in arguments]
    with ThreadPoolExecutor(len(arguments), thread_name_prefix="circuitgraph") as pool:
        return list(pool.map(lambda a: call(*a), arguments))
