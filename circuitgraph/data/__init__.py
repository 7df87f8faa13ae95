"""Labelled images: the publishers' files, read only after their checksums match, and one embedded set."""

from circuitgraph.data.digits import embedded
from circuitgraph.data.imageset import ImageSet
from circuitgraph.data.load import DataFallbackWarning, fetch_images, load_images, names

__all__ = ["DataFallbackWarning", "ImageSet", "embedded", "fetch_images", "load_images", "names"]
