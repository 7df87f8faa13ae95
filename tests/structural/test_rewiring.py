"""Prune and grow at constant density."""

from collections import Counter
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import circuitgraph as cg
from circuitgraph.compiler.carry import carry
from circuitgraph.edits.slots import whole_keys
from circuitgraph.errors import ShapeError, StateError, StructureError, UnknownNameError
from circuitgraph.structural.heard import Heard, listen
from circuitgraph.structural.link_prediction import Bipartite, ch3_l3
from circuitgraph.structural.rewiring import (
    SET,
    CannistraciHebb,
    Rewiring,
    RigL,
    cosine_share,
    draw_missing,
    rewire,
    sides,
)  # fmt: skip

WAYS: list[Rewiring] = [
    SET(0.3),
    RigL(0.3),
    CannistraciHebb(0.3),
    CannistraciHebb(0.3, predictor="ch2-l3n", removal="relative", temperature=1.0, removal_temperature=1.0),
]
LAWS: dict[str, tuple[cg.Topology, tuple[int, ...], tuple[int, ...]]] = {
    "pruned dense": (cg.Pruned(cg.Dense(), [0, 3, 7, 8, 14, 17, 22, 23]), (6,), (5,)),
    "drawn": (cg.ErdosRenyi(0.3, seed=1), (6,), (5,)),
    "listed": (cg.Explicit([5, 0, 3, 3, 1], [4, 0, 2, 1, 3]), (6,), (5,)),
    "pruned list": (cg.Pruned(cg.Explicit([5, 0, 3, 3, 1], [4, 0, 2, 1, 3]), [0, 1, 2, 4]), (6,), (5,)),
    "pruned convolution": (cg.Pruned(cg.Conv(3, padding=1), np.arange(0, 54, 4)), (2, 4, 4), (3, 4, 4)),
    "graph": (cg.GraphEdges([0, 1, 2, 2, 4], [1, 0, 3, 0, 1]), (2, 5), (2, 5)),
}


def circuit_of(law: str, dtype: type = np.float64) -> cg.Circuit:
    topology, pre, post = LAWS[law]
    n = topology.n_slots(pre, post)
    weight = np.random.default_rng(0).standard_normal(n).astype(dtype)
    return cg.Circuit().add("x", pre).add("y", post).connect("x", "y", topology, weight=weight)


def error_at(net: cg.Network, seed: int = 0) -> Heard:
    """Draw an activity and an error for the only projection."""
    pre, post = net.circuit.shapes(net.circuit.projection("x->y"))
    rng = torch.Generator().manual_seed(seed)
    return Heard(torch.randn(7, *pre, generator=rng).double(), torch.randn(7, *post, generator=rng).double())


def keys_of(net: cg.Network) -> np.ndarray:
    p = net.circuit.projection("x->y")
    return whole_keys(p.topology, *net.circuit.shapes(p))[1]


@pytest.mark.parametrize("how", WAYS, ids=lambda how: type(how).__name__)
@pytest.mark.parametrize(("law", "steps"), [("pruned dense", 1000), ("listed", 100), ("pruned convolution", 100)])
def test_the_count_of_slots_is_exact_after_every_one_of_1000_steps(how: Rewiring, law: str, steps: int) -> None:
    net, rng = cg.compile(circuit_of(law)), np.random.default_rng(0)
    n = net.circuit.n_slots
    for step in range(steps):
        rewire(net, "x->y", how, rng=rng, heard=error_at(net, step))
        assert len(np.unique(keys_of(net))) == net.circuit.n_slots == len(net.weights["x->y"]) == n
        with torch.no_grad():  # newcomers would stay the smallest for ever
            net.weights["x->y"].copy_(torch.from_numpy(rng.standard_normal(n)))
        net.log.undos.clear()


@given(
    law=st.sampled_from(sorted(LAWS)),
    kind=st.sampled_from(range(len(WAYS))),
    share=st.sampled_from([0.0, 0.2, 0.5, 1.0]),
    seed=st.integers(0, 2**16),
    birth=st.sampled_from([0.0, 0.1]),
)
@settings(max_examples=80, deadline=None)
def test_survivors_keep_every_bit_and_newcomers_are_missing_slots(
    law: str, kind: int, share: float, seed: int, birth: float
) -> None:
    net, how = cg.compile(circuit_of(law)), WAYS[kind].replace(share=share, birth=birth)
    before, w, ids = keys_of(net), net.weights["x->y"].detach().clone(), net.circuit.projection("x->y").slot_ids
    found = how.propose(net, "x->y", rng=seed, heard=error_at(net, seed))
    assert len(found.remove) == len(found.add) == len(found.weight)
    assert len(found.remove) + found.n_returned == round(share * len(before))
    assert not np.isin(found.add, before).any()
    remap = rewire(net, "x->y", how, rng=seed, heard=error_at(net, seed))
    index = remap.slots.get("x->y", np.arange(len(before)))
    alive, after = index >= 0, keys_of(net)
    assert len(after) == len(before)
    assert sorted(after[~alive]) == sorted(found.add)
    assert after[alive].tolist() == before[index[alive]].tolist()
    assert net.weights["x->y"][torch.from_numpy(alive)].tolist() == w[torch.from_numpy(index[alive])].tolist()
    assert net.circuit.projection("x->y").slot_ids[alive].tolist() == ids[index[alive]].tolist()
    assert bool((net.weights["x->y"][torch.from_numpy(~alive)] == 0).all()) == (birth == 0 or not len(found.add))


