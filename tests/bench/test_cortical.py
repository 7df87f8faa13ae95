"""The cortical sheets of `mnist --preset cortical-mlp`: they train, lose units and slots, and keep to their budget."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from circuitgraph.bench import cortical
from circuitgraph.data import load_images
from circuitgraph.train import Report, silent


@pytest.fixture(scope="module")
def made() -> tuple[cortical.CorticalSettings, cortical.Outcome]:
    quick = cortical.PRESET.quick
    assert isinstance(quick, cortical.CorticalSettings)
    settings = quick.model_copy(update={"widths": (96, 48), "epochs": 40, "budget": 4000, "n_labelled": None})
    phases: Report = silent
    return settings, cortical.run(settings, load_images("digits"), 0, lambda name: phases)


def test_it_learns_and_keeps_to_its_budget(made: tuple[cortical.CorticalSettings, cortical.Outcome]) -> None:
    settings, outcome = made
    assert outcome.test_accuracy is not None
    assert outcome.test_accuracy > 80
    assert outcome.circuit.n_slots <= settings.budget


def test_units_are_really_gone_and_the_log_says_when(
    made: tuple[cortical.CorticalSettings, cortical.Outcome],
) -> None:
    settings, outcome = made
    left = {name: outcome.circuit.population(name).n_units for name in cortical.HIDDEN}
    assert outcome.found["units"] == left
    assert all(n <= width for n, width in zip(left.values(), settings.widths, strict=True))
    assert sum(left.values()) < sum(settings.widths)
    assert outcome.structure is not None
    assert outcome.structure["slots"].is_monotonic_decreasing
    assert outcome.structure["slots"].iloc[-1] == outcome.circuit.n_slots


def test_neighbours_inhibit_each_other() -> None:
    circuit = cortical.build((1, 4, 4), 3, cortical.CorticalSettings(widths=(36, 16)), 0)
    lateral = [p for p in circuit.projections if p.fixed and (p.weight < 0).any()]
    assert len(lateral) == len(cortical.HIDDEN)
    for p in lateral:
        slots = circuit.slots(p)
        total = torch.zeros(circuit.population(p.post).n_units, dtype=torch.float64)
        total.index_add_(0, torch.tensor(slots.post), torch.tensor(p.weight, dtype=torch.float64))
        assert (total <= 1e-6).all()


def test_other_numbers_of_sheets_are_refused() -> None:
    with pytest.raises(ValueError, match="widths"):
        cortical.build((1, 4, 4), 3, cortical.CorticalSettings(widths=(36,)), 0)


def test_what_is_learned_and_removed_does_not_depend_on_test_images() -> None:
    settings = cortical.CorticalSettings(widths=(64, 25), epochs=3, batch_size=64, budget=3000, precision="fp32")
    digits = load_images("digits")
    other = replace(digits, test_images=255 - digits.test_images, test_labels=digits.test_labels.flip(0))
    phases: Report = silent
    one, two = (cortical.run(settings, data, 0, lambda name: phases) for data in (digits, other))
    assert one.test_accuracy != two.test_accuracy
    for a, b in zip(one.circuit.projections, two.circuit.projections, strict=True):
        assert np.array_equal(a.weight, b.weight)
        assert np.array_equal(a.slot_ids, b.slot_ids)
