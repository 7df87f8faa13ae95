"""The kernel benchmark, by running it on tiny sizes."""

import json
from functools import partial
from pathlib import Path

import pytest
import torch
from matplotlib.figure import Figure
from torch import Tensor
from typer.testing import CliRunner, Result

import circuitgraph as cg
from circuitgraph import registry
from circuitgraph.bench import __main__ as command
from circuitgraph.bench import kernel_report, kernel_work, kernels
from circuitgraph.bench.kernel_work import METHODS, dense_work, engine_work, matrix, sparseprop_work
from circuitgraph.kernels import Setting, make_kernel
from circuitgraph.kernels.costs import Cost, CostTable, read_costs, write_costs

KEYS = {
    "engine", "method", "pre", "post", "density", "batch", "dtype", "device", "ms", "ratio_to_dense", "chosen",
}  # fmt: skip


def run(*words: str) -> Result:
    return CliRunner().invoke(command.app, ["kernels", *words])


def present() -> set[str]:
    wiring = cg.ErdosRenyi(0.5), (8,), (8,)
    known = {n: registry.kernels[n] for n in registry.kernels}
    able = {n for n, k in known.items() if k.present() and k.supports(*wiring) and "cpu" in (k.devices or ("cpu",))}
    return able - {"reference", "numba-tiles"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("kernels")
    result = run("--quick", "--out", str(out), "--json", "--device", "cpu")
    assert result.exit_code == 0, result.output
    (out / "stdout").write_text(result.stdout)
    (out / "stderr").write_text(result.stderr)
    return out


@pytest.fixture
def lines(folder: Path) -> list[kernels.Line]:
    return [json.loads(line) for line in (folder / "stdout").read_text().splitlines()]


def test_json_is_one_line_per_measurement_with_its_keys(folder: Path, lines: list[kernels.Line]) -> None:
    assert (folder / "stdout").read_text() == (folder / "kernels.jsonl").read_text()
    for line in lines:
        assert line.keys() >= KEYS
        assert line["ms"] > 0
        assert line["pre"] == line["post"]
        assert str(folder) not in json.dumps(line)


def test_every_engine_that_is_present_is_measured_at_every_point(lines: list[kernels.Line]) -> None:
    for point in kernels.QUICK.points:
        for method in METHODS:
            here = [li for li in lines if (li["pre"], li["density"], li["method"]) == (point.n, point.density, method)]
            engines = {li["engine"] for li in here if getattr(torch, li["dtype"]) == point.dtype}
            assert engines - {"sparseprop"} == present() | {"dense"}
    assert len(lines) == len({tuple(li[k] for k in ("engine", "method", *kernel_report.PLACE)) for li in lines})


def test_ratios_are_dense_float32_over_milliseconds(lines: list[kernels.Line]) -> None:
    def place(line: kernels.Line) -> tuple[object, ...]:
        return line["method"], line["pre"], line["density"], line["batch"]

    for line in lines:
        if line["dtype"] == "float32":
            dense = next(
                li for li in lines if (li["engine"], li["dtype"]) == ("dense", "float32") and place(li) == place(line)
            )
            assert line["ratio_to_dense"] == pytest.approx(dense["ms"] / line["ms"], rel=1e-3)
    assert all(li["ratio_to_dense"] == 1 for li in lines if (li["engine"], li["dtype"]) == ("dense", "float32"))


def test_one_engine_is_the_choice_of_compile_at_each_point(lines: list[kernels.Line]) -> None:
    for point in kernels.QUICK.points:
        wiring = cg.Circuit().add("x", point.n).connect("x", "y", point.wiring, units=point.n, rule=cg.Oja(0.1))
        net = cg.compile(wiring, activity_dtype=point.dtype, batch=point.batch)
        chosen = [
            line["engine"]
            for line in lines
            if line["chosen"] and (line["method"], line["pre"], line["density"]) == ("update", point.n, point.density)
            and getattr(torch, line["dtype"]) == point.dtype
        ]  # fmt: skip
        assert chosen == [net.plan.kernels["x->y"]]


def test_the_report_has_a_table_for_each_method_and_says_how_good_the_choice_is(folder: Path) -> None:
    text = (folder / "stderr").read_text()
    for method, about in METHODS.items():
        assert f"{method}: {about}" in text
    assert "compile would choose the fastest engine" in text


def test_the_picture_is_there_with_a_labelled_panel_for_each_method(
    folder: Path, lines: list[kernels.Line], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert (folder / "kernels.png").stat().st_size > 10_000
    drawn: list[Figure] = []
    save = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda self, path: (drawn.append(self), save(self, path)))
    kernel_report.draw(lines, tmp_path / "again.png")
    panels = drawn[0].axes
    assert len(panels) == len(METHODS) * len(kernels.QUICK.sizes)
    for panel in panels:
        assert (panel.get_xlabel(), panel.get_ylabel()) == ("density", "times faster than dense")
        assert (panel.get_xscale(), panel.get_yscale()) == ("log", "log")
        assert {line.get_label().split()[0] for line in panel.lines} >= present()
    assert {panel.get_title().split(",")[0] for panel in panels} == set(METHODS)


def test_writing_costs_replaces_what_is_known_of_this_device_and_compile_chooses_by_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path, other = tmp_path / "costs.json", Cost("numba", "push", 9, 0.5, 9, "float32", "cuda", 1.0)
    write_costs(path, CostTable([other, other._replace(device="cpu", ms=1e-9)], {"cuda": {"device": "one"}}))
    monkeypatch.setattr(kernels, "COSTS", path)
    options = ["--sizes", "32", "--densities", "0.5,0.1", "--batches", "8", "--precision", "fp32", "--seconds", "1"]
    result = run("--device", "cpu", "--rounds", "2", "--write-costs", "--out", str(tmp_path / "out"), *options)
    assert result.exit_code == 0, result.output
    table = read_costs(path)
    assert other in table.costs
    assert {c.engine for c in table.costs if c.device == "cpu"} == present() | {"dense"}
    assert table.measured.keys() == {"cpu", "cuda"}
    assert table.predict("masked", "push", 32, 32, 100, 8, "float32", "cpu") is not None


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--densities", "0"], "--densities"),
        (["--densities", "many"], "--densities"),
        (["--sizes", "0"], "--sizes"),
        (["--batches", "1.5"], "--batches"),
        (["--precision", "fp7"], "--precision"),
        (["--rounds", "1"], "--rounds"),
        (["--seconds", "0"], "--seconds"),
        (["--device", "abacus"], "abacus"),
    ],
)
def test_wrong_input_is_one_clear_error_and_nothing_is_written(words: list[str], named: str, tmp_path: Path) -> None:
    result = run(*words, "--out", str(tmp_path / "out"))
    assert result.exit_code == 2
    assert named in result.stderr
    assert "Traceback" not in result.output
    assert not (tmp_path / "out").exists()


