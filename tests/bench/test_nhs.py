"""The blocks of `cifar10 --preset nhs`: they learn, grow without forgetting, are pruned, and learn on."""

import json
import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console
from typer.testing import CliRunner

from circuitgraph.bench import __main__ as command
from circuitgraph.bench import cifar10, nhs, report
from circuitgraph.bench.nhs_parts import Births, Diary, Mixed, Paced, hexagon, shifted
from circuitgraph.compiler import carry
from circuitgraph.data import ImageSet, load_images
from circuitgraph.ir import Circuit
from circuitgraph.kernels import Setting
from circuitgraph.structural import Moment
from circuitgraph.topologies import Conv, Pruned
from circuitgraph.train import Report, silent

TINY = nhs.NhsSettings(
    widths=(8, 12, 16), epochs=8, batch_size=32, learning_rate=5e-3, weight_decay=0.01, label_smoothing=0.1,
    hebbian_lr=(1e-3,), births=2, deaths=0.25, shift=0, flip=False, n_probe=60, n_watched=100, precision="fp32",
)  # fmt: skip
Made = tuple[nhs.NhsSettings, nhs.Outcome]


def phases(name: str) -> Report:
    return silent


def few(data: ImageSet, n: int) -> ImageSet:
    return replace(data, images=data.images[:n], labels=data.labels[:n])


@pytest.fixture(scope="module")
def digits() -> ImageSet:
    return load_images("digits")


@pytest.fixture(scope="module")
def made(digits: ImageSet) -> Made:
    return TINY, nhs.run(TINY, digits, 0, phases)


def living(settings: nhs.NhsSettings = TINY, seed: int = 0) -> Paced:
    return Paced(nhs.build((1, 8, 8), 10, settings, seed), setting=Setting(32)).double()


def moment(net: Paced, seed: int = 0) -> Moment:
    rng = torch.Generator().manual_seed(seed)
    probe = [(torch.rand(40, 1, 8, 8, generator=rng), torch.rand(40, 10, generator=rng))]
    return Moment(net, 0, None, probe, None, rng)


def hidden(circuit: Circuit) -> list[int]:
    return [circuit.population(f"hidden{i}").n_units for i in (1, 2)]


def test_it_learns_and_its_best_network_is_one_after_the_last_edit(made: Made) -> None:
    settings, outcome = made
    assert outcome.test_accuracy is not None
    assert outcome.test_accuracy > 80
    slots = [row["slots"] for row in outcome.curve]
    settled = [row for row in outcome.curve if row["slots"] == slots[-1] and row["epoch"] > 2 * settings.epochs / 3]
    assert outcome.validation_accuracy == max(row["validation"] for row in settled)
    assert outcome.circuit.n_slots == slots[-1]


def test_units_are_born_and_die_slots_go_and_training_goes_on(made: Made, digits: ImageSet) -> None:
    settings, outcome = made
    edits = [row["edit"] for row in outcome.found["log"]]
    assert edits[: settings.births + 1] == ["units are born"] * settings.births + ["units die"]
    assert set(edits[settings.births + 1 :]) == {"slots go"}
    assert hidden(outcome.circuit) == [round(w * (1 - settings.deaths)) for w in settings.widths[1:]]
    convolutions = [p for p in outcome.circuit.projections if isinstance(p.topology, Conv | Pruned)]
    whole = sum(9 * a[0] * b[0] for a, b in (outcome.circuit.shapes(p) for p in convolutions))
    assert sum(p.n_slots for p in convolutions) == round(settings.density * whole)
    last = max(row["step"] for row in outcome.found["log"])
    steps = settings.epochs * math.ceil(0.9 * len(digits.images) / settings.batch_size)
    assert steps / 2 < last <= nhs.last_edit(steps) < steps
    assert outcome.curve[-1]["loss"] < min(row["loss"] for row in outcome.curve[:4])


