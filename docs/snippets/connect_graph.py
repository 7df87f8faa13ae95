"""A circuit from a graph that exists: networkx, pandas or a matrix."""

# --8<-- [start:code]
import networkx as nx
import numpy as np
import pandas as pd

import circuitgraph as cg

worm = nx.DiGraph()
worm.add_edge("AVAL", "VA1", weight=3.0)
worm.add_edge("VA1", "AVAL", weight=-1.0)
circuit = cg.from_networkx(worm)
print(circuit)
assert nx.utils.graphs_equal(cg.to_networkx(circuit), worm)

table = pd.DataFrame({"pre": ["a", "b"], "post": ["b", "c"], "weight": [0.5, 2.0]})
assert cg.to_pandas(cg.from_pandas(table)).edges.equals(table)
assert cg.from_adjacency(np.array([[0, 2], [3, 0]])).n_slots == 2  # rows are pre, columns post
# --8<-- [end:code]
