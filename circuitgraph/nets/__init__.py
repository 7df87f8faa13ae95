"""Circuits of the literature in one call.  They are plain circuits: print, edit and save them like your own.

Read-outs are fitted outside (`train.fit_readout`), so that circuits end in their last layer or pool.  Where a builder
takes `rule`, `neuron` or the like, one value serves every layer, a sequence gives each layer its own; a rule of None
leaves weights to gradients.
"""

from circuitgraph.nets.convolution import ConvLayer, hebbian_cnn, lagani_cnn, miconi_cnn
from circuitgraph.nets.decorrelation import decorrelated
from circuitgraph.nets.energy import EnergyPath, energy_cnn, fit_energy_cnn
from circuitgraph.nets.flat import hebbnet, krotov, mlp
from circuitgraph.nets.opponent import on_off
from circuitgraph.nets.patches import patch_dictionary
from circuitgraph.nets.separable import depthwise_cnn, residual_cnn
from circuitgraph.nets.whitening import whitened, whitened_patches, whitening

__all__ = [
    "ConvLayer", "EnergyPath", "decorrelated", "depthwise_cnn", "energy_cnn", "fit_energy_cnn", "hebbian_cnn",
    "hebbnet", "krotov", "lagani_cnn", "miconi_cnn", "mlp", "on_off", "patch_dictionary", "residual_cnn", "whitened",
    "whitened_patches", "whitening",
]  # fmt: skip