def test_the_rows_of_the_log_follow_each_other_and_births_cost_nothing(made: Made) -> None:
    _, outcome = made
    rows = outcome.found["log"]
    assert outcome.structure is not None
    for before, after in pairwise(rows):
        assert before["slots_after"] == after["slots_before"]
        assert before["units_after"] == after["units_before"]
    assert rows[-1]["slots_after"] == outcome.structure["slots"].iloc[-1]
    for row in rows[:2]:
        assert row["accuracy_after"] == row["accuracy_before"]
        assert row["units_after"] > row["units_before"]


def test_the_result_is_plain_data_and_its_tables_print(made: Made) -> None:
    _, outcome = made
    assert json.loads(json.dumps(outcome.found)) == outcome.found
    console = Console(record=True, width=200)
    for title in ("epochs", "log"):
        console.print(report.listed(title, outcome.found[title]))
    text = console.export_text()
    assert all(word in text for word in ("units are born", "units die", "slots go", " to ", "validation"))


def test_no_output_changes_at_birth() -> None:
    net, born = living(), Births(2, 2, torch.Generator().manual_seed(1))
    x = torch.rand(7, 1, 8, 8, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    for _ in range(3):  # statistics of their own, without which normalisation has nothing to forget
        net.learn(net.step(x))
    before, was = net.eval()(x), hidden(net.circuit)
    for _ in range(2):
        born(moment(net))
        torch.testing.assert_close(net.eval()(x), before, rtol=0, atol=1e-14)  # sums in another order
    assert was == [6, 8]
    assert hidden(net.circuit) == [12, 16]


def test_newcomers_speak_through_hexagons_as_the_others_do() -> None:
    net = living()
    Births(2, 1, torch.Generator().manual_seed(1))(moment(net))
    for i, width in ((1, 12), (2, 16)):
        law = net.circuit.projection(f"gated{i}->back{i}").topology
        assert law == Pruned(Conv(3, padding=1), hexagon(width, width))


def test_a_hexagon_has_the_middle_and_six_neighbours_of_every_unit() -> None:
    expected = [
        (post * 9 + tap) * 2 + pre for post in range(3) for tap in range(9) for pre in range(2) if tap not in (0, 8)
    ]
    assert hexagon(2, 3).tolist() == expected


def test_one_projection_learns_by_gradient_and_by_rule_before_and_after_an_edit(digits: ImageSet) -> None:
    net = Paced(nhs.build((1, 8, 8), 10, TINY, 0), setting=Setting(32))
    mixed = Mixed(digits.images[:64], digits.labels[:64], 10, 32, torch.Generator().manual_seed(0), 0.0, 0, False)
    trainer = nhs.make_trainer(net, TINY, mixed, Diary(digits.images[:9], digits.labels[:9]))
    name = "fire1->hidden1"
    for edited in (False, True):
        net.train()
        assert net.weights[name].requires_grad
        held = {id(p) for group in trainer.optimizer.param_groups for p in group["params"]}  # type: ignore[union-attr]
        assert id(net.weights[name]) in held
        net.pace = 0.0
        before = net.weights[name].detach().clone()
        state = net.step(torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(0)))
        (g,) = torch.autograd.grad(state["label"].sum(), net.weights[name])
        assert g.any()
        net.learn(state)
        assert torch.equal(net.weights[name], before)
        net.pace = 0.5
        net.learn(state)
        moved = (net.weights[name].detach() - before).abs().max()
        assert moved.item() == pytest.approx(0.5 * 1e-3, rel=1e-3)  # the layer's largest change is pace * rate
        if not edited:
            trainer.fit(mixed)
            assert net.pace > 0
            for remap in Births(2, 1, torch.Generator().manual_seed(1))(moment(net)):
                carry(trainer.optimizer, remap)  # type: ignore[arg-type]


