"""A number of a real circuit beside the same number of random ones, and controls that run."""

# --8<-- [start:chance]
import circuitgraph as cg
from circuitgraph.graphs import joined, motifs, rich_club, small_world

worm = cg.data.celegans("white-1986", neurons_only=True)
both_ways = joined(worm.graph().arrays(None))  # without weights and directions
club = rich_club(both_ways, n_graphs=100)
labels = worm.population("neurons").attributes["label"]
print(*sorted(labels[i] for i in club.members(40)))
print(f"{club.normalised[40]:.1f} times as linked as by chance, p = {club.p_value[40]:.2f}")

world = small_world(both_ways)
print(f"paths of {world.path_length:.1f} synapses, sigma above 2: {world.sigma > 2}")
chemical = cg.data.celegans("white-1986", neurons_only=True, electrical=False)
found = motifs(chemical.graph().arrays(None)).of("030T")  # the feed-forward loop
print(f"{found['count']:.0f} feed-forward loops, z above 15: {found['z'] > 15}")
# --8<-- [end:chance]

# --8<-- [start:control]
control = worm.rewired("degree", rng=0)
world = small_world(joined(control.graph().arrays(None)))
print(control.n_slots == worm.n_slots, f"sigma {world.sigma:.0f}")
# --8<-- [end:control]
