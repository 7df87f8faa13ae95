"""Compiled passes over all shortest paths (Brandes, 2001)."""

import numpy as np

from circuitgraph.graphs.loops_paths import push, sink
from circuitgraph.machine_code import kept


@kept(nogil=True)
def dependencies(begins, post, sources, ends, per_edge):
    """Sum the shares of shortest paths from sources over nodes, or over entries; with ends those of both ends, too."""
    n = len(begins) - 1
    nodes, edges = np.zeros(n), np.zeros(len(post) if per_edge else 0)
    level, order = np.full(n, -1), np.empty(n, np.int64)
    ways, share = np.zeros(n), np.zeros(n)
    for s in sources:
        count = _reach(begins, post, s, level, order, ways)
        for k in range(count - 1, -1, -1):
            v = order[k]
            for e in range(begins[v], begins[v + 1]):
                w = post[e]
                if level[w] == level[v] + 1:
                    part = ways[v] * (1 + share[w]) / ways[w]
                    share[v] += part
                    if per_edge:
                        edges[e] += part
            if v != s:
                nodes[v] += share[v] + ends
        nodes[s] += ends * (count - 1)
        for v in order[:count]:
            level[v], ways[v], share[v] = -1, 0.0, 0.0
    return nodes, edges


@kept()
def _reach(begins, post, s, level, order, ways):
    """Search breadth first, and count the shortest ways to every node."""
    level[s], ways[s], order[0], count, head = 0, 1.0, s, 1, 0
    while head < count:
        v = order[head]
        head += 1
        for e in range(begins[v], begins[v + 1]):
            w = post[e]
            if level[w] < 0:
                level[w] = level[v] + 1
                order[count] = w
                count += 1
            if level[w] == level[v] + 1:
                ways[w] += ways[v]
    return count


@kept(nogil=True)
def weighted_dependencies(begins, post, weight, pre, back_begins, sources, ends, per_edge):
    """Do the same for paths of least weight; ties are ties of sums of floats, as networkx takes them."""
    n = len(begins) - 1
    nodes, edges = np.zeros(n), np.zeros(len(post) if per_edge else 0)
    order, ways, share = np.empty(n, np.int64), np.zeros(n), np.zeros(n)
    seen, done, entry, many = np.zeros(n), np.zeros(n, np.bool_), np.empty(len(post), np.int64), np.zeros(n, np.int64)
    room = len(post) + 2
    heap = np.empty(room), np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room, np.int64)
    for s in sources:
        seen[:], done[:], many[:], ways[:], share[:] = np.nan, False, 0, 0.0, 0.0
        reached = _weigh(begins, post, weight, back_begins, s, heap, (order, ways, seen, done, entry, many))
        for k in range(reached - 1, -1, -1):
            w = order[k]
            each_way = (1 + share[w]) / ways[w]  # read once: a loop of weight 0 leads from w to w
            for j in range(back_begins[w], back_begins[w] + many[w]):
                v = pre[entry[j]]
                part = ways[v] * each_way
                share[v] += part
                if per_edge:
                    edges[entry[j]] += part
            if w != s:
                nodes[w] += share[w] + ends
        nodes[s] += ends * (reached - 1)
    return nodes, edges


@kept()
def _weigh(begins, post, weight, back_begins, s, heap, found):
    """Search by weight, count the ways of least weight to every node, and list the entries they end with."""
    near, turn, node, led = heap
    order, ways, seen, done, entry, many = found
    ways[s], seen[s], size, count, reached = 1.0, 0.0, 1, 1, 0
    near[0], turn[0], node[0], led[0] = 0.0, 0, s, s
    while size:
        d, v, first = near[0], node[0], led[turn[0]]
        size -= 1
        sink(near, turn, node, size)
        if done[v]:
            continue
        ways[v] += ways[first]
        order[reached], done[v] = v, True
        reached += 1
        for e in range(begins[v], begins[v + 1]):
            w, there = post[e], d + weight[e]
            if not done[w] and not there >= seen[w]:  # NaN: not met yet
                seen[w], ways[w], many[w], entry[back_begins[w]] = there, 0.0, 1, e
                push(near, turn, node, size, there, count, w)
                led[count] = v
                size += 1
                count += 1
            elif there == seen[w]:
                ways[w] += ways[v]
                entry[back_begins[w] + many[w]] = e
                many[w] += 1
    return reached
