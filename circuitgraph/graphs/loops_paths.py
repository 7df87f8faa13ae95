"""Compiled searches: breadth first, from both ends, and Dijkstra's, in networkx's order."""

import numpy as np

from circuitgraph.machine_code import kept


@kept(nogil=True)
def breadth_first(begins, post, sources, limit):
    """List the nodes reached in order, with the entry that led to each (-1 for sources) and its distance."""
    n = len(begins) - 1
    level, via, order = np.full(n, -1), np.full(n, -1), np.empty(n, np.int64)
    count = 0
    for s in sources:
        if level[s] < 0:
            level[s] = 0
            order[count] = s
            count += 1
    head = 0
    while head < count and count < n:
        v = order[head]
        head += 1
        if level[v] >= limit:
            break
        for e in range(begins[v], begins[v + 1]):
            w = post[e]
            if level[w] < 0:
                level[w] = level[v] + 1
                via[w] = e
                order[count] = w
                count += 1
    return order[:count], via, level


@kept(nogil=True)
def depth_first(begins, post, sources, limit):
    """List the nodes reached in preorder and in postorder, with the entry that led to each (-1 for roots)."""
    n = len(begins) - 1
    via, seen = np.full(n, -1), np.zeros(n, np.bool_)
    before, after, path = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.int64)
    at = begins[:-1].copy()
    count = done = 0
    for s in sources:
        if seen[s]:
            continue
        seen[s], before[count], path[0], depth = True, s, s, 1
        count += 1
        while depth:
            v = path[depth - 1]
            if at[v] < begins[v + 1]:
                e = at[v]
                w = post[e]
                at[v] += 1
                if not seen[w]:
                    seen[w], via[w], before[count] = True, e, w
                    count += 1
                    if depth < limit:
                        path[depth] = w
                        depth += 1
            else:
                depth -= 1
                after[done] = v
                done += 1
    return before[:count], after[:done], via


@kept(nogil=True)
def meet(begins, post, back_begins, back_post, source, target):
    """Search from both ends by turns; give where they met (-1 if not) and the node before and after each."""
    n = len(begins) - 1
    before, after = np.full(n, -2), np.full(n, -2)
    before[source], after[target] = -1, -1
    if source == target:
        return source, before, after
    there, back = np.empty(n, np.int64), np.empty(n, np.int64)
    there[0], back[0] = source, target
    low, high, left, right = 0, 1, 0, 1
    while low < high and left < right:
        if high - low <= right - left:
            met, low, high = _advance(begins, post, there, low, high, before, after)
        else:
            met, left, right = _advance(back_begins, back_post, back, left, right, after, before)
        if met >= 0:
            return met, before, after
    return -1, before, after


@kept()
def _advance(begins, post, fringe, low, high, mine, other):
    """Go one level on from fringe[low:high]; give the first node that the other side has met, and the next level."""
    end = high
    for k in range(low, end):
        v = fringe[k]
        for e in range(begins[v], begins[v + 1]):
            w = post[e]
            if mine[w] == -2:
                mine[w], fringe[high] = v, w
                high += 1
            if other[w] != -2:
                return w, end, high
    return -1, end, high


@kept()
def push(near, turn, node, size, d, count, v):
    """Put a node on the heap, which is ordered by distance, then by turn."""
    k = size
    while k > 0:
        up = (k - 1) >> 1
        if near[up] < d or (near[up] == d and turn[up] < count):
            break
        near[k], turn[k], node[k] = near[up], turn[up], node[up]
        k = up
    near[k], turn[k], node[k] = d, count, v


@kept()
def sink(near, turn, node, size):
    """Take the first from the heap, whose size is one less now, by putting the last in its place."""
    d, count, v = near[size], turn[size], node[size]
    k = 0
    while True:
        down = 2 * k + 1
        if down >= size:
            break
        other = down + 1
        if other < size and (near[other] < near[down] or (near[other] == near[down] and turn[other] < turn[down])):
            down = other
        if d < near[down] or (d == near[down] and count < turn[down]):
            break
        near[k], turn[k], node[k] = near[down], turn[down], node[down]
        k = down
    near[k], turn[k], node[k] = d, count, v


@kept(nogil=True)
def dijkstra(begins, post, weight, sources, target, cutoff):
    """List the nodes in the order in which they are settled, with the entry that led to each, and their distances.

    The last number tells whether a way of negative length was found.
    """
    n = len(begins) - 1
    seen, done, via = np.full(n, np.inf), np.zeros(n, np.bool_), np.full(n, -1)
    room = len(post) + len(sources) + 1
    near, turn, node = np.empty(room), np.empty(room, np.int64), np.empty(room, np.int64)
    order, settled = np.empty(n, np.int64), np.full(n, np.inf)
    met = np.zeros(n, np.bool_)
    size = count = reached = 0
    for s in sources:
        seen[s], met[s] = 0.0, True
        push(near, turn, node, size, 0.0, count, s)
        size += 1
        count += 1
    while size:
        d, v = near[0], node[0]
        size -= 1
        sink(near, turn, node, size)
        if done[v]:
            continue
        done[v], settled[v], order[reached] = True, d, v
        reached += 1
        if v == target:
            break
        for e in range(begins[v], begins[v + 1]):
            u, there = post[e], d + weight[e]
            if there > cutoff:
                continue
            if done[u]:
                if there < settled[u]:
                    return order[:reached], via, settled, True
            elif not met[u] or there < seen[u]:
                seen[u], met[u], via[u] = there, True, e
                push(near, turn, node, size, there, count, u)
                size += 1
                count += 1
    return order[:reached], via, settled, False


@kept(nogil=True)
def sweep(begins, post, sources):
    """Give, for every source: the nodes reached, the sum of distances, the largest, the sum of inverses."""
    n = len(begins) - 1
    found = np.zeros((len(sources), 4))
    level, order = np.full(n, -1), np.empty(n, np.int64)
    for k in range(len(sources)):
        s = sources[k]
        level[s], order[0], count, head, total, inverse = 0, s, 1, 0, 0, 0.0
        while head < count:
            v = order[head]
            head += 1
            for e in range(begins[v], begins[v + 1]):
                w = post[e]
                if level[w] < 0:
                    level[w] = level[v] + 1
                    order[count] = w
                    count += 1
                    total += level[w]
                    inverse += 1.0 / level[w]
        found[k, 0], found[k, 1], found[k, 3] = count, total, inverse
        found[k, 2] = level[order[count - 1]]
        for v in order[:count]:
            level[v] = -1
    return found
