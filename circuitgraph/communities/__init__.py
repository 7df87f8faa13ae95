"""Communities of directed, weighted, signed graphs: finding them, judging them, planting them.  No torch."""

from circuitgraph.communities.modular import MissingEngineError, leiden, louvain
from circuitgraph.communities.null import NullTest, null_test
from circuitgraph.communities.partition import Partition, order
from circuitgraph.communities.planted import attached_groups, block_model, lfr, planted
from circuitgraph.communities.quality import modularity, nmi, overlap
from circuitgraph.communities.spectral import spectral

__all__ = [
    "MissingEngineError", "NullTest", "Partition", "attached_groups", "block_model", "leiden", "lfr", "louvain",
    "modularity", "nmi", "null_test", "order", "overlap", "planted", "spectral",
]  # fmt: skip
