"""Digits from first line to graph: build, compile, train, read out, save, look."""

# --8<-- [start:build]
import networkx as nx
import torch

import circuitgraph as cg
from circuitgraph import train

circuit = (
    cg.Circuit()
    .add("image", (1, 8, 8), cg.BatchNorm())
    .connect(
        "image", "v1", cg.Conv(3, padding=1, mode="reflect"), units=64,
        neuron=cg.Triangle(), rule=cg.SoftHebb(0.05), rng=0,
    )
    .connect("v1", "pool", cg.Pool(2))
)  # fmt: skip
print(circuit)
# --8<-- [end:build]

# --8<-- [start:compile]
net = cg.compile(circuit)
print(net.plan)
# --8<-- [end:compile]

# --8<-- [start:train]
data = cg.load_images("digits")
print(data)
rng = torch.Generator().manual_seed(0)
before = net.weights["image->v1"].detach().clone().view(64, -1)  # a row for each unit
train.unsupervised_pass(net, data.images, batch_size=10, passes=2, rng=rng)
after = net.weights["image->v1"].detach().view(64, -1)
turned = torch.cosine_similarity(before, after).mean().item()
print("mean cosine between a unit's weights before and after:", round(turned, 2))
# --8<-- [end:train]
assert turned < 0.8, "the weights did not turn"

# --8<-- [start:readout]
training, validation = data.split(200, rng=0)
features = train.extract(net, data.images)
readout, _ = train.fit_readout(
    features[training], data.labels[training], data.n_classes, train.ReadoutSettings(epochs=20, batch_size=64), rng=rng
)
percent = readout.accuracy(features[validation], data.labels[validation])
print("validation accuracy:", percent, "%")
# --8<-- [end:readout]
assert percent > 80

# --8<-- [start:save]
trained = net.snapshot()
cg.save(trained, "digits.safetensors")
assert cg.load("digits.safetensors") == trained
# --8<-- [end:save]

# --8<-- [start:networkx]
whole = cg.to_networkx(trained, "population")
print(list(nx.topological_sort(whole)))

units = cg.to_networkx(trained)
print(units)
print(units.edges[("image", 0), ("v1", 0)])
# --8<-- [end:networkx]

# --8<-- [start:pandas]
nodes, edges = cg.to_pandas(trained)
print(edges.groupby("projection")[["n_slots", "n_synapses"]].sum())
# --8<-- [end:pandas]
