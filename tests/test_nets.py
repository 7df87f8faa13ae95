"""Circuits of the literature: the counts that their papers state, and wrong input."""

import pytest

import circuitgraph as cg
from circuitgraph.bench.recipes import RECIPES
from circuitgraph.errors import ShapeError


def test_the_cifar_network_has_the_published_number_of_weights() -> None:
    preset = RECIPES["cifar10"].presets["softhebb"]
    circuit = preset.build((3, 32, 32), 10, preset.settings, 0)
    learned = {p.name: p.n_slots for p in circuit.projections if p.rule is not None}
    assert list(learned.values()) == [7_200, 331_776, 5_308_416]
    assert circuit.populations[-1].n_neurons == 24_576


def test_a_perceptron_trains_its_last_layer_by_gradient_only() -> None:
    circuit = cg.mlp([4, 3, 2], rule=cg.Oja(0.1))
    assert [p.rule for p in circuit.projections] == [cg.Oja(0.1), None]


@pytest.mark.parametrize("build", [lambda: cg.mlp([4]), lambda: cg.hebbian_cnn((1, 8, 8), [])])
def test_an_empty_network_is_refused(build: object) -> None:
    with pytest.raises(ShapeError, match="expected at least"):
        build()  # type: ignore[operator]
