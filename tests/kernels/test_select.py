"""Choosing a kernel: by what was measured where there is a choice, by estimates where nothing was."""

import dataclasses

import pytest
import torch

import circuitgraph as cg
from circuitgraph import registry
from circuitgraph.errors import StructureError
from circuitgraph.ir import Shape
from circuitgraph.kernels import Setting, TorchCsr, choose_kernel, make_kernel, select
from circuitgraph.kernels.costs import Cost, CostTable
from circuitgraph.kernels.select import Learns

WIRING = cg.ErdosRenyi(0.05), (1000,), (1000,)
TIMES = {"masked": 10.0, "embedding-bag": 4.0, "torch-csr": 6.0, "edge-index": 7.0}


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let only engines that torch brings, and the reference, compete."""
    known = {n: registry.kernels[n] for n in ("reference", "dense", "conv", *TIMES)}
    monkeypatch.setattr(registry.kernels, "_classes", known)


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch, only: None) -> dict[tuple[str, str, str], float]:
    """Give a table that a test may change: milliseconds by engine, method and type, at the one point of `WIRING`."""
    ms = {(e, m, "float32"): t for e, t in TIMES.items() for m in ("push", "pull", "pair", "update")}

    def table() -> CostTable:
        return CostTable(Cost(e, m, 1000, 0.05, 128, dtype, "cpu", t) for (e, m, dtype), t in ms.items())

    monkeypatch.setattr(select, "shipped_costs", table)
    return ms


@pytest.mark.usefixtures("measured")
def test_the_fastest_measured_engine_is_chosen_and_the_reason_compares() -> None:
    choice = choose_kernel(*WIRING)
    assert choice.name == "embedding-bag"
    assert choice.why == "embedding-bag 4 ms, torch-csr 6 ms, masked 10 ms at 5 % density, batch 128"
    assert make_kernel(*WIRING).name == "embedding-bag"


@pytest.mark.parametrize(
    ("learns", "name"), [(None, "embedding-bag"), ("rule", "torch-csr"), ("gradient", "edge-index")]
)
def test_what_counts_is_what_a_step_calls(
    measured: dict[tuple[str, str, str], float], learns: Learns, name: str
) -> None:
    measured["embedding-bag", "pair", "float32"] = measured["embedding-bag", "update", "float32"] = 50.0
    measured["torch-csr", "pull", "float32"] = 50.0
    assert choose_kernel(*WIRING, Setting(learns=learns)).name == name


def test_another_type_has_its_own_times_and_float64_those_of_float32(
    measured: dict[tuple[str, str, str], float],
) -> None:
    measured["masked", "push", "bfloat16"] = 1.0
    assert choose_kernel(*WIRING, Setting(dtype=torch.bfloat16)).name == "masked"
    assert choose_kernel(*WIRING, Setting(dtype=torch.float64)).name == "embedding-bag"
    assert "embedding-bag 8 ms" in choose_kernel(*WIRING, Setting(dtype=torch.float64)).why


@pytest.mark.usefixtures("measured")
def test_times_that_hardly_differ_count_as_equal() -> None:
    small = cg.ErdosRenyi(0.5), (16,), (16,)
    assert choose_kernel(*small).name == "masked"
    assert choose_kernel(*small).why == ""


def test_an_engine_for_some_devices_only_gives_way_where_it_wins_little(
    measured: dict[tuple[str, str, str], float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TorchCsr, "devices", ("cpu",))
    measured["torch-csr", "push", "float32"] = 3.9
    assert choose_kernel(*WIRING).name == "embedding-bag"
    measured["torch-csr", "push", "float32"] = 3.0
    assert choose_kernel(*WIRING).name == "torch-csr"


@pytest.mark.usefixtures("measured")
def test_an_engine_does_not_compete_where_it_does_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    for kernel in ("embedding-bag", "torch-csr", "edge-index"):
        monkeypatch.setattr(registry.kernels[kernel], "devices", ("meta",))
    assert choose_kernel(*WIRING).name == "masked"
    with pytest.raises(StructureError, match=r"'torch-csr': does not run on this device \(got cpu, expected meta\)"):
        make_kernel(*WIRING, "torch-csr", setting=Setting())


def test_an_engine_that_was_not_measured_competes_by_its_estimate(
    measured: dict[tuple[str, str, str], float], monkeypatch: pytest.MonkeyPatch
) -> None:
    for method in ("push", "pull", "pair", "update"):
        del measured["edge-index", method, "float32"]
    monkeypatch.setattr(registry.kernels["edge-index"], "cost", classmethod(lambda cls, *wiring: 1.0))
    choice = choose_kernel(*WIRING)
    assert choice.name == "edge-index"
    assert choice.why == ""  # an estimate below a tenth of a millisecond is not worth a line


@pytest.mark.usefixtures("only")
@pytest.mark.parametrize(
    ("topology", "pre", "post", "name"),
    [
        (cg.Dense(), (300,), (200,), "dense"),
        (cg.Conv(3), (1, 5), (2, 3), "conv"),
        (cg.Pruned(cg.Conv(3, padding=1), range(50)), (2, 8, 8), (3, 8, 8), "masked"),
        (cg.ErdosRenyi(0.9), (500,), (500,), "masked"),
        (cg.ErdosRenyi(0.01), (500,), (500,), "embedding-bag"),
    ],
    ids=repr,
)
def test_wiring_gets_the_kernel_of_its_kind(topology: cg.Topology, pre: Shape, post: Shape, name: str) -> None:
    for learns in (None, "rule", "gradient"):
        assert choose_kernel(topology, pre, post, Setting(learns=learns)).name == name


def test_a_setting_is_a_value() -> None:
    assert Setting(64) == Setting(64, "cpu", torch.float32, None)
    assert dataclasses.replace(Setting(), device="cuda:1").device_type == "cuda"
