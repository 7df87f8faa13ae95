"""The command line on a saved circuit."""

import circuitgraph as cg
from circuitgraph.__main__ import app

# --8<-- [start:code]
circuit = cg.Circuit().add("image", (1, 8, 8)).connect("image", "l1", cg.Conv(3), units=16, neuron=cg.ReLU())
cg.save(circuit.connect("l1", "out", cg.Dense(), units=10), "net.safetensors")
# --8<-- [end:code]
for line in (
    "prune net.safetensors --amount 0.5 -o half.safetensors",
    "report half.safetensors",
    "convert half.safetensors half.graphml",
):
    print(f"$ python -m circuitgraph {line}")
    app(line.split(), standalone_mode=False)
