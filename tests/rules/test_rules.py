"""What rules converge to, what they refuse, and sums over shards."""

import math

import numpy as np
import pytest
import torch

import circuitgraph as cg
from circuitgraph.errors import NumericError, RuleError
from circuitgraph.kernels import DenseKernel, Ends
from circuitgraph.rules import Change, Signals, weight_change


def net_of(rule: cg.Rule, n: int, units: int, **how: object) -> cg.Network:
    return cg.compile(
        cg.Circuit().add("x", n).connect("x", "y", cg.Dense(), units=units, rule=rule, **how), dtype=torch.float64
    )


def test_oja_converges_to_the_first_principal_component_at_unit_norm() -> None:
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(500, 4, generator=rng, dtype=torch.float64) * torch.tensor([2.0, 1.0, 0.5, 0.3])
    turn = torch.linalg.qr(torch.randn(4, 4, generator=rng, dtype=torch.float64))[0]
    x = x @ turn.t()
    net = net_of(cg.Oja(1e-4), 4, 1)
    for _ in range(200):
        net.learn(net.step(x))
    w = net.weights["x->y"].detach()
    first = torch.linalg.svd(x)[2][0]
    assert abs(w.norm() - 1) < 1e-6
    assert abs(w @ first) > 1 - 1e-6


def test_instar_moves_the_weights_of_an_active_neuron_to_the_mean_of_its_inputs() -> None:
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=torch.float64)
    w = torch.zeros(2, dtype=torch.float64)
    kernel, ends = DenseKernel(cg.Dense(), (2,), (1,)), Ends(cg.Dense(), (2,), (1,))
    for _ in range(100):
        change = weight_change(cg.Instar(0.2), Signals(x, y=torch.ones(2, 1, dtype=torch.float64)), w, kernel, ends)
        cg.Instar(0.2).apply(w, change, ends)
    torch.testing.assert_close(w, x.mean(0))


@pytest.mark.parametrize("normalize", ["layer", "neuron"])
def test_softhebb_brings_weight_vectors_to_unit_norm(normalize: str) -> None:
    rng = torch.Generator().manual_seed(0)
    net = net_of(cg.SoftHebb(0.05, normalize=normalize), 6, 3, weight=cg.normal(5.0))
    norms = net.ends["x->y"].norm(net.weights["x->y"].detach())
    assert (norms - 1).abs().min() > 1
    for _ in range(2000):
        x = torch.randn(20, 6, generator=rng, dtype=torch.float64)
        net.learn(net.step(x / x.norm(dim=1, keepdim=True)))
    norms = net.ends["x->y"].norm(net.weights["x->y"].detach())
    assert (norms - 1).abs().max() < 0.05


