"""Real wiring: the worm, an edge list as the fly's are published, files of other tools."""

# --8<-- [start:worm]
from pathlib import Path

import torch

import circuitgraph as cg

worm = cg.data.celegans("cook-2019", neurons_only=True)
print(worm)
# --8<-- [end:worm]

# --8<-- [start:train]
circuit = cg.from_connectome(
    worm, inputs={"type": "sensory"}, outputs={"type": "motor"}, n_inputs=64, n_outputs=10, neuron=cg.ReLU(), dale=True
)
net = cg.compile(circuit)
y, state = net.run(torch.rand(5, 8, 64))  # 5 time steps, 8 samples
print(tuple(y.shape), [(p.name, p.sign) for p in circuit.projections if p.pre == p.post])
# --8<-- [end:train]

# --8<-- [start:fly]
Path("connections.csv").write_text(  # as FlyWire's Codex gives it: a row for each pair and neuropil
    "pre_root_id,post_root_id,neuropil,syn_count,nt_type\n"
    "720575940620000001,720575940620000002,AL_L,5,GABA\n"
    "720575940620000001,720575940620000002,MB_CA_R,6,GABA\n"
    "720575940620000002,720575940620000001,AL_L,7,ACH\n"
)
fly = cg.data.connectome("connections.csv", merge="sum")
print(fly.projections[0].weight, fly.population("neurons").attributes["transmitter"])
# --8<-- [end:fly]

# --8<-- [start:files]
print(cg.write(fly, "fly.graphml"), cg.read("fly.graphml") == fly)
try:
    cg.write(fly, "fly.csv")
except cg.errors.CircuitGraphError as error:
    print(error)
lost = cg.write(fly, "fly.csv", lossy=True)  # written all the same; what was lost is listed
# --8<-- [end:files]