def test_images_are_mixed_in_pairs_with_their_labels(digits: ImageSet) -> None:
    mixed = Mixed(digits.images[:60], digits.labels[:60], 10, 20, torch.Generator().manual_seed(3), 1.0, 0, False)
    seen = [x for x, _ in mixed]
    assert len(seen) == len(mixed) == 3
    for x, shares in mixed:
        torch.testing.assert_close(shares.sum(1), torch.ones(len(x)))
        assert (shares > 0).sum(1).max() == 2
    plain = Mixed(digits.images[:60], digits.labels[:60], 10, 20, torch.Generator().manual_seed(3), 0.0, 0, False)
    x, shares = next(iter(plain))
    every = zip(digits.images, digits.labels.tolist(), strict=True)
    known = {tuple(image.flatten().tolist()): label for image, label in every}
    for image, share in zip(x, shares, strict=True):
        assert known[tuple((255 * image).round().byte().flatten().tolist())] == int(share.argmax())


def test_shifted_images_are_windows_of_the_reflected_image() -> None:
    x = torch.rand(50, 2, 5, 6, generator=torch.Generator().manual_seed(0))
    found = shifted(x, 2, True, torch.Generator().manual_seed(1))
    padded = np.pad(x.numpy(), [(0, 0), (0, 0), (2, 2), (2, 2)], mode="reflect")
    ways = set()
    for i in range(len(x)):
        for dy, dx, flip in np.ndindex(5, 5, 2):
            window = padded[i, :, dy : dy + 5, dx : dx + 6]
            if np.array_equal(window[..., ::-1] if flip else window, found[i].numpy()):
                ways.add((dy, dx, flip))
                break
        else:
            pytest.fail(f"image {i} is no window")
    assert len({w[:2] for w in ways}) > 10
    assert {w[2] for w in ways} == {0, 1}


def test_the_same_images_give_the_same_output_whatever_came_before(made: Made, digits: ImageSet) -> None:
    net = Paced(made[1].circuit, setting=Setting(32)).eval()
    x = digits.images[:20].float() / 255
    before = net(x)
    net(x.flip(0) * 3)
    assert torch.equal(net(x), before)
    torch.testing.assert_close(net(x[:5]), before[:5])


def test_what_is_learned_and_removed_does_not_depend_on_test_images(digits: ImageSet) -> None:
    settings, data = TINY.model_copy(update={"epochs": 2}), few(digits, 300)
    other = replace(data, test_images=255 - data.test_images, test_labels=data.test_labels.flip(0))
    one, two = (nhs.run(settings, each, 0, phases) for each in (data, other))
    assert one.test_accuracy != two.test_accuracy
    assert one.circuit == two.circuit


def test_other_numbers_of_widths_and_rates_are_refused() -> None:
    for change in ({"widths": (8,)}, {"hebbian_lr": (0.1, 0.2)}):
        with pytest.raises(ValueError, match="NHS network"):
            nhs.build((1, 8, 8), 10, TINY.model_copy(update=change), 0)


def test_the_command_prints_what_was_edited_and_leaves_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(cifar10.RECIPE.presets, "nhs", replace(nhs.PRESET, quick=TINY))
    monkeypatch.setattr(command, "load_images", lambda *args, **more: few(load_images("digits"), 300))
    words = ["cifar10", "--preset", "nhs", "--quick", "--epochs", "3", "--json", "--out", str(tmp_path)]
    result = CliRunner().invoke(command.app, words)
    assert result.exit_code == 0, result.output
    (line,) = [json.loads(text) for text in result.stdout.splitlines()]
    assert line["preset"] == "nhs"
    assert [row["epoch"] for row in line["epochs"]] == [1, 2, 3]
    assert {row["edit"] for row in line["log"]} == {"units are born", "units die", "slots go"}
    assert line["n_slots"] == line["log"][-1]["slots_after"]
    for words_shown in ("units are born", "accuracy", "seed 0: edits"):
        assert words_shown in result.stderr
    assert (tmp_path / "structure.png").stat().st_size > 1000


def test_more_than_one_hebbian_rate_is_one_clear_error(tmp_path: Path) -> None:
    words = ["cifar10", "--preset", "nhs", "--hebbian-lr", "1,2", "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(command.app, words)
    assert result.exit_code == 2
    assert "one rate" in result.stderr
    assert not (tmp_path / "out").exists()