def unit_inputs(n: int, seed: int, *, size: int = 64) -> torch.Tensor:
    x = torch.randn(size, n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return x / x.norm(dim=1, keepdim=True)


@pytest.mark.parametrize(("p", "normalize"), [(2.0, None), (3.0, None), (3.0, "layer"), (4.0, None)])
def test_krotov_and_hopfields_winners_come_to_p_norm_one(p: float, normalize: str | None) -> None:
    net = net_of(cg.KrotovHopfield(0.01, 0.4, 2, p, normalize=normalize), 8, 5, weight=cg.normal(1.5))
    for seed in range(800):
        net.learn(net.step(unit_inputs(8, seed)))
    w = net.weights["x->y"].detach().view(5, 8)
    # A unit that only ever comes second is pushed away, and has no reason to come to any norm.
    current = unit_inputs(8, 1000, size=2000) @ (w.sign() * w.abs().pow(p - 1)).T
    first = current.argmax(1).bincount(minlength=5) > 200
    norms = w.abs().pow(p).sum(1).pow(1 / p)
    assert first.sum() >= 3
    assert (norms[first] - 1).abs().max() < 0.03


@pytest.mark.parametrize("decay", [0.1, 0.3])
def test_bcms_threshold_settles_at_the_mean_square_of_what_wins(decay: float) -> None:
    net = net_of(cg.BCM(0.1, decay, unit_norm=False), 4, 3)
    found = []
    for seed in range(400):
        net.learn(net.step(unit_inputs(4, seed)), scale=0.0)  # thresholds move, weights do not
        found.append(net.memory["y"].values["x->y theta"].clone())
    u = unit_inputs(4, 1000, size=20000) @ net.weights["x->y"].detach().view(3, 4).T
    won = u == u.amax(1, keepdim=True)
    torch.testing.assert_close(torch.stack(found[100:]).mean(0), (u * won).square().mean(0), rtol=0.05, atol=1e-3)


@pytest.mark.parametrize(
    "rule",
    [cg.Oja(0.005), cg.BCM(0.5), cg.BCM(0.5, cosine=True), cg.HardWTA(0.1), cg.Hebb(0.5, unit_norm=True)],
    ids=repr,
)
def test_weights_stay_bounded(rule: cg.Rule) -> None:
    net, largest = net_of(rule, 6, 4, weight=cg.normal(3.0)), 0.0
    for seed in range(800):
        net.learn(net.step(unit_inputs(6, seed, size=16)))
        largest = float(net.ends["x->y"].norm(net.weights["x->y"].detach()).max())
        assert seed < 400 or largest < 1.5
    assert largest > 0.1


def test_bcm_without_a_bound_says_so_by_growing() -> None:
    net = net_of(cg.BCM(0.5, unit_norm=False), 6, 4)
    before = float(net.weights["x->y"].detach().norm())
    for seed in range(300):
        net.learn(net.step(unit_inputs(6, seed, size=16)))
    assert float(net.weights["x->y"].detach().norm()) > 10 * before


def test_softhebb_flips_the_sign_of_all_but_the_strongest() -> None:
    y = cg.SoftHebb(0.1).compete(torch.tensor([[0.0, math.log(3), 0.0]]))
    torch.testing.assert_close(y, torch.tensor([[-0.2, 0.6, -0.2]]))


def test_cutoff_silences_losers_and_never_the_winner() -> None:
    u = torch.tensor([[0.0, math.log(3), 0.0, math.log(2)]])
    y = cg.SoftHebb(0.1, cutoff=0.9).compete(u)
    torch.testing.assert_close(y, torch.tensor([[0.0, 3 / 7, 0.0, 0.0]]))
    assert (cg.SoftHebb(0.1, anti=False, cutoff=0.2).compete(u) > 0).sum() == 2


def test_competing_leaves_the_activity_as_it_was() -> None:
    u = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0))
    before = u.clone()
    for rule in (cg.SoftHebb(0.1), cg.SoftHebb(0.1, cutoff=0.2), cg.HardWTA(0.1)):
        rule.terms(Signals(torch.ones(2, 1), u))
        assert torch.equal(u, before)


def test_softhebb_shares_stay_finite_for_huge_inputs() -> None:
    assert torch.isfinite(cg.SoftHebb(0.1).compete(torch.tensor([[1e30, -1e30, 0.0]]))).all()


