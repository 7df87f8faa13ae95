"""Hebbian body, gradient read-out, in one training step."""

# --8<-- [start:code]
import torch
import torch.nn.functional as F

import circuitgraph as cg

circuit = (
    cg.Circuit()
    .add("x", 64)
    .connect("x", "h", cg.Dense(), units=32, neuron=cg.Triangle(), rule=cg.SoftHebb(0.01))
    .connect("h", "y", cg.Dense(), units=10)
)
net = cg.compile(circuit)
optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
x, labels = torch.rand(20, 64), torch.randint(10, (20,))

state = net.step(x)  # 1. forward
loss = F.cross_entropy(state["y"], labels)
optimizer.zero_grad()
loss.backward()  # 2. backward: reaches h->y, for x->h has a rule
optimizer.step()  # 3. the optimiser
net.learn(state)  # 4. the rules, last
# --8<-- [end:code]
assert net.weights["x->h"].grad is None
assert net.weights["h->y"].grad is not None

# --8<-- [start:both]
net.weights["x->h"].requires_grad_(True)  # now gradient and rule change the same weights
state = net.step(x)
F.cross_entropy(state["y"], labels).backward()
optimizer.step()
net.learn(state, only=["x->h"], scale=0.1)  # a tenth of the rule's own rate
# --8<-- [end:both]
assert net.weights["x->h"].grad is not None
