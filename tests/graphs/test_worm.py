"""What is known of the worm's wiring is found in it, and not in its controls."""

import numpy as np
import pytest

from circuitgraph.data.celegans import celegans
from circuitgraph.graphs.club import rich_club
from circuitgraph.graphs.motifs import motifs
from circuitgraph.graphs.small_world import joined, small_world

# Towlson, Vertes, Ahnert, Schafer and Bullmore, The rich club of the C. elegans neuronal connectome, J. Neurosci. 33,
# 6380-6387 (2013): eleven neurons, all interneurons of locomotion.
CLUB = {"AVAL", "AVAR", "AVBL", "AVBR", "AVDL", "AVDR", "AVEL", "AVER", "DVA", "PVCL", "PVCR"}


@pytest.fixture(scope="module")
def worm():
    return celegans("white-1986", neurons_only=True)


def test_the_rich_club_is_that_of_towlson_2013(worm) -> None:
    club = rich_club(joined(worm.graph().arrays(None)), n_graphs=50)
    labels = worm.population("neurons").attributes["label"]
    k = next(k for k in range(len(club.phi)) if len(club.members(k)) == len(CLUB))
    assert {labels[i] for i in club.members(k)} == CLUB
    assert club.normalised[k] > 1 + 3 * club.spread[k]
    assert club.p_value[k] == 1 / 51


def test_the_worm_is_a_small_world_and_its_random_control_is_not(worm) -> None:
    # Watts and Strogatz (1998) found L = 2.65, C = 0.28 against 2.25 and 0.05 of uniform random graphs, with 282 cells.
    world = small_world(joined(worm.graph().arrays(None)), n_graphs=3)
    assert world.path_length == pytest.approx(2.65, abs=0.1)
    assert 0.25 < world.clustering < 0.4
    assert world.reached > 0.98
    assert world.sigma > 2
    control = small_world(joined(worm.rewired("erdos-renyi", 1).graph().arrays(None)), n_graphs=3)
    assert control.clustering < 0.07
    assert control.sigma < 1.2


def test_feed_forward_loops_are_frequent_and_cycles_rare(worm) -> None:
    # Milo et al., Network motifs, Science 298, 824-827 (2002), figure 2 and table 1.
    found = motifs(celegans("white-1986", neurons_only=True, electrical=False).graph().arrays(None), n_graphs=30)
    assert found.of("030T")["z"] > 10
    assert found.of("030T")["p_over"] == 1 / 31
    assert found.of("030C")["z"] < -2
    control = worm.rewired("degree", 1)
    assert control.n_slots == worm.n_slots
    electrical = [c.slots("electrical") for c in (worm, control)]
    for slots in electrical:  # a gap junction is open both ways, in the control too
        pairs = set(zip(slots.pre.tolist(), slots.post.tolist(), strict=True))
        assert {(j, i) for i, j in pairs} == pairs
    assert np.array_equal(*(np.bincount(slots.pre, minlength=300) for slots in electrical))
