"""The command line as a user meets it: what it prints, writes and answers to wrong input."""

import functools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from circuitgraph import io
from circuitgraph.bench import __main__ as command
from circuitgraph.data import load_images

SMALL = ["--quick", "--epochs", "2", "--hebbian-passes", "1", "--hebbian-batch-size", "50"]
KEYS = {
    "dataset",
    "preset",
    "seed",
    "test_accuracy",
    "validation_accuracy",
    "seconds",
    "n_slots",
    "n_synapses",
    "device",
    "versions",
    "command",
}


def run(*words: str) -> Result:
    return CliRunner().invoke(command.app, list(words))


@pytest.fixture
def nothing_on_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CIRCUITGRAPH_DATA", str(tmp_path / "none"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(command, "load_images", functools.partial(load_images, download=False))


def test_without_a_recipe_all_recipes_are_listed() -> None:
    result = run()
    assert result.exit_code == 0
    for name in ("cifar10", "cifar100", "mnist", "fashion-mnist", "digits", "softhebb", "backprop", "random", "pixels"):
        assert name in result.output


@pytest.mark.parametrize("preset", ["softhebb", "backprop", "random", "pixels"])
def test_every_preset_runs_and_leaves_results_pictures_and_a_circuit(preset: str, tmp_path: Path) -> None:
    result = run("digits", *SMALL, "--preset", preset, "--seeds", "2", "--out", str(tmp_path))
    assert result.exit_code == 0, result.output
    lines = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    assert [line["seed"] for line in lines] == [0, 1]
    for line in lines:
        assert line.keys() >= KEYS
        assert line["dataset"] == "digits"
        assert line["test_accuracy"] > 20
        assert str(tmp_path) not in json.dumps(line)
    assert (tmp_path / "accuracy.png").stat().st_size > 1000
    assert (tmp_path / "receptive_fields.png").exists() == (preset != "pixels")
    assert (tmp_path / "weight_norms.png").exists() == (preset == "softhebb")
    assert io.load(tmp_path / "circuit.safetensors").n_slots == lines[0]["n_slots"]
    assert "mean" in result.output
    assert "slots" in result.output


def test_json_prints_one_line_per_seed_and_nothing_else(tmp_path: Path) -> None:
    result = run("digits", *SMALL, "--json", "--seeds", "3,5", "--out", str(tmp_path))
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["seed"] for line in lines] == [3, 5]


def test_the_same_seed_gives_the_same_accuracy(tmp_path: Path) -> None:
    for name in ("a", "b"):
        assert run("digits", *SMALL, "--out", str(tmp_path / name)).exit_code == 0
    a, b = (json.loads((tmp_path / name / "results.jsonl").read_text()) for name in ("a", "b"))
    assert (a["test_accuracy"], a["validation_accuracy"]) == (b["test_accuracy"], b["validation_accuracy"])


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["cifar11"], "cifar11"),
        (["digits", "--preset", "softheb"], "softheb"),
        (["digits", "--device", "abacus"], "abacus"),
        (["digits", "--epochs", "0"], "--epochs"),
        (["digits", "--epochs", "many"], "epochs"),
        (["digits", "--seeds", "x"], "--seeds"),
        (["digits", "--hebbian-lr", "a"], "--hebbian-lr"),
        (["digits", "--hebbian-lr", "1,2,3"], "of 2 layers"),
        (["digits", "--nonsense"], "nonsense"),
        (["digits", "--precision", "fp7"], "--precision"),
        (["digits", "--normalize", "all"], "--normalize"),
        (["digits", "--seeds", "0"], "--seeds"),
        (["mnist", "--preset", "hard"], "does not fit mnist"),
        (["digits", "--preset", "nhs"], "it runs on cifar10"),
        (["digits", "--whiten", "9"], "expected an integer from 2 to 8"),
        (["digits", "--whiten", "4"], "odd"),
        (["digits", "--whiten", "-1"], "--whiten"),
        (["digits", "--whiten-eps", "0"], "--whiten-eps"),
        (["digits", "--depth", "6"], "got 6, expected 1 to 5"),
        (["digits", "--preset", "kmeans", "--depth", "2"], "the preset has its own layers"),
        (["digits", "--depth", "0"], "--depth"),
        (["digits", "--depth", "4"], "layer 4"),
        (["digits", "--widths", "8,8,8"], "of 2 layers"),
        (["digits", "--widths", "8,0"], "--widths"),
        (["digits", "--training", "sideways"], "--training"),
        (["digits", "--layer-passes", "1,2"], "--training layers"),
        (["digits", "--training", "layers", "--layer-passes", "1,2,3"], "got 3"),
        (["digits", "--training", "layers", "--layer-passes", "x"], "--layer-passes"),
        (["digits", "--readout-from", "some"], "--readout-from"),
        (["digits", "--train-by", "magic"], "--train-by"),
        (["cifar10", "--preset", "nhs", "--train-by", "random"], "--train-by"),
        (["table", "--results", "no/such/folder"], "no/such/folder"),
    ],
)
def test_wrong_input_is_one_clear_error_with_exit_code_2_and_nothing_written(
    words: list[str], named: str, tmp_path: Path
) -> None:
    result = run(*words, *([] if words[0] == "table" else ["--out", str(tmp_path / "out")]))
    assert result.exit_code == 2
    assert named in result.stderr
    assert len(result.stderr.splitlines()) == 1 or "Usage" in result.stderr
    assert "Traceback" not in result.output
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("nothing_on_disk")
def test_missing_data_is_said_loudly_and_every_result_is_labelled(tmp_path: Path) -> None:
    result = run("cifar10", *SMALL, "--preset", "pixels", "--out", str(tmp_path))
    assert result.exit_code == 0, result.output
    assert "--data-dir" in result.output
    line = json.loads((tmp_path / "results.jsonl").read_text())
    assert (line["dataset"], line["requested"]) == ("digits (not cifar10)", "cifar10")


