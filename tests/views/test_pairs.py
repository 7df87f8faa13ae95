import numpy as np
import pytest

import circuitgraph as cg
from circuitgraph import registry
from circuitgraph.errors import ShapeError, UnknownNameError
from circuitgraph.views.pairs import check_level, check_size, pairs

EXAMPLES = [
    pytest.param(topology, pre, post, id=f"{name}-{i}")
    for name in registry.topologies
    for i, (topology, pre, post) in enumerate(registry.topologies[name].examples())
]


def connected(topology, pre, post):
    weight = np.arange(1.0, topology.n_slots(pre, post) + 1)
    return cg.Circuit().add("x", pre).add("y", post).connect("x", "y", topology, weight=weight)


def enumerated(circuit, per_unit):
    """Add up synapse by synapse: {(pre, post): [slots, synapses, sum of coef * w]}."""
    (p,) = circuit.projections
    table, (pre, post) = circuit.synapses(p), circuit.shapes(p)
    divide = [cg.ir.n_sites(pre), cg.ir.n_sites(post)] if per_unit else [1, 1]
    out = {}
    for i, j, k, c in zip(table.pre, table.post, table.slot, table.coef, strict=True):
        row = out.setdefault((i // divide[0], j // divide[1]), [set(), 0, 0.0])
        row[0].add(k)
        row[1] += 1
        row[2] += c * p.weight[k]
    return out


@pytest.mark.parametrize(("topology", "pre", "post"), EXAMPLES)
def test_unit_pairs_agree_with_the_enumeration_of_synapses(topology, pre, post):
    circuit = connected(topology, pre, post)
    found, expected = pairs(circuit, circuit.projections[0], "unit"), enumerated(circuit, per_unit=True)
    assert list(zip(found.pre, found.post, strict=True)) == sorted(
        expected, key=lambda pair: (min(expected[pair][0]), pair)
    )
    weight = circuit.projections[0].weight
    for i, j, k, w, slots, synapses in zip(
        found.pre, found.post, found.slot, found.weight, found.n_slots, found.n_synapses, strict=True
    ):
        shared, n, _ = expected[i, j]
        assert (k, slots, synapses) == (min(shared), len(shared), n)
        assert w == sum(weight[s] for s in shared)


@pytest.mark.parametrize(("topology", "pre", "post"), EXAMPLES)
def test_neuron_pairs_agree_with_the_enumeration_of_synapses(topology, pre, post):
    circuit = connected(topology, pre, post)
    found, expected = pairs(circuit, circuit.projections[0], "neuron"), enumerated(circuit, per_unit=False)
    assert len(found) == len(expected)
    for i, j, w, slots, synapses in zip(
        found.pre, found.post, found.weight, found.n_slots, found.n_synapses, strict=True
    ):
        shared, n, total = expected[i, j]
        assert (slots, synapses) == (len(shared), n)
        assert w == pytest.approx(total, rel=1e-12)


def test_slots_between_sites_connect_each_unit_with_itself():
    circuit = connected(cg.GraphEdges([0, 1], [1, 2]), (2, 3), (2, 3))
    found = pairs(circuit, circuit.projections[0], "unit")
    assert found.pre.tolist() == found.post.tolist() == [0, 1]
    assert (found.weight.tolist(), found.n_slots.tolist(), found.n_synapses.tolist()) == ([3.0] * 2, [2] * 2, [2] * 2)


def test_slots_between_sites_that_cross_units_are_enumerated():
    class Crossing(cg.GraphEdges):
        def slots(self, pre, post):
            return cg.Slots(self.pre, self.post, np.full(len(self.pre), 4), "site", "site")

        def synapses(self, pre, post):
            i, j, k = np.indices((2, 2, len(self.pre))).reshape(3, -1)
            return cg.Synapses.build(i * pre[1] + self.pre[k], j * post[1] + self.post[k], k)

    circuit = connected(Crossing([0, 1], [1, 2]), (2, 3), (2, 3))
    found = pairs(circuit, circuit.projections[0], "unit")
    assert sorted(zip(found.pre.tolist(), found.post.tolist(), strict=True)) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert found.n_slots.tolist() == found.n_synapses.tolist() == [2] * 4
    assert found.weight.tolist() == [3.0] * 4


def test_unit_level_never_enumerates_synapses(monkeypatch):
    circuit = connected(cg.Conv(3, padding=1), (2, 8, 8), (2, 8, 8))
    monkeypatch.delattr(cg.Conv, "synapses")
    monkeypatch.setattr(cg.Topology, "synapses", None)
    assert len(pairs(circuit, circuit.projections[0], "unit")) == 4


def test_a_view_above_the_limit_is_refused_with_the_count_and_the_mend():
    circuit = connected(cg.Conv(3, padding=1), (3, 32, 32), (96, 32, 32))
    with pytest.raises(ShapeError, match=r"too many slots \(got 2,592, expected at most 100\); pass max_edges=None"):
        check_size(circuit, "unit", 100)
    with pytest.raises(ShapeError, match=r"too many synapses \(got 2,544,768.*max_edges=None"):
        check_size(circuit, "neuron", 1_000_000)
    check_size(circuit, "neuron", None)
    check_size(circuit, "population", 0)


def test_an_unknown_level_is_refused():
    with pytest.raises(UnknownNameError, match="level 'site': unknown"):
        check_level("site")
