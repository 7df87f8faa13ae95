"""Measuring on the spot: what is measured is remembered, and a bad file costs a warning at most."""

import json
import time
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

import circuitgraph as cg
from circuitgraph.kernels import Setting, Tuner, choose_kernel, tune
from circuitgraph.kernels.timing import interleave

WIRING = cg.ErdosRenyi(0.2), (30,), (20,)
NAMES = ["embedding-bag", "masked"]


@pytest.fixture
def measurements(monkeypatch: pytest.MonkeyPatch) -> list[Setting]:
    """Replace measuring by fixed times, and note for what it was done."""
    seen: list[Setting] = []

    def measure(names: list[str], topology: Any, pre: Any, post: Any, setting: Setting) -> dict[str, float]:
        seen.append(setting)
        return {name: 1.0 + i for i, name in enumerate(names)}

    monkeypatch.setattr(tune, "measure", measure)
    return seen


@pytest.mark.parametrize("learns", [None, "rule", "gradient"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_kernels_are_timed_on_their_wiring(learns: Any, dtype: torch.dtype) -> None:
    times = tune.measure([*NAMES, "torch-csr"], *WIRING, Setting(8, dtype=dtype, learns=learns))
    assert times.keys() == {*NAMES, "torch-csr"}
    assert all(0 < ms < 1000 for ms in times.values())


def test_convolutions_and_relays_can_be_timed_too() -> None:
    conv = cg.Pruned(cg.Conv(3, padding=1), range(40)), (2, 6, 6), (3, 6, 6)
    assert tune.measure(["masked"], *conv, Setting(2, learns="gradient"))["masked"] > 0
    assert tune.measure(["relay"], cg.Spread(), (1, 4), (3, 4), Setting(2, learns="gradient"))["relay"] > 0


def test_what_was_measured_is_remembered_by_another_tuner(tmp_path: Path, measurements: list[Setting]) -> None:
    path = tmp_path / "cache" / "times.json"
    first = Tuner(path).times(NAMES, *WIRING, Setting())
    assert Tuner(path).times(NAMES, *WIRING, Setting()) == first
    assert len(measurements) == 1
    assert [p.name for p in path.parent.iterdir()] == ["times.json"]


@pytest.mark.parametrize(
    "setting", [Setting(64), Setting(dtype=torch.bfloat16), Setting(learns="rule"), Setting(batch=1)], ids=repr
)
def test_other_settings_are_measured_for_themselves(
    tmp_path: Path, measurements: list[Setting], setting: Setting
) -> None:
    tuner = Tuner(tmp_path / "times.json")
    for each in (Setting(), setting, Setting(), setting):
        tuner.times(NAMES, *WIRING, each)
    assert measurements == [Setting(), setting]


def test_other_threads_engines_or_densities_are_measured_anew(
    tmp_path: Path, measurements: list[Setting], monkeypatch: pytest.MonkeyPatch
) -> None:
    tuner = Tuner(tmp_path / "times.json")
    tuner.times(NAMES, *WIRING, Setting())
    tuner.times(["masked", "torch-csr"], *WIRING, Setting())
    tuner.times(NAMES, cg.ErdosRenyi(0.5), *WIRING[1:], Setting())
    tuner.times(NAMES, cg.ErdosRenyi(0.201), *WIRING[1:], Setting())  # the same density, nearly
    assert len(measurements) == 3
    monkeypatch.setattr(torch, "get_num_threads", lambda: 77)
    tuner.times(NAMES, *WIRING, Setting())
    assert len(measurements) == 4


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", "\x00", '"text"'])
def test_a_corrupt_file_costs_one_warning_and_is_written_anew(
    tmp_path: Path, measurements: list[Setting], text: str
) -> None:
    path = tmp_path / "times.json"
    path.write_text(text)
    tuner = Tuner(path)
    with pytest.warns(UserWarning, match=r"times\.json"):
        tuner.times(NAMES, *WIRING, Setting())
    tuner.times(NAMES, *WIRING, Setting(64))
    assert len(json.loads(path.read_text())) == 2


@pytest.mark.parametrize("times", [{}, {"masked": "fast", "embedding-bag": 1}, {"masked": 1.0}, [1], None])
def test_entries_of_a_file_that_make_no_sense_are_measured_again(
    tmp_path: Path, measurements: list[Setting], times: Any
) -> None:
    path = tmp_path / "times.json"
    Tuner(path).times(NAMES, *WIRING, Setting())
    known = json.loads(path.read_text())
    path.write_text(json.dumps(dict.fromkeys(known, times)))
    assert Tuner(path).times(NAMES, *WIRING, Setting()) == {"embedding-bag": 1.0, "masked": 2.0}
    assert len(measurements) == 2


@pytest.mark.usefixtures("measurements")
def test_a_folder_that_cannot_be_written_costs_one_warning(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    tuner = Tuner(tmp_path / "file" / "times.json")
    with pytest.warns(UserWarning, match="not kept"):
        assert tuner.times(NAMES, *WIRING, Setting()) == {"embedding-bag": 1.0, "masked": 2.0}
    assert tuner.times(NAMES, *WIRING, Setting(1)) == {"embedding-bag": 1.0, "masked": 2.0}


@pytest.mark.usefixtures("measurements")
def test_the_choice_follows_the_measurement_and_says_so(tmp_path: Path) -> None:
    choice = choose_kernel(cg.ErdosRenyi(0.05), (500,), (500,), stopwatch=Tuner(tmp_path / "times.json"))
    assert choice.why.startswith(f"{choice.name} 1 ms, ")
    assert choice.why.endswith("at 5 % density, batch 128, measured here")


def test_where_there_is_no_choice_nothing_is_measured(tmp_path: Path, measurements: list[Setting]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert choose_kernel(cg.Conv(3), (1, 5), (2, 3), stopwatch=Tuner(tmp_path / "times.json")).name == "conv"
    assert not measurements


def test_what_is_slow_drops_out_of_the_turns() -> None:
    calls = {"fast": 0, "slow": 0}

    def work(name: str, n: int) -> None:
        calls[name] += 1
        sum(range(n))

    times = interleave({n: lambda n=n, k=k: work(n, k) for n, k in (("fast", 1), ("slow", 200_000))},
                       rounds=20, seconds=0.003)  # fmt: skip
    assert len(times["fast"]) == 20
    assert 2 <= len(times["slow"]) < 20
    assert calls == {name: len(ms) + 1 for name, ms in times.items()}


def test_what_takes_longer_than_there_is_time_for_is_timed_once() -> None:
    calls = {"fast": 0, "slow": 0}

    def work(name: str, seconds: float) -> None:
        calls[name] += 1
        time.sleep(seconds)

    times = interleave({n: lambda n=n, s=s: work(n, s) for n, s in (("fast", 0.0), ("slow", 0.05))},
                       rounds=4, seconds=0.02, turn_seconds=1e-6)  # fmt: skip
    assert len(times["fast"]) >= 2
    assert len(times["slow"]) == 1
    assert times["slow"][0] >= 50
    assert calls["slow"] == 2
