"""Controls: as many of everything, and no more in common than each says."""

import time

import numpy as np
import pytest

import circuitgraph as cg
from circuitgraph.errors import StructureError, UnknownNameError
from circuitgraph.graphs.clustering import clustering
from circuitgraph.views.controls import CONTROLS, rewired
from circuitgraph.views.diff import diff

WIRINGS = {
    "explicit": (cg.Explicit([0, 1, 2, 3, 4, 5, 0, 2], [1, 2, 3, 4, 5, 0, 3, 5]), (12,), (12,)),
    "erdos-renyi": (cg.ErdosRenyi(0.2, self_loops=False), (12,), (12,)),
    "small-world": (cg.SmallWorld(4, 0.1), (12,), (12,)),
    "pruned dense": (cg.Pruned(cg.Dense(), np.arange(0, 84, 3)), (12,), (7,)),
    "neurons at sites": (cg.ErdosRenyi(0.1), (3, 4), (2, 2, 3)),
    "sheet": (cg.Lateral((3, 4), 1.5), (12,), (12,)),
    "graph edges": (cg.GraphEdges([0, 1, 2, 3, 4, 0, 2], [1, 2, 3, 4, 0, 2, 4]), (3, 6), (3, 6)),
    "pruned graph edges": (cg.Pruned(cg.GraphEdges([0, 1, 2, 3, 4], [1, 2, 3, 4, 0]), [0, 1, 3, 4]), (3, 6), (3, 6)),
}


def circuit(name: str) -> cg.Circuit:
    law, pre, post = WIRINGS[name]
    c = cg.Circuit().add("x", pre)
    if pre == post:
        c = c.connect("x", "x", law, delay=1, name="p")
    else:
        c = c.add("y", post).connect("x", "y", law, name="p")
    k = c.n_slots
    return c.replace_projection("p", attributes={"mark": np.arange(k)}, ids=np.arange(k)[::-1] + 5)


def pairs(c: cg.Circuit) -> list[tuple[int, int]]:
    slots = c.slots("p")
    return list(zip(slots.pre.tolist(), slots.post.tolist(), strict=True))


@pytest.mark.parametrize("null", CONTROLS)
@pytest.mark.parametrize("name", WIRINGS)
def test_a_control_has_as_many_slots_and_the_same_weights(name: str, null: str) -> None:
    a = circuit(name)
    b = a.rewired(null, rng=1)
    assert len(set(pairs(b))) == len(pairs(b)) == len(pairs(a))
    assert sorted(a.projection("p").weight.tolist()) == sorted(b.projection("p").weight.tolist())
    assert a.populations == b.populations
    loops = [sum(i == j for i, j in pairs(c)) for c in (a, b)]
    assert loops[0] or not loops[1] or a.projection("p").pre != a.projection("p").post
    assert cg.compile(b).circuit == b


@pytest.mark.parametrize("name", WIRINGS)
@pytest.mark.parametrize("null", ["degree", "lattice"])
def test_degrees_of_either_sign_are_kept_one_by_one(name: str, null: str) -> None:
    a = circuit(name)
    b = rewired(a, null, rng=2)
    for end in (0, 1):
        count = [{}, {}]
        for c, found in zip((a, b), count, strict=True):
            for pair, w in zip(pairs(c), c.projection("p").weight, strict=True):
                key = pair[end], bool(w < 0)
                found[key] = found.get(key, 0) + 1
        assert count[0] == count[1]
    sent = [[(pre, w) for (pre, _), w in zip(pairs(c), c.projection("p").weight, strict=True)] for c in (a, b)]
    assert sent[0] == sent[1]


@pytest.mark.parametrize("name", WIRINGS)
def test_what_connects_another_pair_has_a_new_id_and_its_old_attributes(name: str) -> None:
    a = circuit(name)
    for null in ("degree", "erdos-renyi"):
        p, q = a.projection("p"), rewired(a, null, rng=3).projection("p")
        stays = np.array([x == y for x, y in zip(pairs(a), pairs(rewired(a, null, rng=3)), strict=True)])
        assert np.array_equal(p.slot_ids == q.slot_ids, stays)
        assert (q.slot_ids[~stays] >= p.next_id).all()
        assert np.array_equal(p.attributes["mark"], q.attributes["mark"])
    permuted = rewired(a, "weights", rng=3).projection("p")
    assert np.array_equal(permuted.slot_ids, p.slot_ids)
    assert permuted.topology == p.topology


def test_wiring_really_changes_and_seeds_decide_how() -> None:
    a = cg.Circuit().add("x", 60).connect("x", "x", cg.ErdosRenyi(0.1, self_loops=False), delay=1, name="p")
    for null in ("degree", "erdos-renyi", "lattice"):
        b = rewired(a, null, rng=0)
        assert len(set(pairs(a)) & set(pairs(b))) < 0.35 * len(pairs(a))
        assert b == rewired(a, null, rng=0)
        assert b != rewired(a, null, rng=1)
        assert rewired(a, null, np.random.default_rng(5)) == rewired(a, null, np.random.default_rng(5))
    assert not np.array_equal(a.projection("p").weight, rewired(a, "weights").projection("p").weight)


