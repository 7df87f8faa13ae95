"""The comparison of presets: which runs count, how they are gathered, and where the table is written."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from circuitgraph.bench import __main__ as command
from circuitgraph.bench.comparison import insert, label, markdown, read_lines, rows_of
from circuitgraph.errors import FileError

PLACE = "before\n<!-- presets:begin -->\nold\n<!-- presets:end -->\nafter\n"


def line(
    seed: int = 0, *, accuracy: float | None = 80.0, options: str = "--seeds 3 --json", **more: Any
) -> dict[str, Any]:
    out = {
        "dataset": "cifar10",
        "requested": "cifar10",
        "preset": "softhebb",
        "train_by": "hebbian",
        "seed": seed,
        "published": 80.3,
        "test_accuracy": accuracy,
        "seconds": {"unsupervised": 1.0, "total": 10.0 + seed},
        "n_slots": 1234567,
        "n_synapses": 7654321,
        "readout_weights": 24570,
        "device": "cpu (some, 2 threads)",
        "curve": [{"epoch": 5, "validation": 70.0}, {"epoch": 10, "validation": 75.0}],
    } | more
    return out | {"command": f"python -m circuitgraph.bench {out['requested']} --preset {out['preset']} {options}"}


def folder_of(tmp_path: Path, *lines: dict[str, Any]) -> Path:
    folder = tmp_path / "results"
    folder.mkdir(exist_ok=True)
    (folder / "some.jsonl").write_text("".join(json.dumps(each) + "\n" for each in lines))
    return folder


def run(*words: str) -> Result:
    return CliRunner().invoke(command.app, ["table", *words])


def test_seeds_are_gathered_into_one_row_with_mean_and_spread(tmp_path: Path) -> None:
    (row,) = rows_of(read_lines(folder_of(tmp_path, line(0, accuracy=80.0), line(1, accuracy=81.0))))
    assert row.cells() == (
        "cifar10", "softhebb", "80.3", "80.50 ± 0.71", "2", "1,234,567 + 24,570", "7,654,321", "10",
        "cpu (some, 2 threads)",
    )  # fmt: skip


def test_of_a_seed_that_was_run_twice_the_last_one_counts() -> None:
    (row,) = rows_of([line(0, accuracy=10.0), line(0, accuracy=80.0)])
    assert row.cells()[3:5] == ("80.00", "1")


@pytest.mark.parametrize(
    "other",
    [
        line(options="--quick"),
        line(options="--cutoff 0.001"),
        line(options="--precision=fp32"),
        line(dataset="digits (not cifar10)"),
        line(accuracy=None),
        {"what": "step", "seconds": 1.0},
    ],
)
def test_variants_other_data_and_other_results_are_left_out(other: dict[str, Any], tmp_path: Path) -> None:
    assert len(read_lines(folder_of(tmp_path, line(), other))) == 1


@pytest.mark.parametrize("options", ["--strict-data", "--device cuda", "--no-probe", "--train-by hebbian"])
def test_options_that_leave_a_preset_what_it_is_count(options: str, tmp_path: Path) -> None:
    assert len(read_lines(folder_of(tmp_path, line(options=options)))) == 1


def test_devices_and_ways_of_training_are_rows_of_their_own() -> None:
    lines = [
        line(),
        line(device="cuda (big)"),
        line(train_by="backprop", published=None),
        line(device="cpu (some, 1 threads)"),
    ]
    rows = rows_of(lines)
    assert [(r.preset, len(r.lines), r.published) for r in rows] == [
        ("softhebb", 1, 80.3),
        ("softhebb", 1, 80.3),
        ("softhebb, backprop", 1, None),
    ]


def test_lines_from_before_the_number_was_stored_take_it_from_the_preset() -> None:
    old = line()
    del old["published"], old["train_by"]
    (row,) = rows_of([old])
    assert (row.preset, row.published) == ("softhebb", 80.3)
    baseline = line(preset="backprop", published=None)
    del baseline["train_by"]
    assert label(baseline) == "backprop"
    assert rows_of([baseline])[0].published is None


def test_rows_come_in_the_order_of_recipes_and_presets() -> None:
    lines = [
        line(dataset="mnist", requested="mnist"),
        line(preset="new-one"),
        line(preset="hard"),
        line(),
    ]
    assert [(r.dataset, r.preset) for r in rows_of(lines)] == [
        ("cifar10", "softhebb"),
        ("cifar10", "hard"),
        ("cifar10", "new-one"),
        ("mnist", "softhebb"),
    ]


def test_a_table_without_rows_is_empty() -> None:
    assert markdown([]) == []


def test_the_command_prints_and_writes_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = folder_of(tmp_path, line(), line(preset="hard", published=74.8))
    (tmp_path / "docs").mkdir()
    pages = [tmp_path / "README.md", tmp_path / "docs" / "hebbian.md"]
    for page in pages:
        page.write_text(PLACE)
    result = run("--results", str(folder), "--write", "--figure", "curves.png")
    assert result.exit_code == 0, result.output
    assert "softhebb" in result.output
    for page in pages:
        text = page.read_text()
        assert text.startswith("before\n<!-- presets:begin -->\n\n| data |")
        assert text.endswith("|\n\n<!-- presets:end -->\nafter\n")
        assert "| cifar10 | hard | 74.8 | 80.00 | 1 |" in text
        assert "old" not in text
    assert (tmp_path / "curves.png").stat().st_size > 1000


def test_without_write_no_page_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("--results", str(folder_of(tmp_path, line()))).exit_code == 0
    assert not (tmp_path / "README.md").exists()


@pytest.mark.parametrize(
    ("words", "lines", "said"),
    [
        (["--write"], [line()], "no place in README.md"),
        ([], [], "no runs of presets"),
        (["--figure", "x.png"], [line(curve=[])], "--figure"),
    ],
)
def test_wrong_input_is_one_clear_error(
    words: list[str], lines: list[dict[str, Any]], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("--results", str(folder_of(tmp_path, *lines)), *words)
    assert result.exit_code == 2
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_damaged_line_and_a_missing_folder_are_named(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, line())
    (folder / "some.jsonl").write_text(json.dumps(line()) + "\n{oops\n")
    with pytest.raises(FileError, match=r"some\.jsonl, line 2"):
        read_lines(folder)
    with pytest.raises(FileError, match="nowhere"):
        read_lines(tmp_path / "nowhere")


def test_no_page_changes_where_another_has_no_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "README.md").write_text(PLACE)
    result = run("--results", str(folder_of(tmp_path, line())), "--write")
    assert result.exit_code == 2
    assert "hebbian.md" in result.stderr
    assert (tmp_path / "README.md").read_text() == PLACE


def test_what_stands_outside_the_markers_stays(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PLACE)
    insert(page, "new", "presets")
    assert page.read_text() == "before\n<!-- presets:begin -->\n\nnew\n\n<!-- presets:end -->\nafter\n"
    insert(page, "new", "presets")
    assert page.read_text() == "before\n<!-- presets:begin -->\n\nnew\n\n<!-- presets:end -->\nafter\n"
    with pytest.raises(FileError, match="results:begin"):
        insert(page, "new", "results")
