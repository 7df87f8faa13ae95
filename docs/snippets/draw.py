"""Pictures of a circuit and of what a network does, and a report."""

# --8<-- [start:code]
import circuitgraph as cg
from circuitgraph import pictures
from circuitgraph.structural import Fraction, Magnitude, Prune

circuit = cg.Circuit().add("image", (1, 8, 8)).connect("image", "l1", cg.Conv(3), units=16, neuron=cg.ReLU())
circuit = circuit.connect("l1", "out", cg.Dense(), units=10)
net = cg.compile(circuit)
images = cg.load_images("digits").test_images[:100]

pictures.diagram(net).figure.savefig("diagram.png")
print(pictures.receptive_fields(net, "l1").get_title())
print(pictures.receptive_fields(net, "out", [0, 1, 2]).get_title())
print(pictures.winners(net, images, "l1").get_title())
print(pictures.find_patches(net, images, "l1", [3], n=2)[0].tolist())  # image, row, column
for step in (100, 200, 300):
    net.log.step = step
    Prune(Magnitude(), Fraction(0.3))(net, reason="weak")
print([ax.get_ylabel() for ax in pictures.log(net)])
# --8<-- [end:code]
