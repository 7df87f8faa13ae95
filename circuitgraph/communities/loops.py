"""Compiled passes over the edges of a compressed matrix: numba makes machine code at first use and keeps it on disk."""

import numpy as np

from circuitgraph.machine_code import kept


@kept()
def weight_within(begins, cols, vals, labels):
    """Sum the weights between nodes of one label."""
    total = 0.0
    for i in range(len(labels)):
        for e in range(begins[i], begins[i + 1]):
            if labels[cols[e]] == labels[i]:
                total += vals[e]
    return total


@kept()
def held_together(begins, cols, vals, labels):
    """Give each node the first node that positive edges between nodes of its label connect it with."""
    n = len(labels)
    root = np.arange(n)
    for i in range(n):
        for e in range(begins[i], begins[i + 1]):
            if vals[e] > 0 and labels[cols[e]] == labels[i]:
                a, b = find(root, i), find(root, cols[e])
                root[max(a, b)] = min(a, b)
    for i in range(n):
        root[i] = find(root, i)
    return root


@kept()
def find(root, i):
    """Follow to the root, and halve the path for the next time (Tarjan and van Leeuwen, 1984)."""
    while root[i] != i:
        root[i] = root[root[i]]
        i = root[i]
    return i
