"""What populations do with their inputs."""

from circuitgraph.neurons.competitive import BatchNorm, KWinners, Softmax, Triangle, softmax_units
from circuitgraph.neurons.homeostatic import Homeostatic
from circuitgraph.neurons.neuron import Neuron
from circuitgraph.neurons.pointwise import Divide, Exponential, Linear, ReLU

__all__ = [
    "BatchNorm", "Divide", "Exponential", "Homeostatic", "KWinners", "Linear", "Neuron", "ReLU", "Softmax",
    "Triangle", "softmax_units",
]  # fmt: skip
