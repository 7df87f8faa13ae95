"""Layers without time: an MLP, a convolutional network, a depthwise separable convolution."""

# --8<-- [start:mlp]
import circuitgraph as cg

mlp = (
    cg.Circuit()
    .add("x", 784)
    .connect("x", "h", cg.Dense(), units=100, neuron=cg.ReLU())
    .connect("h", "y", cg.Dense(), units=10)
)
print(mlp.summary())
# --8<-- [end:mlp]

# --8<-- [start:conv]
conv = (
    cg.Circuit()
    .add("image", (3, 32, 32))
    .connect("image", "v1", cg.Conv(5, padding=2), units=96, neuron=cg.ReLU())
    .connect("v1", "pool", cg.Pool(2))
    .connect("pool", "label", cg.Dense(), units=10)
)
print(conv.summary())
# --8<-- [end:conv]

# --8<-- [start:depthwise]
separable = (
    cg.Circuit()
    .add("image", (16, 32, 32))
    .connect("image", "space", cg.Conv(3, padding=1, groups=16))
    .connect("space", "mixed", cg.Conv(1), units=32, neuron=cg.ReLU())
)
print(separable.projection("image->space").n_slots, separable.projection("space->mixed").n_slots)
# --8<-- [end:depthwise]