def test_silence_changes_nothing() -> None:
    for rule in (cg.Hebb(0.1, normalize="layer"), cg.Oja(0.1, normalize="neuron"), cg.HardWTA(0.1)):
        net = net_of(rule, 3, 2)
        before = net.weights["x->y"].detach().clone()
        net.learn(net.step(torch.zeros(4, 3)))
        assert torch.equal(net.weights["x->y"], before)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: cg.Hebb(math.nan), "learning_rate"),
        (lambda: cg.Hebb(True), "learning_rate"),
        (lambda: cg.Oja("0.1"), "learning_rate"),
        (lambda: cg.Oja(math.inf), "finite"),
        (lambda: cg.Instar(0.1, normalize="Layer"), "normalize"),
        (lambda: cg.HardWTA(0.1, normalize="units"), "normalize"),
        (lambda: cg.SoftHebb(0.1, normalize="none"), "'layer', 'neuron', 'activity' or None"),
        (lambda: cg.SoftHebb(0.1, t_invert=-1.0), "t_invert"),
        (lambda: cg.SoftHebb(0.1, rate_power=-0.5), "rate_power"),
        (lambda: cg.SoftHebb(0.1, cutoff=1.0), "below 1"),
        (lambda: cg.Hebb(0.1, alpha=1.1), r"Hebb: alpha .*at most 1"),
        (lambda: cg.Hebb(0.1, alpha=-0.1), "alpha"),
        (lambda: cg.Hebb(0.1, sparsity=1.5), "sparsity"),
        (lambda: cg.Hebb(0.1, presynaptic="l2"), "'lp', 'softmax' or None"),
        (lambda: cg.BCM(0.1, 1.5), "theta_decay"),
        (lambda: cg.BCM(0.1, math.nan), "theta_decay"),
        (lambda: cg.Covariance(0.1, 2.0), "momentum"),
        (lambda: cg.KrotovHopfield(0.1, -0.4), "delta"),
        (lambda: cg.KrotovHopfield(0.1, top_k=1), "top_k"),
        (lambda: cg.KrotovHopfield(0.1, p=0.5), "KrotovHopfield: p"),
    ],
)
def test_bad_arguments_are_refused_at_once(make: object, message: str) -> None:
    with pytest.raises(RuleError, match=message):
        make()  # type: ignore[operator]


def test_numbers_of_numpy_are_numbers() -> None:
    assert cg.SoftHebb(np.float32(0.5), t_invert=np.float64(2.0)).learning_rate == 0.5


def test_a_change_that_is_not_finite_is_refused_and_names_the_place() -> None:
    kernel, ends = DenseKernel(cg.Dense(), (2,), (1,)), Ends(cg.Dense(), (2,), (1,))
    x = torch.tensor([[1.0, math.inf]])
    with pytest.raises(NumericError, match=r"somewhere: .*Hebb\(learning_rate=0.1\)"):
        weight_change(cg.Hebb(0.1), Signals(x, y=torch.ones(1, 1)), torch.ones(2), kernel, ends, where="somewhere")


def test_apply_divides_by_the_largest_change_of_layer_or_neuron() -> None:
    ends, dw = Ends(cg.Dense(), (2,), (2,)), torch.tensor([1.0, -2.0, 3.0, -4.0])
    for normalize, expected in (("layer", dw / 4), ("neuron", dw / torch.tensor([2.0, 2.0, 4.0, 4.0])), (None, dw)):
        w = torch.zeros(4)
        cg.Hebb(0.1, normalize=normalize).apply(w, Change(dw, dw.abs().amax()), ends, scale=2.0)
        torch.testing.assert_close(w, 0.2 * expected)


@pytest.mark.parametrize("rule", [cg.HardWTA(0.1, cosine=True), cg.BCM(0.1, cosine=True, unit_norm=False)], ids=repr)
def test_the_cosine_is_of_the_projections_own_input_where_others_land_too(rule: cg.Rule) -> None:
    """What another projection brings to the port changes neither who wins nor by how much."""
    alone = cg.Circuit().add("x", 6).connect("x", "y", cg.Dense(), units=4, rule=rule)
    both = alone.add("z", 5).connect("z", "y", cg.Dense(), weight=cg.normal(50.0))
    x, z = unit_inputs(6, 0), unit_inputs(5, 1)
    nets = cg.compile(alone), cg.compile(both)
    for net, given in zip(nets, ({"x": x}, {"x": x, "z": z}), strict=True):
        net.train().learn(net.step(given))
    torch.testing.assert_close(nets[0].weights["x->y"], nets[1].weights["x->y"])
    assert not torch.equal(nets[0].weights["x->y"], cg.compile(alone).weights["x->y"])
