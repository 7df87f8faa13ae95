"""The compiled moves of the Louvain method, with networkx's order of additions, so that ties fall as its do."""

import numpy as np

from circuitgraph.machine_code import kept


@kept(nogil=True)
def settle(begins, post, weight, out, into, order, m, m2, resolution, directed):
    """Move nodes to the community that gains most, until none moves; the label of a community is one of its first."""
    n = len(out)
    label, link, near = np.arange(n), np.zeros(n), np.empty(n + 1, np.int64)
    known = np.zeros(n, np.bool_)
    total_out, total_in = out.copy(), into.copy()
    moved = True
    while moved:
        moved = False
        for u in order:
            own = label[u]
            count = _links(begins, post, weight, label, u, link, near, known)
            total_out[own] -= out[u]
            total_in[own] -= into[u]
            strengths = out[u], into[u], total_out, total_in
            cost = -link[own] / m + _expected(strengths, own, m2, resolution, directed)
            best, most = own, 0.0
            for c in near[:count]:
                gain = cost + link[c] / m - _expected(strengths, c, m2, resolution, directed)
                if gain > most:
                    best, most = c, gain
                known[c] = False
            total_out[best] += out[u]
            total_in[best] += into[u]
            if best != own:
                label[u], moved = best, True
    return label


@kept()
def _links(begins, post, weight, label, u, link, near, known):
    """Sum a node's edges by community, list the communities as they are met, its own in any case, and count them."""
    count = 0
    for e in range(begins[u], begins[u + 1]):
        c = label[post[e]]
        if not known[c]:
            known[c], near[count], link[c] = True, c, 0.0
            count += 1
        link[c] += weight[e]
    own = label[u]
    if not known[own]:
        known[own], near[count], link[own] = True, own, 0.0
        count += 1
    return count


@kept()
def _expected(strengths, c, m2, resolution, directed):
    out, into, total_out, total_in = strengths
    if directed:
        return resolution * (out * total_in[c] + into * total_out[c]) / m2
    return resolution * (total_out[c] * out) / (2 * m2)