@pytest.mark.usefixtures("nothing_on_disk")
def test_the_cifar_network_runs_on_the_embedded_set(tmp_path: Path) -> None:
    result = run("cifar10", *SMALL, "--out", str(tmp_path))
    assert result.exit_code == 0, result.output


@pytest.mark.usefixtures("nothing_on_disk")
@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["cifar10", "--preset", "lagani-short"], "window larger than the input"),
        (["cifar10", "--preset", "hard", "--whiten", "9"], "expected an integer from 2 to 8"),
        (["cifar10", "--depth", "5"], "layer 4"),
    ],
)
def test_a_window_longer_than_the_data_is_said_before_training(words: list[str], named: str, tmp_path: Path) -> None:
    result = run(*words, "--quick", "--out", str(tmp_path / "out"))
    assert result.exit_code == 2
    assert named in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_whitening_on_too_few_images_is_said_before_training(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    digits = load_images("digits")
    few = replace(digits, images=digits.images[:20], labels=digits.labels[:20])
    monkeypatch.setattr(command, "load_images", lambda *args, **more: few)
    result = run("digits", "--whiten", "7", "--out", str(tmp_path / "out"))
    assert result.exit_code == 2
    assert "too few images" in result.stderr
    assert not (tmp_path / "out").exists()


def test_what_a_preset_cannot_be_fitted_to_ends_with_code_2(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    digits = load_images("digits")
    few = replace(digits, images=digits.images[:20], labels=digits.labels[:20])
    monkeypatch.setattr(command, "load_images", lambda *args, **more: few)
    result = run("digits", "--preset", "kmeans", "--out", str(tmp_path / "out"))
    assert result.exit_code == 2
    assert "too few images" in result.stderr


def test_a_preset_that_does_not_fit_the_data_is_refused_with_those_that_do() -> None:
    result = run("digits", "--preset", "soft")
    assert result.exit_code == 2
    assert "does not fit digits (got 'soft', expected one of softhebb" in " ".join(result.stderr.split())


def test_any_preset_is_trained_by_gradient_when_asked(tmp_path: Path) -> None:
    words = ["--preset", "kmeans", "--train-by", "backprop", "--seeds", "1"]
    result = run("digits", *SMALL, *words, "--out", str(tmp_path))
    assert result.exit_code == 0, result.output
    line = json.loads((tmp_path / "results.jsonl").read_text())
    assert (line["preset"], line["train_by"], line["published"]) == ("kmeans", "backprop", None)


def test_the_summary_shows_probes_and_where_time_went(tmp_path: Path) -> None:
    options = ["--probe", "--training", "layers", "--layer-passes", "1,2", "--readout-from", "all", "--flips"]
    result = run("digits", *SMALL, *options, "--whiten", "3", "--out", str(tmp_path))
    assert result.exit_code == 0, result.output
    for said in ("probe after each layer", "pool1", "pool2", "whitening", "weights of the read-out"):
        assert said in result.output
    line = json.loads((tmp_path / "results.jsonl").read_text())
    assert list(line["probes"]) == ["pool1", "pool2"]
    assert line["settings"]["layer_passes"] == [1, 2]


@pytest.mark.usefixtures("nothing_on_disk")
def test_strict_data_makes_missing_data_an_error(tmp_path: Path) -> None:
    result = run("cifar10", "--strict-data", "--out", str(tmp_path / "out"))
    assert result.exit_code == 2
    assert "cifar10" in result.stderr
    assert not (tmp_path / "out").exists()


def test_an_altered_data_file_is_an_error(tmp_path: Path) -> None:
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch", "batches.meta"):
        (folder / name).write_bytes(b"not what the publisher ships")
    result = run("cifar10", "--data-dir", str(tmp_path), "--out", str(tmp_path / "out"))
    assert result.exit_code == 2
    assert "Traceback" not in result.output


def test_ctrl_c_ends_cleanly_with_what_was_reached(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    real = command.run_seed

    def interrupted(preset: Any, settings: Any, data: Any, seed: int, phases: Any) -> Any:
        if seed == 1:
            raise KeyboardInterrupt
        return real(preset, settings, data, seed, phases)

    monkeypatch.setattr(command, "run_seed", interrupted)
    result = run("digits", *SMALL, "--preset", "pixels", "--seeds", "3", "--out", str(tmp_path))
    assert result.exit_code == 130
    assert "1 of 3 seeds" in result.output
    assert len((tmp_path / "results.jsonl").read_text().splitlines()) == 1
    assert (tmp_path / "accuracy.png").exists()


def test_the_stored_command_repeats_the_run_without_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["x", "digits", "--data-dir", "/some/where", "--out=/else", "--seeds", "3"])
    assert command.command_line() == "python -m circuitgraph.bench digits --seeds 3"
