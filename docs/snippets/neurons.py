"""Neurons with parameters of their own, neurons that spike, and gates that open with voltage."""

# --8<-- [start:bias]
import torch

import circuitgraph as cg

circuit = cg.Circuit().add("x", 3).connect("x", "h", cg.Dense(), units=4, neuron=cg.Chain((cg.Bias(), cg.ReLU())))
net = cg.compile(circuit.connect("h", "y", cg.Dense(), units=2, neuron=cg.Bias()))
print({name: tuple(p.shape) for name, p in net.named_parameters()})
net.edit(cg.RemoveUnits("h", [0]))  # its bias goes with it
print({name: tuple(p.shape) for name, p in net.named_parameters()})
# --8<-- [end:bias]

# --8<-- [start:spikes]
circuit = cg.Circuit().add("x", 1).connect("x", "cell", cg.OneToOne(), neuron=cg.LIF(dt_ms=5.0), weight=2.0)
spikes, state = cg.compile(circuit).run(torch.ones(20, 1, 1))  # 20 steps of 5 ms
print("".join("|" if spike else "." for spike in spikes.flatten()), "membrane at", round(state["cell", "v"].item(), 2))
# --8<-- [end:spikes]

# --8<-- [start:gates]
gate = cg.HodgkinHuxley(gain_mv=20.0, time_ms=0.5)
circuit = cg.Circuit().add("x", 5).connect("x", "gated", cg.OneToOne(), neuron=gate, weight=1.0, fixed=True)
passed = cg.compile(circuit)(torch.tensor([[-1.0, 0.0, 0.5, 1.0, 2.0]]))
print([round(y, 3) for y in passed[0].tolist()])
# --8<-- [end:gates]
