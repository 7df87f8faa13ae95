"""Compiled walks over components: whoever is reached, and in which order a depth-first search leaves."""

import numpy as np

from circuitgraph.machine_code import kept

_DONE = np.iinfo(np.int32).max


@kept(nogil=True)
def weak_labels(begins, post):
    """Find the components of the graph without directions, numbered by their first nodes."""
    n = len(begins) - 1
    root = np.arange(n)
    for i in range(n):
        a = _find(root, i)
        for e in range(begins[i], begins[i + 1]):
            b = _find(root, post[e])
            if a < b:
                root[b] = a
            elif b < a:
                root[a] = b
                a = b
    label, count = np.empty(n, np.int64), 0
    for i in range(n):
        if root[i] == i:
            label[i] = count
            count += 1
        else:
            label[i] = label[_find(root, i)]
    return label, count


@kept()
def _find(root, i):
    while root[i] != i:
        root[i] = root[root[i]]
        i = root[i]
    return i


@kept(nogil=True)
def strong_labels(begins, post):
    """Find strong components, numbered in the order in which a depth-first search completes them (Tarjan, 1972)."""
    n = len(begins) - 1
    # One number says all that an edge asks of its end: 0 for new, _DONE for closed, else when it was met.
    label, seen, low = np.empty(n, np.int64), np.zeros(n, np.int32), np.empty(n, np.int32)
    at, path, held = begins[:-1].copy(), np.empty(n, np.int32), np.empty(n, np.int32)
    time, count, n_held = np.int32(0), 0, 0
    for start in range(n):
        if seen[start]:
            continue
        v, depth = start, 0
        time += 1
        seen[v] = low[v] = time
        while depth >= 0:
            entry, lowest, child = at[v], low[v], -1
            while entry < begins[v + 1]:
                w = post[entry]
                entry += 1
                if seen[w] == 0:
                    child = w
                    break
                lowest = min(lowest, seen[w])
            at[v], low[v] = entry, lowest
            if child >= 0:
                path[depth] = v
                depth += 1
                v = child
                time += 1
                seen[v] = low[v] = time
                continue
            held[n_held] = v
            n_held += 1
            if lowest == seen[v]:
                first = seen[v]
                while n_held and seen[held[n_held - 1]] >= first:
                    n_held -= 1
                    label[held[n_held]], seen[held[n_held]] = count, _DONE
                count += 1
            depth -= 1
            if depth >= 0:
                v = path[depth]
                low[v] = min(low[v], lowest)
    return label, count


@kept(nogil=True)
def blocks(begins, post):
    """Find the biconnected components of an undirected graph's edges, numbered in the order in which they close.

    Gives, in that order, entries (edges as they were walked) with their component, and which nodes were met as
    articulation points, in order and perhaps again.  Hopcroft and Tarjan (1973), as networkx walks.
    """
    n = len(begins) - 1
    seen, low, at = np.full(n, -1), np.zeros(n, np.int64), begins[:-1].copy()
    path, began, stack = np.empty(n, np.int64), np.zeros(n, np.int64), np.empty(len(post), np.int64)
    edges, of, cuts = np.empty(len(post), np.int64), np.empty(len(post), np.int64), np.empty(2 * n, np.int64)
    n_edges = n_blocks = n_cuts = height = 0
    for start in range(n):
        if seen[start] >= 0:
            continue
        seen[start], path[0], depth, time, children = 0, start, 1, 1, 0
        while depth:
            v = path[depth - 1]
            parent = path[depth - 2] if depth > 1 else v
            if at[v] < begins[v + 1]:
                depth, time, height = _walk(at, post, v, parent, (seen, low, path, began, stack), depth, time, height)
                continue
            depth -= 1
            if depth == 0:
                break
            closes = depth == 1 or low[v] >= seen[parent]
            children += depth == 1
            if closes and depth > 1:
                cuts[n_cuts] = parent
                n_cuts += 1
            low[parent] = min(low[parent], low[v])
            if closes:
                size = height - began[v]
                edges[n_edges : n_edges + size], of[n_edges : n_edges + size] = stack[began[v] : height], n_blocks
                n_edges, height, n_blocks = n_edges + size, began[v], n_blocks + 1
        if children > 1:
            cuts[n_cuts] = start
            n_cuts += 1
    return edges[:n_edges], of[:n_edges], cuts[:n_cuts]


@kept()
def _walk(at, post, v, parent, found, depth, time, height):
    """Follow the next edge of v: down to a new node, or back to one met before."""
    seen, low, path, began, stack = found
    e = at[v]
    w = post[e]
    at[v] += 1
    if w == parent or seen[w] > seen[v]:
        return depth, time, height
    if seen[w] >= 0:
        low[v] = min(low[v], seen[w])
    else:
        seen[w] = low[w] = time
        path[depth], began[w] = w, height
        depth, time = depth + 1, time + 1
    stack[height] = e
    return depth, time, height + 1
