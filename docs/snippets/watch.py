"""The structural log follows a number about wiring; pruning that knows of communities makes it rise."""

# --8<-- [start:code]
import circuitgraph as cg
from circuitgraph.communities import louvain
from circuitgraph.structural import Community, Fraction, Prune, wiring_modularity

worm = cg.data.celegans(neurons_only=True)
found = louvain(cg.to_adjacency(worm), rng=0)  # one label for each unit, over all populations
net = cg.compile(worm)
net.log.watch["modularity"] = wiring_modularity
for step in (1, 2, 3):
    net.log.step = step
    Prune(Community.of(worm, found), Fraction(0.2))(net)
print(net.log.curves()[["step", "slots", "modularity"]].round(2).to_string(index=False))
# --8<-- [end:code]
