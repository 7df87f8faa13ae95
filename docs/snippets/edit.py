"""Structure changes; what survives keeps its weight, its order and its id."""

# --8<-- [start:pure]
import numpy as np
import torch

import circuitgraph as cg

circuit = cg.Circuit().add("x", 20).connect("x", "h", cg.Dense(), units=10, rule=cg.Oja(0.01))
weakest = np.argsort(np.abs(circuit.projection("x->h").weight))[:150]
smaller, remap = cg.RemoveSlots("x->h", weakest).apply(circuit)
kept = smaller.projection("x->h")
print(circuit.n_slots, smaller.n_slots, kept.topology)
assert np.array_equal(kept.weight, circuit.projection("x->h").weight[remap.slots["x->h"]])
# --8<-- [end:pure]

# --8<-- [start:live]
net = cg.compile(circuit)
before = net.weights["x->h"].detach().clone()
remap = net.edit(cg.RemoveSlots("x->h", weakest))
index = torch.from_numpy(remap.slots["x->h"].copy())
assert torch.equal(net.weights["x->h"], before[index])  # the same index carries anything aligned with slots
state = net.step(torch.rand(8, 20))  # a State from before the edit would be refused
net.learn(state)
print(net.plan)
# --8<-- [end:live]
