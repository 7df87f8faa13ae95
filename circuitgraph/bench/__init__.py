"""Benchmarks on real data: `python -m circuitgraph.bench`."""
