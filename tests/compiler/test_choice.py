"""Kernels chosen by measurement: what compile is told, what the plan prints, and what edits keep."""

from pathlib import Path

import pytest
import torch

import circuitgraph as cg
from circuitgraph import registry
from circuitgraph.compiler import parts
from circuitgraph.errors import ShapeError
from circuitgraph.ir import Shape, Topology
from circuitgraph.kernels import Choice, Setting, choose_kernel


def circuit() -> cg.Circuit:
    return (
        cg.Circuit()
        .add("x", 12)
        .connect("x", "h", cg.ErdosRenyi(0.3), units=10, neuron=cg.ReLU(), rule=cg.Oja(0.01))
        .connect("h", "y", cg.ErdosRenyi(0.5), units=8)
        .connect("y", "z", cg.ErdosRenyi(0.5), units=6, fixed=True)
    )


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Setting]:
    """Note what kernels are chosen for, and give every choice a reason."""
    seen: list[Setting] = []

    def choose(topology: Topology, pre: Shape, post: Shape, setting: Setting, *, stopwatch: object = None) -> Choice:
        seen.append(setting)
        return Choice("embedding-bag", f"embedding-bag 1 ms, batch {setting.batch}")

    monkeypatch.setattr(parts, "choose_kernel", choose)
    return seen


def test_kernels_are_chosen_for_the_batch_the_type_and_how_weights_learn(asked: list[Setting]) -> None:
    cg.compile(circuit(), batch=7, activity_dtype=torch.bfloat16)
    assert asked == [Setting(7, "cpu", torch.bfloat16, learns) for learns in ("rule", "gradient", None)]
    asked.clear()
    cg.compile(circuit(), dtype=torch.float64, kernels={"x->h": "reference"})
    assert asked == [Setting(128, "cpu", torch.float64, learns) for learns in ("gradient", None)]


@pytest.mark.usefixtures("asked")
def test_the_plan_says_why_on_a_line_of_its_own() -> None:
    lines = str(cg.compile(circuit(), batch=7, kernels={"h->y": "masked"}).plan).splitlines()
    assert lines[3] == "     why: embedding-bag 1 ms, batch 7"
    assert "x->h" in lines[2]
    assert "masked" in lines[5]
    assert "fire" in lines[6]


def test_edits_choose_by_the_same_options_and_keep_reasons_of_what_they_leave(asked: list[Setting]) -> None:
    net = cg.compile(circuit(), batch=7)
    asked.clear()
    net.edit(cg.RemoveSlots("x->h", [0]))
    assert asked == [Setting(7, "cpu", torch.float32, "rule")]
    assert net.plan.why["h->y"] == "embedding-bag 1 ms, batch 7"


@pytest.mark.parametrize("batch", [0, -1, 1.5, True, "8"])
def test_a_batch_that_is_no_number_of_samples_is_refused(batch: int) -> None:
    with pytest.raises(ShapeError, match="compile: batch"):
        cg.compile(circuit(), batch=batch)


def test_tuning_measures_here_remembers_in_the_cache_and_changes_no_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name: str(tmp_path / name))
    torch_engines = {n: registry.kernels[n] for n in ("reference", "masked", "embedding-bag", "torch-csr")}
    monkeypatch.setattr(registry.kernels, "_classes", torch_engines)
    net = cg.compile(circuit(), batch=4, tune=True)
    assert (tmp_path / "circuitgraph" / "kernel_times.json").exists()
    assert set(net.plan.kernels.values()) <= {"masked", "embedding-bag", "torch-csr"}
    x = torch.rand(4, 12)
    torch.testing.assert_close(net(x), cg.compile(circuit(), exact=True)(x))
    net.edit(cg.RemoveSlots("x->h", [0]))


def test_a_large_sparse_projection_says_in_the_plan_what_was_compared() -> None:
    wiring = cg.ErdosRenyi(0.02)
    net = cg.compile(cg.Circuit().add("x", 2000).connect("x", "y", wiring, units=2000))
    choice = choose_kernel(wiring, (2000,), (2000,), Setting(learns="gradient"))
    assert net.plan.kernels["x->y"] == choice.name
    assert f"     why: {choice.why}" in str(net.plan)
    assert "masked" in choice.why
    assert "at 2 % density, batch 128" in choice.why
