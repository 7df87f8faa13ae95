"""Huge random wiring whose pairs are listed in tiles."""

# --8<-- [start:code]
import numpy as np

import circuitgraph as cg
from circuitgraph.topologies import tile_order

rng, n = np.random.default_rng(0), 1 << 17
key = np.sort(rng.integers(0, n * n, 8 * n))
key = key[np.diff(key, prepend=-1) > 0]  # no pair twice
pre, post = key % n, key // n
order = tile_order(pre, post)
circuit = cg.Circuit().add("x", n).add("y", n)
circuit = circuit.connect("x", "y", cg.Explicit(pre[order], post[order]), rule=cg.Oja(1e-6))
print(cg.compile(circuit, batch=1).plan.kernels["x->y"])
# --8<-- [end:code]
