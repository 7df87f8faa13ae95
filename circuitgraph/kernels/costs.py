"""What engines cost, measured: a table of milliseconds, and what it says about wiring of any size."""

import json
import math
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

Point = tuple[float, float]
Powers = tuple[float, float, float]

FILE = "costs.json"
DENSITY, NEURONS, BATCH = (0.0, 1.0, 1.0), (0.0, 2.0, 2.5), (0.0, 1.0, 1.1)
"""By which power time grows with density, with the neurons of both sides and with the batch, outside what was measured:
at least, where only one value was measured, at most."""


class Cost(NamedTuple):
    """One measurement: random wiring of one density between two populations of `n` neurons."""

    engine: str
    method: str
    n: int
    density: float
    batch: int
    dtype: str
    device: str
    ms: float


class CostTable:
    """Predict milliseconds from measured ones, by interpolation between their logarithms; `measured` says on what.

    Time is a power of density, size and batch between neighbouring measurements, and beyond the outermost ones too,
    within bounds, and no less than at the best rate of synapses and samples that was ever measured.  Sides of different
    size count as two of their geometric mean, scaled by what is read and written.

    Example:
        >>> table = CostTable([Cost("e", "push", n, 0.1, 8, "float32", "cpu", n * n / 1e4) for n in (100, 1000)])
        >>> round(table.predict("e", "push", 300, 300, 9000, 8, "float32", "cpu"), 3)
        9.0
        >>> table.predict("other", "push", 300, 300, 9000, 8, "float32", "cpu") is None
        True
    """

    def __init__(self, costs: Iterable[Cost], measured: Mapping[str, Any] | None = None) -> None:
        self.costs, self.measured = tuple(costs), dict(measured or {})
        self._rates: dict[tuple[str, str, str, str], float] = {}
        self._curves: dict[tuple[str, str, str, str], dict[int, dict[int, dict[float, float]]]] = {}
        for c in sorted(self.costs, key=lambda c: (c.batch, c.n, c.density)):
            key = c.engine, c.method, c.dtype, c.device
            curve = self._curves.setdefault(key, {}).setdefault(c.batch, {}).setdefault(c.n, {})
            curve[math.log(c.density)] = math.log(c.ms)
            rate = c.density * c.n**2 * c.batch / c.ms
            self._rates[key] = max(rate, self._rates.get(key, 0.0))

    def predict(
        self, engine: str, method: str, pre: int, post: int, synapses: int, batch: int, dtype: str, device: str
    ) -> float | None:
        """Give milliseconds for one call, or None where nothing was measured for the engine, type and device."""
        measured = self._curves.get((engine, method, dtype, device))
        if measured is None:
            return None
        n, synapses = max(1.0, math.sqrt(pre * post)), max(1, synapses)
        at = math.log(synapses / n**2), math.log(n), math.log(max(1, batch))
        surface = []
        for size, by_n in measured.items():
            line = [(math.log(m), _interpolate([*curve.items()], at[0], DENSITY)) for m, curve in by_n.items()]
            surface.append((math.log(size), _interpolate(line, at[1], NEURONS)))
        ms = math.exp(_interpolate(surface, at[2], BATCH)) * (synapses + pre + post) / (synapses + 2 * n)
        return max(ms, synapses * batch / self._rates[engine, method, dtype, device])


def read_costs(path: Path) -> CostTable:
    """Read a table from a file."""
    return _parse(path.read_text(encoding="utf-8"))


def write_costs(path: Path, table: CostTable) -> None:
    """Write a table, a line for each measurement."""
    head = json.dumps({"measured": table.measured, "columns": Cost._fields})
    lines = ",\n".join("  " + json.dumps([*c[:-1], float(f"{c.ms:.4g}")]) for c in sorted(table.costs))
    path.write_text(f'{head[:-1]}, "costs": [\n{lines}\n]}}\n', encoding="utf-8")


@cache
def shipped_costs() -> CostTable:
    """Give the table that comes with the package."""
    return _parse(files("circuitgraph.kernels").joinpath(FILE).read_text(encoding="utf-8"))


def _parse(text: str) -> CostTable:
    found = json.loads(text)
    return CostTable([Cost(*row) for row in found["costs"]], found["measured"])


def _interpolate(points: list[Point], at: float, powers: Powers) -> float:
    """Follow the line through the neighbours of `at`; outside, the outermost line, as steep as `powers` allow."""
    low, usual, high = powers
    if len(points) == 1:
        x, y = points[0]
        return y + usual * (at - x)
    i = next((i for i in range(1, len(points) - 1) if at <= points[i][0]), len(points) - 1)
    (x0, y0), (x1, y1) = points[i - 1], points[i]
    slope = (y1 - y0) / (x1 - x0)
    if at < x0:
        return y0 + min(high, max(low, slope)) * (at - x0)
    if at > x1:
        return y1 + min(high, max(low, slope)) * (at - x1)
    return y0 + slope * (at - x0)
