"""Stacks of convolutions: published sizes, wiring that is absent, learning, edits, wrong input."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import circuitgraph as cg
from circuitgraph.errors import ShapeError, StructureError
from circuitgraph.structural import Fraction, Magnitude

Build = Callable[[], cg.Circuit]


def learned(circuit: cg.Circuit) -> dict[str, int]:
    return {p.name: p.n_slots for p in circuit.projections if not p.fixed}


def images(*shape: int) -> torch.Tensor:
    return torch.rand(6, *shape, generator=torch.Generator().manual_seed(0))


def blocks(n: int, units: int = 4) -> list[cg.ConvLayer]:
    return [cg.ConvLayer(units, 3, cg.Triangle(), cg.SoftHebb(0.05), cg.Pool(2)) for _ in range(n)]


def test_softhebb_has_the_published_number_of_weights() -> None:
    pools = cg.Pool(4, 2, 1), cg.Pool(4, 2, 1), cg.Pool(2, how="mean")
    sizes = (96, 5), (384, 3), (1536, 3)
    layers = [cg.ConvLayer(u, k, cg.Triangle(), cg.SoftHebb(0.05), p) for (u, k), p in zip(sizes, pools, strict=True)]
    circuit = cg.hebbian_cnn((3, 32, 32), layers)
    assert list(learned(circuit).values()) == [7_200, 331_776, 5_308_416]
    assert circuit.populations[-1].n_neurons == 24_576


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_two_to_five_layers_learn(n: int) -> None:
    net = cg.compile(cg.hebbian_cnn((3, 32, 32), blocks(n)))
    before = {k: w.detach().clone() for k, w in net.weights.items() if "->conv" in k}
    net.learn(net.step(images(3, 32, 32)))
    assert len(before) == n
    assert all(not torch.equal(w, net.weights[k]) for k, w in before.items())
    assert all(torch.isfinite(w).all() for w in net.weights.values())


def test_layers_without_a_pool_are_normalised_before_the_next_but_not_at_the_end() -> None:
    layer = cg.ConvLayer(4, 3, cg.Triangle(1.4))
    circuit = cg.hebbian_cnn((1, 8, 8), [layer, layer])
    assert circuit.population("conv1").neuron == cg.Chain((cg.Triangle(1.4), cg.BatchNorm()))
    assert circuit.population("conv2").neuron == cg.Triangle(1.4)
    heard = cg.compile(circuit).step(images(1, 8, 8))["conv1"]
    torch.testing.assert_close(heard.mean((0, 2, 3)), torch.zeros(4), atol=1e-5, rtol=0)


def test_padding_is_reflected_or_none() -> None:
    same, none = (cg.hebbian_cnn((1, 8, 8), [cg.ConvLayer(2, 5, cg.ReLU(), padding=p)]) for p in (None, 0))
    assert same.projection("image->conv1").topology == cg.Conv(5, padding=2, mode="reflect")
    assert none.projection("image->conv1").topology == cg.Conv(5)
    assert none.population("conv1").shape == (2, 4, 4)


@pytest.mark.parametrize(("depth", "weights", "features"), [("short", 386_986, 4_800), ("deep", 804_394, 2_304)])
def test_lagani_has_the_published_number_of_weights(depth: Any, weights: int, features: int) -> None:
    circuit = cg.lagani_cnn(depth=depth)
    assert circuit.populations[-1].n_neurons == features
    assert sum(learned(circuit).values()) + 10 * (features + 1) == weights


def test_miconi_has_one_in_a_hundred_synapses_and_no_others() -> None:
    sparse, dense = cg.miconi_cnn(), cg.miconi_cnn(density=1.0)
    assert learned(dense) == {"image->conv1": 7_500, "pool1->conv2": 176_400, "pool2->conv3": 705_600}
    for name in ("pool1->conv2", "pool2->conv3"):
        slots, whole = sparse.slots(name), learned(dense)[name]
        per_unit = np.bincount(slots.post)
        assert per_unit.min() == per_unit.max() == round(0.01 * whole / len(per_unit))
        assert len({*zip(slots.pre.tolist(), slots.post.tolist(), strict=True)}) > 0.9 * len(slots)
        assert sparse.projection(name).weight.nbytes < 0.011 * dense.projection(name).weight.nbytes
    assert sparse.populations[-1].n_neurons == 1_600


def test_sparse_layers_ten_times_as_wide_have_fewer_synapses_than_dense_ones() -> None:
    wide = learned(cg.miconi_cnn(widths=(100, 1960, 4000)))
    assert wide == {"image->conv1": 7_500, "pool1->conv2": 17_640, "pool2->conv3": 704_000}


def test_another_seed_draws_other_synapses() -> None:
    one, same, other = (cg.miconi_cnn(widths=(8, 8, 8), density=0.1, rng=seed) for seed in (1, 1, 2))
    assert one == same
    assert one.projection("pool1->conv2").topology != other.projection("pool1->conv2").topology


BUILDS = {
    "lagani short": lambda: cg.lagani_cnn((3, 20, 20), widths=(4, 5, 6), rule=cg.HardWTA(0.1)),
    "lagani deep": lambda: cg.lagani_cnn((3, 32, 32), "deep", widths=(4, 5, 6, 7), rule=cg.HardWTA(0.1)),
    "miconi": lambda: cg.miconi_cnn((3, 32, 32), widths=(6, 8, 10), density=0.2, rule=cg.Instar(1e-4)),
}


@pytest.mark.parametrize("build", BUILDS.values(), ids=BUILDS.keys())
def test_every_layer_learns_and_is_edited(build: Build) -> None:
    circuit = build()
    net, x = cg.compile(circuit), images(*circuit.population("image").shape)
    before = {name: net.weights[name].detach().clone() for name in learned(circuit)}
    net.learn(net.step(x))
    assert all(not torch.equal(w, net.weights[name]) for name, w in before.items())
    cg.Prune(Magnitude(), Fraction(0.5))(net)
    assert sum(learned(net.circuit).values()) == pytest.approx(sum(learned(circuit).values()) / 2, abs=1)
    net.edit(cg.RemoveUnits("conv2", [1]))
    net.learn(net.step(x))
    assert net.circuit.population("conv2").n_units == circuit.population("conv2").n_units - 1
    assert torch.isfinite(net(x)).all()


def test_each_layer_takes_its_own_rule_and_neuron() -> None:
    rules, neurons = [cg.Oja(0.1), None, cg.Hebb(0.1)], [cg.Triangle(0.5), cg.ReLU(), cg.RePU(2)]
    circuit = cg.miconi_cnn(widths=(4, 4, 4), density=0.5, rule=rules, neuron=neurons)
    assert [p.rule for p in circuit.projections if not p.fixed] == rules
    assert [circuit.population(f"conv{i}").neuron for i in (1, 2, 3)] == neurons


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: cg.hebbian_cnn((1, 8, 8), []), "expected at least one"),
        (lambda: cg.hebbian_cnn((1, 8, 8), blocks(4)), "layer 4 does not fit on 4 units of 1x1 sites"),
        (lambda: cg.hebbian_cnn((1, 8, 8), [cg.ConvLayer(4, 9, cg.ReLU(), padding=0)]), "window larger"),
        (lambda: cg.hebbian_cnn((1, 8, 8), [cg.ConvLayer(0, 3, cg.ReLU())]), "layer 1"),
        (lambda: cg.hebbian_cnn((8,), blocks(1)), "needs 1 to 3 dimensions"),
        (lambda: cg.hebbian_cnn((1, 8, 8), [cg.ConvLayer(4, 3, cg.ReLU(), density=0)]), "density"),
        (lambda: cg.hebbian_cnn((1, 8, 8), [cg.ConvLayer(4, 3, cg.ReLU(), density=1.5)]), "density"),
        (lambda: cg.hebbian_cnn((1, 8, 8), [cg.ConvLayer(4, 3, cg.ReLU(), density=0.01)]), "leave units deaf"),
        (lambda: cg.lagani_cnn((1, 8, 8)), "lagani_cnn: layer 2 does not fit on 96 units of 2x2 sites"),
        (lambda: cg.lagani_cnn(widths=(4, 4)), "got 2 layers, expected 3"),
        (lambda: cg.lagani_cnn(depth="deep", widths=(4, 4, 4)), "got 3 layers, expected 4"),
        (lambda: cg.lagani_cnn(rule=[None, None]), "rule: one for each layer"),
        (lambda: cg.miconi_cnn((1, 8, 8)), "miconi_cnn: layer 2"),
        (lambda: cg.miconi_cnn(widths=(4, 4, 4, 4)), "got 4 layers, expected 3"),
        (lambda: cg.miconi_cnn(widths=(4, 0, 4)), "widths"),
        (lambda: cg.miconi_cnn(widths=(4, 4, 4)), "leave units deaf"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(build: Build, message: str) -> None:
    with pytest.raises(ShapeError, match=message) as caught:
        build()
    assert "\n" not in str(caught.value)


def test_a_depth_of_another_name_and_what_is_no_neuron_are_refused() -> None:
    with pytest.raises(StructureError, match="expected 'short' or 'deep'"):
        cg.lagani_cnn(depth="medium")
    with pytest.raises(StructureError, match="not a neuron"):
        cg.lagani_cnn(neuron=cg.Oja(0.1))
