"""Circuits in files: one safetensors file each, no code in it."""

from circuitgraph.io.file import load, save

__all__ = ["load", "save"]
