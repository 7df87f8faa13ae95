"""Networks without sites: sizes, what they compute, wrong input."""

import numpy as np
import pytest
import torch

import circuitgraph as cg
from circuitgraph.errors import ShapeError


def test_a_perceptron_trains_its_last_layer_by_gradient_only() -> None:
    circuit = cg.mlp([4, 3, 2], rule=cg.Oja(0.1))
    assert [p.rule for p in circuit.projections] == [cg.Oja(0.1), None]


def test_an_empty_perceptron_is_refused() -> None:
    with pytest.raises(ShapeError, match="expected at least"):
        cg.mlp([4])


def test_hebbnet_has_the_published_size_and_bounds() -> None:
    circuit = cg.hebbnet(rule=cg.Hebb(0.1))
    weight = circuit.projection("image->hidden").weight
    assert circuit.population("hidden").shape == (2000,)
    assert len(weight) == 784 * 2000
    assert 0.99 / 28 < abs(weight).max() <= 1 / 28


def test_krotov_fires_by_the_power_of_the_cosine_with_unit_images() -> None:
    circuit = cg.krotov((1, 2, 2), 3, power=3.0, rng=1)
    x = torch.rand(5, 1, 2, 2, generator=torch.Generator().manual_seed(0))
    found, w = cg.compile(circuit)(x), circuit.projection("image->hidden").weight.reshape(3, 4)
    for image, got in zip(x.flatten(1).numpy(), found, strict=True):
        norm = float(np.sqrt((image**2).sum()))
        expected = [max(sum(w[j, i] * image[i] for i in range(4)) / norm, 0.0) ** 3 for j in range(3)]
        assert got.tolist() == pytest.approx(expected, rel=1e-3, abs=1e-6)


def test_krotov_draws_weights_of_the_standard_normal_distribution() -> None:
    weight = cg.krotov((1, 28, 28), 50).projection("image->hidden").weight
    assert abs(weight.std() - 1) < 0.02
    assert abs(weight.mean()) < 0.02


@pytest.mark.parametrize("build", [cg.hebbnet, cg.krotov])
def test_the_same_seed_gives_the_same_weights_and_another_others(build: object) -> None:
    one, same, other = (build((2, 3), 4, rng=seed) for seed in (1, 1, 2))  # type: ignore[operator]
    assert one == same != other


@pytest.mark.parametrize("build", [cg.hebbnet, cg.krotov])
def test_it_learns_and_is_edited(build: object) -> None:
    net = cg.compile(build((1, 4, 4), 6, rule=cg.HardWTA(0.1)))  # type: ignore[operator]
    before = net.weights["image->hidden"].detach().clone()
    x = torch.rand(8, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    net.learn(net.step(x))
    assert not torch.equal(net.weights["image->hidden"], before)
    net.edit(cg.RemoveUnits("hidden", [0, 2]))
    assert net(x).shape == (8, 4)
    assert net.circuit.n_slots == 4 * 16


@pytest.mark.parametrize("build", [cg.hebbnet, cg.krotov])
@pytest.mark.parametrize(("shape", "units"), [((0, 4), 5), ((1, 4, 4), 0), ((1, 4, 4), 2.5)])
def test_what_is_no_shape_or_no_number_of_units_is_refused(build: object, shape: object, units: object) -> None:
    with pytest.raises(ShapeError):
        build(shape, units)  # type: ignore[operator]
