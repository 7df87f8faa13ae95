"""What a structural log can follow."""

import numpy as np
import pytest

import circuitgraph as cg
from circuitgraph.structural import Community, wiring_modularity


def test_the_log_follows_modularity_from_edit_to_edit() -> None:
    within, between = [(0, 1), (1, 0), (2, 3), (3, 2)], [(1, 2), (3, 0)]
    pre, post = np.array(within + between).T
    net = cg.compile(cg.Circuit().add("x", 4).connect("x", "x", cg.Explicit(pre, post), delay=1, weight=1.0))
    net.log.watch["modularity"] = wiring_modularity
    net.edit(cg.RemoveSlots("x->x", [4]))
    net.edit(cg.RemoveSlots("x->x", [4]))
    assert net.log.curves()["modularity"].tolist() == pytest.approx([4 / 5 - (2 * 3 + 3 * 2) / 25, 0.5])


def test_a_partition_over_all_units_is_shared_out_by_population() -> None:
    circuit = cg.Circuit().add("x", 2).connect("x", "y", cg.Dense(), units=3)
    assert Community.of(circuit, [0, 1, 1, 0, 1]) == Community({"x": [0, 1], "y": [1, 0, 1]})
    with pytest.raises(cg.errors.ShapeError, match=r"one label per unit \(got 4, expected 5\)"):
        Community.of(circuit, [0, 1, 1, 0])