@pytest.mark.parametrize("how", WAYS, ids=lambda how: type(how).__name__)
def test_the_same_seed_rewires_the_same_slots(how: Rewiring) -> None:
    nets = [cg.compile(circuit_of("drawn")) for _ in range(2)]
    for net in nets:
        rewire(net, "x->y", how, rng=3, heard=error_at(net))
    assert keys_of(nets[0]).tolist() == keys_of(nets[1]).tolist()


def test_optimiser_moments_follow_the_survivors_and_start_anew_for_newcomers() -> None:
    net = cg.compile(circuit_of("pruned dense"))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    net(torch.ones(4, 6, dtype=torch.float64)).square().sum().backward()
    optimizer.step()
    moments = optimizer.state[net.weights["x->y"]]["exp_avg"].clone()
    remap = rewire(net, "x->y", SET(0.5), rng=0)
    carry(optimizer, remap)
    index = torch.tensor(remap.slots["x->y"])
    carried = optimizer.state[net.weights["x->y"]]["exp_avg"]
    assert carried.tolist() == torch.where(index >= 0, moments[index], 0).tolist()


def test_set_takes_an_equal_share_of_both_signs_and_zeros_first() -> None:
    w = [5.0, -0.1, 0.2, -7.0, 0.0, 3.0, -0.3, 0.9, 4.0, -2.0]
    circuit = cg.Circuit().add("x", 20).connect("x", "y", cg.Explicit(np.arange(10), [0] * 10), units=1, weight=w)
    dropped = SET(0.5).propose(cg.compile(circuit), "x->y", rng=0)
    assert set(dropped.remove) <= {4, 1, 2, 6, 7}
    assert len(dropped.remove) + dropped.n_returned == 5


def test_missing_slots_are_drawn_uniformly() -> None:
    rng, active = np.random.default_rng(0), np.array([0, 3, 4, 9])
    drawn = Counter(key for _ in range(6000) for key in draw_missing(10, active, 2, rng).tolist())
    assert set(drawn) == {1, 2, 5, 6, 7, 8}
    # 2000 draws each are expected, with a standard deviation of 37.
    assert max(abs(n - 2000) for n in drawn.values()) < 150


