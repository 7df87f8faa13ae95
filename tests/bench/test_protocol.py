"""The protocol of a run: what is fitted on which images, how layers are trained, what the read-out hears."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from circuitgraph.bench import readouts
from circuitgraph.bench.presets import PRESETS
from circuitgraph.bench.readouts import keep_for, read_layers
from circuitgraph.bench.run import Outcome, n_bytes, result_line, run_seed
from circuitgraph.bench.settings import Goal, Preset, Settings
from circuitgraph.bench.wiring import check, wire
from circuitgraph.data import ImageSet, load_images
from circuitgraph.errors import CircuitGraphError
from circuitgraph.nets import whitening
from circuitgraph.topologies import Conv, Pruned
from circuitgraph.train import Report, fit_readout, silent

TINY = {"scale": 0.05, "epochs": 2, "hebbian_batch_size": 20, "hebbian_passes": 1, "precision": "fp32", "probe": False}


def phases(name: str) -> Report:
    return silent


@pytest.fixture(scope="module")
def digits() -> ImageSet:
    whole = load_images("digits")
    return replace(
        whole,
        images=whole.images[:300],
        labels=whole.labels[:300],
        test_images=whole.test_images[:100],
        test_labels=whole.test_labels[:100],
    )


@pytest.fixture
def run(digits: ImageSet) -> Callable[..., Outcome]:
    def once(name: str = "softhebb", kind: str | None = None, data: ImageSet = digits, **changes: Any) -> Outcome:
        preset, settings = made(name, kind, **changes)
        return run_seed(preset, settings, data, 0, phases)

    return once


def made(name: str = "softhebb", kind: str | None = None, **changes: Any) -> tuple[Preset, Settings]:
    preset = PRESETS[name].on("digits")
    preset = preset if kind is None else preset.trained_by(kind)  # type: ignore[arg-type]
    return preset, preset.settings.changed(TINY | changes)


def test_whitening_is_fitted_on_training_images_alone(run: Callable[..., Outcome], digits: ImageSet) -> None:
    outcome = run(whiten=3, whiten_eps=0.05)
    kernel = outcome.circuit.projection("image->white")
    np.testing.assert_array_equal(kernel.weight, whitening(digits.images, 3, 0.05, rng=0).ravel())
    assert kernel.fixed
    assert "whitening" in outcome.seconds
    other = replace(digits, test_images=255 - digits.test_images)
    assert run(whiten=3, whiten_eps=0.05, data=other).circuit == outcome.circuit


@pytest.mark.parametrize("name", ["softhebb", "kmeans"])
def test_what_is_learned_does_not_depend_on_test_images_or_labels(
    name: str, run: Callable[..., Outcome], digits: ImageSet
) -> None:
    other = replace(digits, test_images=255 - digits.test_images, labels=digits.labels.flip(0))
    assert run(name).circuit == run(name, data=other).circuit


def test_layers_learn_one_after_the_other_when_asked(run: Callable[..., Outcome]) -> None:
    at_once, one_by_one, more = run(), run(training="layers"), run(training="layers", layer_passes=(1, 3))
    first, second = (p.name for p in at_once.circuit.projections if p.rule is not None)
    same = one_by_one.circuit.projection(first).weight
    np.testing.assert_allclose(at_once.circuit.projection(first).weight, same, rtol=1e-4)
    assert not np.allclose(at_once.circuit.projection(second).weight, one_by_one.circuit.projection(second).weight)
    np.testing.assert_array_equal(more.circuit.projection(first).weight, same)
    assert [row.get("step", 0) for row in more.norms][-1] == 15 + 45


def test_a_read_out_from_all_layers_hears_every_pool(run: Callable[..., Outcome]) -> None:
    last, every = run(), run(readout_from="all")
    # Two layers of 5 and 19 units, 4x4 and 2x2 sites; ten classes, and their biases.
    assert last.readout_weights == 10 * (19 * 2 * 2 + 1)
    assert every.readout_weights == 10 * (5 * 4 * 4 + 19 * 2 * 2 + 1)


def test_flips_change_features_and_not_what_is_learned(run: Callable[..., Outcome]) -> None:
    plain, flipped = run(), run(flips=True)
    assert plain.circuit == flipped.circuit
    assert plain.curve != flipped.curve


def test_shifts_change_features_and_not_what_is_learned(run: Callable[..., Outcome]) -> None:
    plain, shifted = run(), run(shifts=1)
    assert plain.circuit == shifted.circuit
    assert plain.curve != shifted.curve


def test_probes_say_how_good_each_layer_is(run: Callable[..., Outcome]) -> None:
    outcome = run(probe=True, scale=0.2)
    assert list(outcome.probes) == ["pool1", "pool2"]
    assert all(30 < share <= 100 for share in outcome.probes.values())
    assert "probes" in outcome.seconds
    assert not run().probes


def test_joint_probes_hear_all_layers_up_to_one(run: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch) -> None:
    widths: list[int] = []

    def fit(x: torch.Tensor, *given: Any, **options: Any) -> Any:
        widths.append(x.shape[1])
        return fit_readout(x, *given, **options)

    monkeypatch.setattr(readouts, "fit_readout", fit)
    outcome = run(probe=True, scale=0.2)
    first, second = 19 * 4 * 4, 77 * 2 * 2
    assert widths[:3] == [first, second, first + second]
    assert list(outcome.joint_probes) == ["pool1", "pool2"]
    assert outcome.joint_probes["pool1"] == outcome.probes["pool1"]
    assert outcome.joint_probes["pool2"] > 50
    assert not run().joint_probes


def test_probes_change_nothing_else(run: Callable[..., Outcome]) -> None:
    probed, plain = run(probe=True, epochs=5), run(probe=False, epochs=5)
    assert probed.circuit == plain.circuit
    assert (probed.curve, probed.test_accuracy) == (plain.curve, plain.test_accuracy)


def test_the_layers_that_are_read_are_kept_readable() -> None:
    preset, settings = made(probe=True)
    circuit = preset.build((1, 8, 8), 10, settings, 0)
    assert read_layers(circuit, settings) == ("pool2",)
    assert keep_for(circuit, settings) == {"pool1", "pool2"}
    assert keep_for(circuit, settings.changed({"probe": False})) == {"pool2"}
    assert read_layers(circuit, settings.changed({"readout_from": "all"})) == ("pool1", "pool2")


@pytest.mark.parametrize("name", ["softhebb", "kmeans"])
def test_any_circuit_is_trained_by_gradient_or_left_untrained(name: str, run: Callable[..., Outcome]) -> None:
    trained, left = run(name, "backprop", epochs=15, batch_size=16), run(name, "random")
    assert trained.test_accuracy is not None
    assert left.test_accuracy is not None
    assert trained.test_accuracy > 40
    assert "label" in {p.name for p in trained.circuit.populations}
    assert trained.readout_weights == 0
    preset, settings = made(name)
    built = preset.build((1, 8, 8), 10, settings, 0)
    for p in built.projections:
        if p.rule is not None:
            np.testing.assert_array_equal(left.circuit.projection(p.name).weight, p.weight)


def test_k_means_lowers_the_distance_of_patches_to_their_words(digits: ImageSet) -> None:
    preset, settings = made("kmeans")
    outcome = Outcome(0, preset.build(digits.shape, 10, settings, 0))
    circuit = wire(preset, settings, digits, outcome)
    n = circuit.population("words").n_units
    words = circuit.projection("white->words").weight.reshape(n, -1)
    np.testing.assert_allclose(circuit.population("words").memory["bias"], -(words**2).sum(1) / 2, rtol=1e-5)
    before = outcome.circuit.projection("white->words").weight.reshape(n, -1)
    assert _distance(circuit, words, digits) < 0.9 * _distance(circuit, before, digits)


def _distance(circuit: Any, words: np.ndarray, data: ImageSet) -> float:
    matrix = circuit.projection("image->white").weight.reshape(36, 36)
    found = torch.nn.functional.unfold(data.images.float() / 255, 6).transpose(1, 2).reshape(-1, 36).numpy() @ matrix.T
    found /= np.sqrt((found**2).sum(1, keepdims=True) + 1e-5)
    return float(((found[:, None] - words) ** 2).sum(2).min(1).mean())


def test_the_result_line_says_what_was_published_and_how_large_it_is(
    run: Callable[..., Outcome], digits: ImageSet
) -> None:
    preset, settings = made(probe=True, epochs=20)
    preset = replace(preset, goal=Goal(98.5, 97.25))
    outcome = run_seed(preset, settings, digits, 0, phases)
    line = result_line(outcome, digits, "softhebb", preset, settings, torch.float32)
    assert (line["published"], line["expected"]) == (98.5, 97.25)
    assert line["train_by"] == "hebbian"
    assert line["readout_weights"] == outcome.readout_weights > 0
    assert [point["epoch"] for point in line["curve"]] == [5, 10, 15, 20]
    assert line["curve"][-1]["validation"] == pytest.approx(line["validation_accuracy"], abs=1e-3)
    assert line["probes"].keys() == {"pool1", "pool2"}


def test_bytes_count_weights_and_the_indices_of_sparse_wiring() -> None:
    preset, settings = made()
    circuit = preset.build((1, 8, 8), 10, settings, 0)
    dense = n_bytes(Outcome(0, circuit))
    assert dense == 4 * circuit.n_slots
    first = circuit.projections[0]
    few = replace(first, topology=Pruned(first.topology, [0, 5, 7]), weight=first.weight[[0, 5, 7]])
    sparse = replace(circuit, projections=(few, *circuit.projections[1:]))
    assert dense - n_bytes(Outcome(0, sparse)) == 4 * first.n_slots - 3 * (4 + 8)
    assert isinstance(first.topology, Conv)
    assert n_bytes(Outcome(0, circuit, readout_weights=10)) == dense + 40


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"whiten": 9}, "expected an integer from 2 to 8"),
        ({"whiten": 4}, "odd"),
        ({"whiten": 7, "n_train": 30}, "too few images"),
        ({"layer_passes": (1, 2)}, "--training layers"),
        ({"training": "layers", "layer_passes": (1, 2, 3)}, "got 3"),
        ({"depth": 5}, "layer 4"),
    ],
)
def test_what_cannot_be_trained_is_said_before_training(changes: dict[str, Any], said: str, digits: ImageSet) -> None:
    preset, settings = made(**changes)
    with pytest.raises(CircuitGraphError, match=said):
        check(preset, settings, digits, 0)


def test_a_check_passes_what_can_be_trained(digits: ImageSet) -> None:
    preset, settings = made(whiten=3, training="layers", layer_passes=(1, 2))
    check(preset, settings, digits, 0)
