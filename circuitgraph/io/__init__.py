"""Circuits and edits in files: one safetensors file each, no code in it."""

from circuitgraph.io.file import load, save
from circuitgraph.io.history import load_edits, save_edits

__all__ = ["load", "load_edits", "save", "save_edits"]