def test_loops_stay_where_they_are_unless_all_is_drawn_anew() -> None:
    n = np.arange(20)
    a = cg.Circuit().add("x", 20)
    a = a.connect("x", "x", cg.Explicit(np.r_[n[:4], n], np.r_[n[:4], (n + 1) % 20]), delay=1, name="p")
    for null in ("degree", "lattice"):
        assert [pair for pair in pairs(rewired(a, null)) if pair[0] == pair[1]] == [(i, i) for i in range(4)]
    drawn = [sum(i == j for i, j in pairs(rewired(a, "erdos-renyi", rng=s))) for s in range(100)]
    assert abs(np.mean(drawn) - 24 / 20) < 0.5


def test_a_lattice_is_clustered() -> None:
    a = cg.Circuit().add("x", 300).connect("x", "x", cg.ErdosRenyi(0.03, self_loops=False), delay=1, weight=1.0)
    found = [clustering(c.graph().arrays(None)).mean() for c in (a, a.rewired("lattice"))]
    assert found[0] < 0.05 < 0.35 < found[1]


def test_between_two_populations_equal_numbers_are_no_loops() -> None:
    law = cg.Explicit([0, 1, 2, 3], [1, 0, 3, 2])
    a = cg.Circuit().add("x", 4).connect("x", "y", law, units=4, name="p", weight=1.0)
    found = {pair for s in range(60) for pair in pairs(rewired(a, "degree", rng=s))}
    assert found == {(i, j) for i in range(4) for j in range(4)}


@pytest.mark.parametrize("law", [cg.Explicit, cg.GraphEdges])
@pytest.mark.parametrize("null", CONTROLS)
def test_what_is_the_same_in_both_directions_stays_so(null: str, law: type) -> None:
    n = np.arange(30)
    pre, post = np.r_[n, (n + 1) % 30, n, (n + 4) % 30, 0], np.r_[(n + 1) % 30, n, (n + 4) % 30, n, 0]
    w = np.random.default_rng(0).normal(size=60)
    shape = 30 if law is cg.Explicit else (2, 30)
    given = np.r_[w[:30], w[:30], w[30:], w[30:], 5.0]
    a = cg.Circuit().add("x", shape).connect("x", "x", law(pre, post), delay=1, weight=given, name="p")
    b = rewired(a, null, rng=1)
    assert b != a
    weights = dict(zip(pairs(b), b.projection("p").weight.tolist(), strict=True))
    assert all(weights[j, i] == x for (i, j), x in weights.items())
    assert sorted(weights.values()) == sorted(given)
    if null in ("degree", "lattice"):
        assert np.array_equal(np.bincount([i for i, _ in weights]), np.bincount(pre))
        assert weights[0, 0] == 5.0


def test_signs_hold_through_every_control() -> None:
    a = cg.Circuit().add("x", 9).connect("x", "x", cg.ErdosRenyi(0.4, self_loops=False), delay=1, sign=-1)
    for null in CONTROLS:
        assert rewired(a, null).projections[0].sign == -1
        assert (rewired(a, null).projections[0].weight <= 0).all()


def test_laws_stay_as_they_are_beside_what_is_rewired() -> None:
    a = cg.Circuit().add("x", (2, 4, 4)).connect("x", "y", cg.Conv(3, padding=1), units=3).connect("y", "z", cg.Pool(2))
    a = a.connect("z", "out", cg.Dense(), units=5).connect("out", "out", cg.ErdosRenyi(0.5, self_loops=False), delay=1)
    b = rewired(a, "degree")
    assert set(diff(a, b)["name"]) == {"out->out"}
    assert set(diff(a, rewired(a, "weights"))["name"]) == {"x->y", "z->out", "out->out"}


@pytest.mark.parametrize("null", ["degree", "erdos-renyi", "lattice"])
def test_a_circuit_of_laws_alone_has_no_rewired_control(null: str) -> None:
    a = cg.Circuit().add("x", (2, 4)).connect("x", "y", cg.Conv(3), units=2).connect("y", "z", cg.Dense(), units=2)
    with pytest.raises(StructureError, match=r"no projection lists its pairs \(got Conv, Dense\); rewire 'weights'"):
        rewired(a, null)
    assert rewired(a, "weights").n_slots == a.n_slots


def test_a_circuit_without_projections_is_its_own_control() -> None:
    a = cg.Circuit().add("x", 3)
    assert rewired(a, "degree") == a


def test_controls_of_other_names_and_bad_seeds_are_refused() -> None:
    with pytest.raises(UnknownNameError, match=r"no control 'shuffle' \(expected one of degree, erdos-renyi, lattice"):
        rewired(circuit("explicit"), "shuffle")
    with pytest.raises(StructureError, match="not a source of numbers"):
        rewired(circuit("explicit"), "degree", rng=-1)


def test_a_hundred_thousand_edges_take_seconds() -> None:
    a = cg.Circuit().add("x", 3000).connect("x", "x", cg.ErdosRenyi(1e5 / 9e6, self_loops=False), delay=1)
    rewired(circuit("explicit"), "lattice")  # compiles
    for null in CONTROLS:
        start = time.perf_counter()
        assert rewired(a, null).n_slots == a.n_slots
        assert time.perf_counter() - start < 30  # about one when nothing else runs
