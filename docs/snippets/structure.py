"""Structure that changes while it learns: prune, grow, rewire, look back."""

# --8<-- [start:prune]
import torch

import circuitgraph as cg
from circuitgraph.structural import Cubic, Fraction, Magnitude, Once, Prune, ToDensity, Trainer

circuit = cg.Circuit().add("x", 20).connect("x", "h", cg.Dense(), units=30, neuron=cg.ReLU(), rng=1)
net = cg.compile(circuit.connect("h", "y", cg.Dense(), units=3, rng=1))

Prune(Magnitude(), Fraction(0.5), projections=("x->h",))(net)
cg.prune.l1_unstructured(net, "x->h", amount=100)  # torch.nn.utils.prune's names; here slots really go
print(net.circuit.projection("x->h").n_slots, "slots are left of", 20 * 30)
# --8<-- [end:prune]

# --8<-- [start:grow]
rng = torch.Generator().manual_seed(0)
x = torch.rand(8, 20, generator=rng)
optimizer = torch.optim.AdamW(net.parameters(), 0.01)
net(x).square().sum().backward()
optimizer.step()

before = net(x).detach()
remap = net.edit(cg.Grow("h", 10, seed=3), reason="more room")
cg.carry(optimizer, remap)  # moments follow the slots, whatever optimiser it is
print(net.circuit.population("h").n_units, "units; outputs moved by", (net(x) - before).abs().max().item())
# --8<-- [end:grow]

# --8<-- [start:loop]
xs = torch.randn(100, 16, 20, generator=rng)
batches = [(x, x[:, :3].argmax(1)) for x in xs]

trainer = Trainer(
    net,
    optimizer,
    torch.nn.functional.cross_entropy,
    actions=[
        (Once(20), cg.Grow("h", 6)),
        (Cubic(30, 90, 20, final=0.2), Prune(Magnitude(), ToDensity(1.0))),
        (Once(95), cg.Tidy()),
    ],
)
rows = trainer.fit(batches)
print(f"loss {rows[0]['loss']:.2f} to {rows[-1]['loss']:.2f}, {net.circuit.summary()}")
# --8<-- [end:loop]

# --8<-- [start:log]
table = net.log.to_pandas()
print(table[table.what == "slots"][["step", "kind", "name", "n_born", "n_removed"]].tail(4).to_string(index=False))
net.undo()
print(net.circuit.population("h").n_units, "units again")
# --8<-- [end:log]
