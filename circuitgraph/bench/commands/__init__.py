"""Commands of `python -m circuitgraph.bench` other than running a recipe."""
