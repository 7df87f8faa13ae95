"""networkx's own functions on a circuit, and on a network that learns."""

# --8<-- [start:ask]
import networkx as nx

import circuitgraph as cg

worm = cg.data.celegans("white-1986", neurons_only=True)
rank = nx.pagerank(worm)
best = max(rank, key=rank.get)
print(best, worm.nodes[best]["label"], "hears", worm.in_degree(best), "neurons")
largest = max(nx.strongly_connected_components(worm), key=len)
print(len(largest), "neurons reach each other by at most", nx.diameter(worm.subgraph(largest)), "synapses")
print(nx.edge_connectivity(worm, ("neurons", 0), best), "ways there share no synapse")  # not native: networkx runs it
# --8<-- [end:ask]

# --8<-- [start:level]
print(worm.graph(directed=False))  # both directions are added up
print(worm.graph("population").edges["neurons", "neurons"]["weight"], "synapses in all")
# --8<-- [end:level]

# --8<-- [start:live]
circuit = cg.Circuit().add("x", 3).connect("x", "y", cg.Dense(), units=2, weight=[1.0, 1.0, 1.0, 1.0, 1.0, 1.0])
net = cg.compile(circuit)
print(round(nx.pagerank(net)["y", 0], 3))
net.weights["x->y"].data[:3] = 9.0  # what the optimiser or a rule does
print(round(nx.pagerank(net)["y", 0], 3))
# --8<-- [end:live]
