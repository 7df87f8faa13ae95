"""Labelled images and real circuits.  Publishers' files are read only after their checksums match.

Circuits load without torch, which is imported when an image set is first named.
"""

from typing import TYPE_CHECKING, Any

from circuitgraph.data.celegans import celegans
from circuitgraph.data.connectome import connectome

if TYPE_CHECKING:
    from circuitgraph.data.digits import embedded
    from circuitgraph.data.imageset import ImageSet
    from circuitgraph.data.load import DataFallbackWarning, fetch_images, load_images, names

__all__ = [
    "DataFallbackWarning", "ImageSet", "celegans", "connectome", "embedded", "fetch_images", "load_images", "names",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'circuitgraph.data' has no attribute {name!r}")
    from circuitgraph.data import digits, imageset, load

    home = {"embedded": digits, "ImageSet": imageset}.get(name, load)
    return getattr(home, name)
