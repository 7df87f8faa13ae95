"""Compiled topological order."""

import numpy as np

from circuitgraph.machine_code import kept


@kept(nogil=True)
def peel(begins, post, left):
    """Take away nodes without edges in, generation by generation; give them and where each generation ends."""
    n = len(left)
    order, ends = np.empty(n, np.int64), np.empty(n, np.int64)
    count = head = n_ends = 0
    for v in range(n):
        if left[v] == 0:
            order[count] = v
            count += 1
    while head < count:
        last = count
        while head < last:
            v = order[head]
            head += 1
            for e in range(begins[v], begins[v + 1]):
                left[post[e]] -= 1
                if left[post[e]] == 0:
                    order[count] = post[e]
                    count += 1
        ends[n_ends] = last
        n_ends += 1
    return order[:count], ends[:n_ends]
