"""Communities of a circuit, and pruning that knows of them."""

# --8<-- [start:code]
import numpy as np

import circuitgraph as cg
from circuitgraph.communities import nmi, spectral
from circuitgraph.structural import Community, Prune, Threshold

rng = np.random.default_rng(0)
group = np.repeat([0, 1, 2], 40)
near = group[:, None] == group
wired = rng.random((120, 120)) < np.where(near, 0.30, 0.03)
circuit = cg.from_adjacency(wired * rng.random((120, 120)))

found = spectral(cg.to_adjacency(circuit))
print(found.n_communities, "communities of", found.counts.tolist(), "units, modularity", round(found.modularity, 2))

cut = Prune(Community.of(circuit, found), Threshold(1.0))  # what runs between them
smaller, _ = cut.apply(circuit)
print(circuit.n_slots, "slots before,", smaller.n_slots, "after; found as planted:", nmi(found.labels, group) == 1)
# --8<-- [end:code]
