"""From structure to a module: the plan, the referee, kernels by name."""

# --8<-- [start:code]
import torch

import circuitgraph as cg

circuit = (
    cg.Circuit()
    .add("image", (3, 16, 16))
    .connect("image", "v1", cg.Conv(3, padding=1), units=8, neuron=cg.ReLU())
    .connect("v1", "pool", cg.Pool(2))
)
net = cg.compile(circuit)
x = torch.rand(2, 3, 16, 16)
torch.testing.assert_close(net(x), cg.compile(circuit, exact=True)(x))
torch.testing.assert_close(net(x), cg.compile(circuit, kernels={"image->v1": "reference"})(x))
half = cg.compile(circuit, activity_dtype=torch.bfloat16)  # activity narrow, weights and sums float32
print(half(x).dtype, half.weights["image->v1"].dtype)

assert cg.compile(net.snapshot()).circuit == net.snapshot()  # there and back
print(list(net.state_dict()))
# --8<-- [end:code]