def test_ctrl_c_keeps_what_was_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    real = kernels.measure

    def interrupted(settings: kernels.KernelSettings, device: torch.device):  # type: ignore[no-untyped-def]
        yield next(real(settings, device))
        raise KeyboardInterrupt

    monkeypatch.setattr(kernels, "measure", interrupted)
    before = kernels.COSTS.read_bytes()
    result = run("--quick", "--write-costs", "--device", "cpu", "--out", str(tmp_path))
    assert result.exit_code == 130
    assert (tmp_path / "kernels.jsonl").read_text().count("\n") > 10
    assert kernels.COSTS.read_bytes() == before


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", ["masked", "embedding-bag", "sparseprop"])
def test_what_is_compared_is_the_same_computation(
    name: str, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel_work, "RATE", 0.5)
    wiring, setting = (cg.ErdosRenyi(0.5), (16,), (32,)), Setting(16, dtype=dtype)
    dense = dense_work(*wiring, setting)
    ours = (
        partial(sparseprop_work, *wiring) if name == "sparseprop" else partial(engine_work, make_kernel(*wiring, name))
    )
    there = matrix(*wiring, torch.ones(wiring[0].n_slots(*wiring[1:]))).bool()
    for method, call in ours(setting).items():
        got, expected = call(), dense[method]()
        assert isinstance(got, Tensor)
        assert isinstance(expected, Tensor)
        expected = expected if method in ("push", "pull") else expected[there]
        error = (got.detach().double() - expected.double()).abs().max()
        assert error <= (1e-5 if dtype == torch.float32 else 0.02) * expected.abs().max()
