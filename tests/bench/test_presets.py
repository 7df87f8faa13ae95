"""Presets as data: each builds where it says that it fits, and the registry offers it there."""

import pytest
import torch

import circuitgraph as cg
from circuitgraph.bench.baselines import by_gradient, untrained
from circuitgraph.bench.outcome import Outcome
from circuitgraph.bench.presets import PRESETS, presets_of
from circuitgraph.bench.presets.shared import rates_of, widths_of
from circuitgraph.bench.recipes import RECIPES
from circuitgraph.bench.settings import Goal, Preset, Settings
from circuitgraph.bench.wiring import wire
from circuitgraph.data import ImageSet
from circuitgraph.errors import CircuitGraphError

FITS = [(name, data) for name, preset in PRESETS.items() for data in preset.goals]


@pytest.mark.parametrize(("name", "dataset"), FITS)
def test_a_preset_builds_on_the_data_that_it_fits(name: str, dataset: str) -> None:
    recipe = RECIPES[dataset]
    preset = recipe.presets[name]
    settings = preset.settings.changed({"scale": 0.15 * preset.settings.scale})
    circuit = preset.build(recipe.shape, recipe.n_classes, settings, 0)
    assert circuit.population("image").shape == recipe.shape
    assert preset.build(recipe.shape, recipe.n_classes, settings, 0) == circuit
    if preset.kind == "hebbian" and preset.fit is None:
        assert preset.build(recipe.shape, recipe.n_classes, settings, 1) != circuit
        assert any(p.rule is not None for p in circuit.projections)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_says_what_it_is_and_where_its_numbers_are_from(name: str) -> None:
    preset = PRESETS[name]
    assert preset.goals
    assert set(preset.goals) <= set(RECIPES)
    assert preset.about
    published = [goal.published for goal in preset.goals.values() if goal.published is not None]
    assert all(0 < number <= 100 for number in published)
    assert preset.source or not published, "a published number needs a source"
    assert preset.on(next(iter(preset.goals))).quick.probe is False  # type: ignore[union-attr]


def test_softhebb_is_the_default_everywhere() -> None:
    for recipe in RECIPES.values():
        assert next(iter(recipe.presets)) == "softhebb"
        assert {"backprop", "random", "pixels", "kmeans"} <= set(recipe.presets)
    assert {"nhs"} == set(RECIPES["cifar10"].presets) - set(presets_of("cifar10"))


def test_settings_of_a_data_set_and_of_a_quick_run_go_on_top_of_the_presets_own() -> None:
    base = Settings(epochs=7, dropout=0.1)
    preset = Preset(
        "hebbian",
        "about",
        PRESETS["softhebb"].build,
        base,
        base.changed({"epochs": 3, "scale": 0.5}),
        goals={"mnist": Goal(90.0, 91.0, {"dropout": 0.2}, {"epochs": 2})},
    )
    there = preset.on("mnist")
    assert (there.settings.epochs, there.settings.dropout, there.settings.probe) == (7, 0.2, True)
    assert there.quick is not None
    assert (there.quick.epochs, there.quick.dropout, there.quick.scale) == (2, 0.2, 0.5)
    assert (there.goal.published, there.goal.expected) == (90.0, 91.0)


def test_a_circuit_trained_otherwise_has_no_published_number() -> None:
    preset = RECIPES["cifar10"].presets["softhebb"]
    other = preset.trained_by("backprop")
    assert preset.goal.published is not None
    assert other.goal.published is None
    assert (other.kind, other.settings.weight_decay) == ("backprop", 0.01)
    assert preset.trained_by("random").settings == preset.settings


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5])
def test_softhebb_has_as_many_layers_as_asked_for(depth: int) -> None:
    build = PRESETS["softhebb"].build
    circuit = build((3, 32, 32), 10, Settings(depth=depth, scale=0.02), 0)
    assert sum(p.rule is not None for p in circuit.projections) == depth


