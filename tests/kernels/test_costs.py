"""The table of measured times: exact on powers, bounded outside, read as written, and shipped."""

import math
from pathlib import Path

import pytest

from circuitgraph import registry
from circuitgraph.kernels.costs import Cost, CostTable, read_costs, shipped_costs, write_costs

AT = {"dtype": "float32", "device": "cpu"}


def table(ms, sizes=(100, 400, 1600), densities=(0.01, 0.1, 0.5), batches=(16, 128)) -> CostTable:
    grid = [(n, d, b) for n in sizes for d in densities for b in batches]
    return CostTable(Cost("e", "push", n, d, b, "float32", "cpu", ms(n, d, b)) for n, d, b in grid)


def predict(costs: CostTable, n: float, density: float, batch: int) -> float:
    ms = costs.predict("e", "push", round(n), round(n), round(density * n * n), batch, **AT)
    assert ms is not None
    return ms


@pytest.mark.parametrize("n", [100, 200, 1600])
@pytest.mark.parametrize("density", [0.01, 0.05, 0.5])
@pytest.mark.parametrize("batch", [16, 64, 128])
def test_powers_are_met_exactly_between_measurements(n: int, density: float, batch: int) -> None:
    costs = table(lambda n, d, b: n**1.7 * d**0.9 * b**0.8)
    assert predict(costs, n, density, batch) == pytest.approx(n**1.7 * density**0.9 * batch**0.8, rel=1e-6)


def test_outside_of_what_was_measured_the_trend_goes_on() -> None:
    costs = table(lambda n, d, b: n * n * d * b)
    for n, density, batch in ((10_000, 0.001, 1), (16, 1.0, 1024)):
        assert predict(costs, n, density, batch) == pytest.approx(round(density * n * n) * batch, rel=1e-3)
    dense = table(lambda n, d, b: n * n * b)
    assert predict(dense, 1000, 0.001, 128) == pytest.approx(1000 * 1000 * 128, rel=1e-3)


def test_a_trend_that_cannot_be_is_not_followed_further() -> None:
    wild = table(lambda n, d, b: n**6 * d**-3, batches=(128,))
    assert predict(wild, 3200, 0.5, 128) <= predict(wild, 1600, 0.5, 128) * 2**2.5 * 1.001
    assert predict(wild, 1600, 0.001, 128) == pytest.approx(predict(wild, 1600, 0.01, 128), rel=1e-2)


def test_one_measurement_is_scaled_by_work() -> None:
    costs = table(lambda n, d, b: 8.0, (100,), (0.1,), (16,))
    assert predict(costs, 200, 0.05, 32) == pytest.approx(8 * 4 / 2 * 2, rel=1e-6)


def test_sides_of_different_size_count_as_their_geometric_mean() -> None:
    costs = table(lambda n, d, b: n * n * d * b)
    square = costs.predict("e", "push", 400, 400, 16_000, 128, **AT)
    oblong = costs.predict("e", "push", 100, 1600, 16_000, 128, **AT)
    assert square is not None
    assert oblong is not None
    assert square < oblong < 1.1 * square


@pytest.mark.parametrize("change", [{"engine": "f"}, {"method": "pull"}, {"dtype": "bfloat16"}, {"device": "cuda"}])
def test_what_was_not_measured_is_not_predicted(change: dict[str, str]) -> None:
    asked = {"engine": "e", "method": "push", **AT} | change
    assert table(lambda n, d, b: 1.0).predict(pre=9, post=9, synapses=9, batch=9, **asked) is None  # type: ignore[arg-type]


def test_no_synapses_cost_something_finite() -> None:
    ms = table(lambda n, d, b: n * n * d * b).predict("e", "push", 5, 0, 0, 1, **AT)
    assert ms is not None
    assert math.isfinite(ms)


def test_a_written_table_is_read_as_it_was(tmp_path: Path) -> None:
    costs = CostTable(table(lambda n, d, b: n * d).costs, {"cpu": {"device": "an abacus"}})
    write_costs(tmp_path / "costs.json", costs)
    again = read_costs(tmp_path / "costs.json")
    assert sorted(again.costs) == sorted(costs.costs)
    assert again.measured == costs.measured


def test_the_shipped_table_names_engines_that_exist() -> None:
    costs = shipped_costs().costs
    assert {c.engine for c in costs} <= set(registry.kernels)
    assert all(c.ms > 0 and 0 < c.density <= 1 for c in costs)
