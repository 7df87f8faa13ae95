"""CircuitGraph: neural circuits as one synapse graph.

Public names load on first use, so that `import circuitgraph` stays light: structure needs numpy only,
torch is imported when a neuron, a rule, a kernel or `compile` is first named.
"""

import importlib
import os
import sys
from typing import Any

__version__ = "0.1.0"


def _refuse_namesake() -> None:
    """Raise ImportError where an unrelated package of our import name has written into the same folder."""
    # Reading names of folders takes under a millisecond; importlib.metadata would add 30 ms to every import.
    if not any(map(_may_be_namesake, sys.path)):
        return
    from importlib import metadata

    try:
        metadata.distribution("circuitgraph")
    except metadata.PackageNotFoundError:
        return
    mend = "pip uninstall circuitgraph, then pip install --force-reinstall circuitgraph-nn"
    raise ImportError(
        "circuitgraph: the unrelated package 'circuitgraph' is installed, shares our import name and overwrites files "
        f"(got 'circuitgraph', expected 'circuitgraph-nn' only); {mend}"
    )


def _may_be_namesake(folder: str) -> bool:
    try:
        names = os.listdir(folder or ".")
    except OSError:
        return False
    near = (n for n in names if n.lower().startswith(("circuitgraph-", "circuitgraph.")))
    return any(n.endswith((".dist-info", ".egg-info")) for n in near)


_refuse_namesake()

_HOMES = {
    "circuitgraph.ir": "ABSENT Circuit Population Projection Remap Slots Synapses Topology normal uniform",
    "circuitgraph.topologies": (
        "Conv Dense ErdosRenyi Explicit Gather GraphConv GraphEdges Lateral OneToOne Pool Pruned SmallWorld Spread "
        "difference_of_gaussians tile_order"
    ),
    "circuitgraph.views": (
        "balance_of describe diff from_adjacency from_connectome from_networkx from_pandas read read_graphml "
        "read_node_link to_adjacency to_networkx to_pandas write write_graphml write_node_link"
    ),
    "circuitgraph.views.controls": "rewired",
    "circuitgraph.pictures": "report",
    "circuitgraph.exchange": (
        "Report from_nir from_pretrained from_pyg from_torch save_pretrained to_nir to_onnx to_pyg to_torch"
    ),
    "circuitgraph.io": "load save",
    "circuitgraph.edits": (
        "AddSlots CentreSurround Dale Edit Grow Inhibit LateralInhibition Merge RemoveSlots RemoveUnits Rewire "
        "SheetInhibition Split Tidy Together"
    ),
    "circuitgraph.kernels": "Kernel tune_allocator",
    "circuitgraph.neurons": (
        "GRU IF LI LIF LSTM Activation BatchNorm Bias Chain CubaLIF Divide Exponential HodgkinHuxley Homeostatic "
        "KWinners Linear NearestWinners Neuron Normalize ReLU RePU ScaledBatchNorm Softmax Square Triangle"
    ),
    "circuitgraph.rules": (
        "BCM AdaptiveWinners AntiHebb Covariance HardWTA Hebb HomeostaticWinners Instar KrotovHopfield Oja Rule Sanger "
        "SoftHebb StrongestWinners Subspace TemporalWinners Term Whitening Winners"
    ),
    "circuitgraph.compiler": "Log Network Plan State carry compile replay",
    "circuitgraph.structural": "Newborns Prune Trainer",
    "circuitgraph.data": "ImageSet load_images",
    "circuitgraph.nets": (
        "ConvLayer depthwise_cnn hebbian_cnn hebbnet krotov lagani_cnn miconi_cnn mlp patch_dictionary residual_cnn "
        "whitened whitened_patches whitening"
    ),
}
_ALIASES = {"prune": "structural.torch_names"}
_MODULES = {
    "communities", "data", "errors", "exchange", "graphs", "io", "ir", "nets", "pictures", "registry", "structural",
    "testing", "train", "views",
}  # fmt: skip
_HOME = {name: home for home, names in _HOMES.items() for name in names.split()}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name in _MODULES or name in _ALIASES:
        return importlib.import_module(f"circuitgraph.{_ALIASES.get(name, name)}")
    if name not in _HOME:
        raise AttributeError(f"module 'circuitgraph' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*globals(), *__all__]