def test_impossible_layer_counts_and_widths_are_refused() -> None:
    build = PRESETS["softhebb"].build
    for change, said in (({"depth": 6}, "got 6, expected 1 to 5"), ({"widths": (3,)}, "network of 3 layers")):
        with pytest.raises(ValueError, match=said):
            build((3, 32, 32), 10, Settings(**change), 0)  # type: ignore[arg-type]
    with pytest.raises(CircuitGraphError, match="layer 4"):
        build((1, 8, 8), 10, Settings(depth=4, scale=0.02), 0)


def test_one_rate_serves_all_layers_and_widths_are_scaled() -> None:
    assert rates_of(Settings(), (0.1, 0.2)) == (0.1, 0.2)
    assert rates_of(Settings(hebbian_lr=(0.3,)), (0.1, 0.2)) == (0.3, 0.3)
    assert widths_of(Settings(widths=(5, 6), scale=0.5), (96, 384)) == (5, 6)
    assert widths_of(Settings(scale=1e-9), (96,)) == (1,)


def competing() -> cg.Circuit:
    net = cg.Circuit().add("image", (2, 6, 6), cg.BatchNorm())
    net = net.connect("image", "conv", cg.Conv(3), units=4, neuron=cg.Triangle(0.7), rule=cg.SoftHebb(0.1), sign=1)
    net = net.connect("conv", "pool", cg.Pool(2))
    return net.connect("pool", "words", cg.Conv(1), units=3, neuron=cg.Chain((cg.Bias(), cg.KWinners(1))))


def test_a_circuit_for_gradients_has_no_rule_and_no_competition_and_keeps_what_is_fixed() -> None:
    net = by_gradient(competing(), 5, seed=0)
    assert all(p.rule is None for p in net.projections)
    assert net.population("conv").neuron == cg.ReLU()
    assert net.population("words").neuron == cg.Chain((cg.Bias(), cg.ReLU()))
    assert net.population("image").neuron == cg.BatchNorm()
    assert net.projection("conv->pool").fixed
    assert (net.projection("image->conv").weight >= 0).all()
    assert net.population("label").shape == (5,)
    assert net.projection("words->label").pre == "words"


def test_an_untrained_circuit_keeps_rules_first_weights_and_loses_fitted_ones() -> None:
    circuit = competing()
    circuit = circuit.replace_projection("pool->words", weight=circuit.projection("pool->words").weight * 0 + 7)
    net = untrained(circuit, seed=0)
    assert net.projection("image->conv") == circuit.projection("image->conv")
    assert (net.projection("pool->words").weight != 7).all()


def test_decorrelation_stands_before_every_layer_but_the_first() -> None:
    preset = PRESETS["hard"]
    images = torch.randint(256, (300, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    labels = torch.zeros(300, dtype=torch.int64)
    data = ImageSet("noise", images, labels, images[:1], labels[:1], ("a", "b"), "made up")
    settings = preset.settings.changed({"scale": 0.05, "whiten": 3})
    circuit = wire(preset, settings, data, Outcome(0, preset.build(data.shape, 2, settings, 0)))
    assert {p.pre: p.post for p in circuit.projections if isinstance(p.rule, cg.Whitening)} == {
        "pool1": "pool1_white", "pool2": "pool2_white",
    }  # fmt: skip
    assert [p.pre for p in circuit.projections if isinstance(p.rule, cg.HardWTA)] == [
        "white", "pool1_white", "pool2_white",
    ]  # fmt: skip


def test_lateral_inhibition_of_the_optimal_preset_never_excites_in_sum() -> None:
    circuit = PRESETS["optimal"].build((3, 32, 32), 10, PRESETS["optimal"].settings.changed({"scale": 0.05}), 0)
    for i in (1, 2, 3):
        p = circuit.projection(f"conv{i}_surround")
        kernels = p.weight.reshape(circuit.population(f"conv{i}").n_units, -1)
        assert (kernels.sum(1) < 1e-6).all()
        assert (kernels.max(1) > 0).all()