@given(n=st.integers(1, 40), seed=st.integers(0, 2**16))
@settings(max_examples=60, deadline=None)
def test_missing_slots_are_different_and_all_of_them_can_be_drawn(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    active = np.flatnonzero(rng.random(n) < rng.random())
    drawn = draw_missing(n, active, n - len(active), rng)
    assert sorted([*drawn, *active]) == list(range(n))


@pytest.mark.parametrize("law", sorted(LAWS))
@pytest.mark.parametrize("block", [1, 7, 1 << 22])
def test_rigl_grows_where_the_gradient_of_the_whole_law_is_largest(
    law: str, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("circuitgraph.structural.rewiring.BLOCK", block)
    net = cg.compile(circuit_of(law))
    heard, before, share = error_at(net), keys_of(net), 0.4
    found = RigL(share).propose(net, "x->y", rng=0, heard=heard)
    size = whole_gradient(law, heard).abs().numpy()
    n = round(share * len(before))
    dropped = np.argsort(np.abs(net.weights["x->y"].detach().numpy()))[:n]
    active = np.delete(before, dropped)
    size[active] = -1
    best = np.argsort(-size)[:n]
    assert sorted(found.add) == sorted(set(best) - set(before[dropped]))
    assert sorted(before[found.remove]) == sorted(set(before[dropped]) - set(best))
    assert found.n_returned == len(set(best) & set(before[dropped]))


def whole_gradient(law: str, heard: Heard) -> Tensor:
    """Differentiate sum(g * y) by all weights that the whole law has, one synapse after the other."""
    _, pre, post = LAWS[law]
    x, g = heard.x.flatten(1), heard.g.flatten(1)
    if law == "pruned convolution":
        whole = cg.Conv(3, padding=1)
        out, table = torch.zeros(whole.n_slots(pre, post)).double(), whole.synapses(pre, post)
        for u, v, k, c in zip(table.pre, table.post, table.slot, table.coef, strict=True):
            out[k] += float(c) * (x[:, u] * g[:, v]).sum()
        return out
    if law == "graph":
        sites = range(pre[1])
        pairs = [(heard.x[:, :, u] * heard.g[:, :, v]).sum() for v, u in product(sites, sites)]
    else:
        pairs = [(x[:, u] * g[:, v]).sum() for v, u in product(range(g.shape[1]), range(x.shape[1]))]
    return torch.stack(pairs)


def test_rigl_gets_the_gradient_that_autograd_gives_the_dense_network() -> None:
    rng = torch.Generator().manual_seed(0)
    x, sparse = torch.randn(9, 6, generator=rng).double(), cg.compile(circuit_of("drawn"))
    whole = torch.zeros(5, 6, dtype=torch.float64)
    whole.view(-1)[torch.from_numpy(keys_of(sparse))] = sparse.weights["x->y"].detach()
    whole.requires_grad_()
    (x @ whole.t()).relu().pow(3).mean().backward()
    with listen(sparse, ["x->y"]) as heard:
        sparse(x).relu().pow(3).mean().backward()
    gradient = torch.einsum("bv,bu->vu", heard["x->y"].g, heard["x->y"].x)
    torch.testing.assert_close(gradient, whole.grad)


def test_link_prediction_takes_the_best_scores_of_what_is_left() -> None:
    net = cg.compile(circuit_of("drawn"))
    w, before = net.weights["x->y"].detach().numpy(), keys_of(net)
    n = round(0.3 * len(before))
    found = CannistraciHebb(0.3).propose(net, "x->y", rng=0)
    dropped = np.argsort(np.abs(w))[:n]
    left = np.delete(before, dropped)
    score = ch3_l3(Bipartite.of(left % 6, left // 6, n_pre=6, n_post=5)).ravel()
    came = set(found.add) | (set(before[dropped]) - set(before[found.remove]))
    others = set(range(30)) - set(left) - came
    assert len(came) == n
    assert min(score[sorted(came)]) >= max(score[sorted(others)])


def test_the_soft_rule_draws_in_proportion_to_the_score() -> None:
    pre, post, far = np.array([0, 0, 1, 1, 2, 3, 3, 4]), np.array([0, 1, 1, 2, 2, 3, 0, 4]), [9, 9]
    weight = [1.0] * len(pre) + [1e-9]
    listed = cg.Explicit(np.append(pre, far[:1]), np.append(post, far[1:]))
    net = cg.compile(cg.Circuit().add("x", 10).connect("x", "y", listed, units=10, weight=weight))
    how = CannistraciHebb(1 / 9, temperature=1.0)
    drawn = Counter(int(how.propose(net, "x->y", rng=seed).add[0]) for seed in range(3000))
    score = ch3_l3(Bipartite.of(pre, post, n_pre=10, n_post=10)).ravel()
    expected = 3000 * score / score.sum()
    assert set(drawn) <= set(np.flatnonzero(score).tolist())
    for key in np.flatnonzero(score).tolist():
        assert abs(drawn[key] - expected[key]) < 5 * np.sqrt(expected[key])


def test_relative_size_is_measured_at_both_ends() -> None:
    """Slot 3 is the smallest, yet all that its two units have; slot 1 counts least among its neighbours."""
    listed = cg.Explicit([0, 0, 1, 3], [0, 1, 1, 3])
    circuit = cg.Circuit().add("x", 4).connect("x", "y", listed, units=4, weight=[4.0, 1.0, 3.0, 0.1])
    net = cg.compile(circuit)
    assert CannistraciHebb(0.25).propose(net, "x->y", rng=0).remove.tolist() in ([3], [])
    assert CannistraciHebb(0.25, removal="relative").propose(net, "x->y", rng=0).remove.tolist() in ([1], [])


def test_where_nothing_scores_links_are_drawn_uniformly() -> None:
    alone = cg.Explicit([0, 1, 2, 3], [0, 1, 2, 3])
    net = cg.compile(cg.Circuit().add("x", 4).connect("x", "y", alone, units=4))
    drawn = {key for seed in range(60) for key in CannistraciHebb(0.5).propose(net, "x->y", rng=seed).add.tolist()}
    assert drawn == set(range(16)) - {0, 5, 10, 15}


def test_a_pruned_convolution_is_a_graph_of_units_and_places_in_the_kernel() -> None:
    topology, pre, post = LAWS["pruned convolution"]
    assert sides(topology, pre, post) == (18, 3)
    slots = cg.Conv(3, padding=1).slots(pre, post)
    keys = np.arange(len(slots))
    assert (keys // 18 == slots.post).all()
    assert len({(k % 18, int(u)) for k, u in zip(keys, slots.pre, strict=True)}) == 18


@pytest.mark.parametrize("delay", [0, 1])
def test_listening_hears_several_projections_that_run_as_one(delay: int) -> None:
    circuit = cg.Circuit().add("x", 3).add("z", 2).add("y", 4)
    for name in ("x", "z"):
        circuit = circuit.connect(name, "y", cg.ErdosRenyi(0.5), rng=1)
    circuit = circuit.connect("y", "y", cg.ErdosRenyi(0.5), delay=1, rng=2) if delay else circuit
    rng = torch.Generator().manual_seed(0)
    xs = [{"x": torch.randn(5, 3, generator=rng), "z": torch.randn(5, 2, generator=rng)} for _ in range(3)]
    nets = {exact: cg.compile(circuit, exact=exact) for exact in (False, True)}
    names = [p.name for p in circuit.projections]
    gradients = {}
    for exact, net in nets.items():
        with listen(net, names) as heard:
            net.run(xs)[0].square().sum().backward()
        for name in names:
            p = circuit.projection(name)
            pre, post = map(torch.tensor, p.topology.listed(*circuit.shapes(p)))
            both = torch.einsum("bv,bu->vu", heard[name].g, heard[name].x)[post, pre]
            torch.testing.assert_close(both, net.weights[name].grad)
            gradients[exact, name] = both
    for name in names:
        torch.testing.assert_close(gradients[True, name], gradients[False, name])


def test_hooks_are_gone_after_listening() -> None:
    net = cg.compile(circuit_of("drawn"))
    with listen(net, ["x->y"]) as heard:
        net(torch.ones(2, 6).double()).sum().backward()
    net(torch.ones(3, 6).double()).sum().backward()
    assert len(heard["x->y"].x) == 2
    assert not net.kernels["x->y"]._forward_hooks


def test_an_annealed_share_falls_as_a_cosine() -> None:
    shares = [cosine_share(0.3, step, 8) for step in range(10)]
    assert shares == pytest.approx([0.15 * (1 + np.cos(np.pi * min(step, 8) / 8)) for step in range(10)])
    assert cosine_share(0.3, 0, 0) == 0


def test_what_is_whole_cannot_be_rewired() -> None:
    net = cg.compile(cg.Circuit().add("x", 3).connect("x", "y", cg.Dense(), units=2))
    with pytest.raises(StructureError, match=r"no missing slots.*6 of 6"):
        SET().propose(net, "x->y", rng=0)


def test_growth_by_gradient_needs_one_that_fits() -> None:
    net = cg.compile(circuit_of("drawn"))
    with pytest.raises(StateError, match="no gradient"):
        RigL().propose(net, "x->y", rng=0)
    with pytest.raises(ShapeError, match="does not fit"):
        RigL().propose(net, "x->y", rng=0, heard=Heard(torch.ones(2, 5), torch.ones(2, 5)))


def test_groups_are_no_bipartite_graph() -> None:
    law = cg.Pruned(cg.Conv(3, padding=1, groups=2), [0, 5, 9])
    circuit = cg.Circuit().add("x", (2, 4)).connect("x", "y", law, units=4)
    net = cg.compile(circuit)
    with pytest.raises(StructureError, match="groups=1"):
        CannistraciHebb().propose(net, "x->y", rng=0)
    assert len(SET(0.4).propose(net, "x->y", rng=0).add) <= 1


def test_unknown_projections_are_refused() -> None:
    net = cg.compile(circuit_of("drawn"))
    with pytest.raises(UnknownNameError, match="'z'"):
        rewire(net, "z", SET(), rng=0)
    with pytest.raises(UnknownNameError, match="'z'"), listen(net, ["z"]):
        pass


@pytest.mark.parametrize("share", [-0.1, 1.5, float("nan"), True, "0.3"])
def test_a_bad_share_is_refused_at_once(share: object) -> None:
    with pytest.raises(ShapeError, match="share"):
        SET(share)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("field", "bad"), [("predictor", "ch9"), ("removal", "none"), ("temperature", -1.0), ("birth", float("inf"))]
)
def test_bad_settings_of_link_prediction_are_refused_at_once(field: str, bad: object) -> None:
    with pytest.raises(ShapeError, match=field):
        CannistraciHebb(**{field: bad})  # type: ignore[arg-type]
