"""What populations do with their inputs."""

from circuitgraph.neurons.activation import Activation
from circuitgraph.neurons.bias import Bias, Chain, ScaledBatchNorm
from circuitgraph.neurons.competitive import BatchNorm, KWinners, Softmax, Triangle, softmax_units
from circuitgraph.neurons.gated import HodgkinHuxley
from circuitgraph.neurons.homeostatic import Homeostatic
from circuitgraph.neurons.nearest import NearestWinners
from circuitgraph.neurons.neuron import Neuron
from circuitgraph.neurons.normalize import Normalize
from circuitgraph.neurons.pointwise import Divide, Exponential, Linear, ReLU
from circuitgraph.neurons.recurrent import GRU, LSTM
from circuitgraph.neurons.repu import RePU, Square
from circuitgraph.neurons.spiking import IF, LI, LIF, CubaLIF

__all__ = [
    "GRU", "IF", "LI", "LIF", "LSTM", "Activation", "BatchNorm", "Bias", "Chain", "CubaLIF", "Divide",
    "Exponential", "HodgkinHuxley", "Homeostatic", "KWinners", "Linear", "NearestWinners", "Neuron", "Normalize",
    "ReLU", "RePU", "ScaledBatchNorm", "Softmax", "Square", "Triangle", "softmax_units",
]  # fmt: skip
