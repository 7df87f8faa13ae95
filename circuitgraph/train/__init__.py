"""Training loops: unsupervised passes, cached features, a linear read-out, and end-to-end gradient training."""

from circuitgraph.train.features import View, compress, extract, extract_views, standardize
from circuitgraph.train.gradient import accuracy, fit_end_to_end
from circuitgraph.train.layers import layer_by_layer, layer_outputs, learning_layers, passes_of, pool_outputs
from circuitgraph.train.loop import Report, as_activity, batches, silent
from circuitgraph.train.readout import Dropout, Readout, ReadoutSettings, fit_readout
from circuitgraph.train.unsupervised import settle_memory, unsupervised_pass

__all__ = [
    "Dropout", "Readout", "ReadoutSettings", "Report", "View", "accuracy", "as_activity", "batches", "compress",
    "extract", "extract_views", "fit_end_to_end", "fit_readout", "layer_by_layer", "layer_outputs", "learning_layers",
    "passes_of", "pool_outputs", "settle_memory", "silent", "standardize", "unsupervised_pass",
]  # fmt: skip
