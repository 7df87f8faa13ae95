"""Compare the engines behind the kernel contract with dense products, over density and size."""

import itertools
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from circuitgraph import registry
from circuitgraph.bench.kernel_work import METHODS, Work, dense_work, engine_work, sparseprop_work
from circuitgraph.bench.report import environment
from circuitgraph.kernels import Kernel, Setting, choose_kernel, make_kernel
from circuitgraph.kernels.costs import FILE, Cost, CostTable, read_costs, shipped_costs, write_costs
from circuitgraph.kernels.select import Learns
from circuitgraph.kernels.timing import interleave
from circuitgraph.topologies import ErdosRenyi

COSTS = Path(__file__).parents[1] / "kernels" / FILE
LEARNS: dict[str, Learns] = {
    "push": None,
    "pull": "gradient",
    "pair": "gradient",
    "update": "rule",
    "train": "gradient",
}
"""What a projection is for that needs the method: that is what `compile` chooses its kernel for."""
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
TURN = 0.005
"""About how long one engine runs before the next one has its turn, in seconds."""
BASE = "dense float32"
"""What all engines are compared with, in whatever type they compute."""
ELSEWHERE = ("reference", "numba-tiles")
"""What is not measured: that lists every synapse for every sample, this is chosen for wiring far larger only."""

Line = dict[str, Any]


class KernelSettings(BaseModel):
    """What is measured, and how often."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    densities: tuple[Annotated[float, Field(gt=0, le=1)], ...] = Field((0.5, 0.2, 0.1, 0.05, 0.02, 0.01), min_length=1)
    sizes: tuple[PositiveInt, ...] = Field((1024, 4096), min_length=1, description="neurons on either side")
    batches: tuple[PositiveInt, ...] = Field((128,), min_length=1)
    precision: tuple[Literal["fp32", "bf16"], ...] = Field(("fp32", "bf16"), min_length=1)
    rounds: int = Field(45, ge=2, description="turns that a median is taken of, at most")
    seconds: float = Field(600.0, gt=0, description="about how long the measurements may take, without making wiring")

    @property
    def points(self) -> list["Point"]:
        """List what is measured together: one wiring, one batch, one type of activity."""
        order = itertools.product(self.sizes, self.densities, self.batches, self.precision)
        return [Point(n, density, batch, DTYPES[kind]) for n, density, batch, kind in order]


QUICK = KernelSettings(densities=(0.5, 0.1), sizes=(32, 64), batches=(16,), rounds=3, seconds=2.0)


@dataclass(frozen=True)
class Point:
    """Random wiring between two populations of n neurons, for a batch of one type."""

    n: int
    density: float
    batch: int
    dtype: torch.dtype

    @property
    def wiring(self) -> ErdosRenyi:
        """Give the wiring, the same at every call."""
        return ErdosRenyi(self.density)

    def setting(self, device: str, learns: Learns = None) -> Setting:
        """Give what a kernel would be chosen for here."""
        return Setting(self.batch, device, self.dtype, learns)


def measure(settings: KernelSettings, device: torch.device) -> Iterator[tuple[Point, list[Line]]]:
    """Time every engine that is present, point by point; within a method all take turns in one process."""
    each = settings.seconds / len(settings.points) / len(METHODS)
    for _, points in itertools.groupby(settings.points, key=lambda p: (p.n, p.density)):
        yield from _measure_wiring(list(points), device, each, settings.rounds)


def _measure_wiring(
    points: Sequence[Point], device: torch.device, seconds: float, rounds: int
) -> Iterator[tuple[Point, list[Line]]]:
    """Measure points of one wiring: kernels are made once, and are gone before those of the next are made."""
    wiring, n, where = points[0].wiring, points[0].n, str(device)
    made = {name: make_kernel(wiring, (n,), (n,), name).to(device) for name in engines(wiring, n, where)}
    for point in points:
        works, lines = _works(point, made, where), []
        for method in METHODS:
            taken = _times(works, method, seconds, rounds, where)
            base = statistics.median(taken.pop(BASE))
            for engine, ms in taken.items():
                lines.append(_line(point, device, engine, method, statistics.median(ms), base) | {"calls": len(ms)})
        yield point, lines


def add_choices(lines: Sequence[Line]) -> None:
    """Mark, for every measurement, whether `compile` would choose its engine there."""
    names: dict[tuple[Any, ...], str] = {}
    for line in lines:
        learns, n, dtype = LEARNS[line["method"]], (line["pre"],), getattr(torch, line["dtype"])
        key = line["pre"], line["density"], line["batch"], dtype, line["device"], learns
        if key not in names:
            setting = Setting(line["batch"], line["device"], dtype, learns)
            names[key] = choose_kernel(ErdosRenyi(line["density"]), n, n, setting).name
        line["chosen"] = line["engine"] == names[key]


def write_table(lines: Sequence[Line], device: torch.device) -> None:
    """Replace what the package's table says of this kind of device by what was measured."""
    old = read_costs(COSTS)
    kept = [c for c in old.costs if c.device != device.type]
    mine = [
        Cost(*(line[k] for k in ("engine", "method", "pre", "density", "batch", "dtype", "device", "ms")))
        for line in lines
        if line["engine"] != "sparseprop"
    ]
    write_costs(COSTS, CostTable([*kept, *mine], {**old.measured, device.type: environment(device)}))
    shipped_costs.cache_clear()


def engines(wiring: ErdosRenyi, n: int, device: str) -> list[str]:
    """Name the engines that can be measured, without those that are for something else."""
    kind = torch.device(device).type
    known = {name: registry.kernels[name] for name in registry.kernels if name not in ELSEWHERE}
    return [
        name
        for name, kernel in known.items()
        if kernel.present() and kernel.supports(wiring, (n,), (n,)) and (not kernel.devices or kind in kernel.devices)
    ]


def _works(point: Point, made: Mapping[str, Kernel], device: str) -> dict[str, Work]:
    """Give the work of every engine, and under `BASE` that of dense products in float32."""
    wiring, shape, setting = point.wiring, (point.n,), point.setting(device)
    single = Setting(point.batch, device)
    works = {BASE: dense_work(wiring, shape, shape, single)}
    works["dense"] = works[BASE] if setting == single else dense_work(wiring, shape, shape, setting)
    works |= {name: engine_work(kernel, setting) for name, kernel in made.items()}
    return works | {"sparseprop": sparseprop_work(wiring, shape, shape, setting)}


def _times(works: Mapping[str, Work], method: str, seconds: float, rounds: int, device: str) -> dict[str, list[float]]:
    able: dict[str, Callable[[], object]] = {name: work[method] for name, work in works.items() if method in work}
    shared = able["dense"] is able[BASE]
    if shared:
        del able["dense"]
    with torch.no_grad():
        taken = interleave(able, rounds=rounds, seconds=seconds / len(able), device=device, turn_seconds=TURN)
    return taken | {"dense": taken[BASE]} if shared else taken


def _line(point: Point, device: torch.device, engine: str, method: str, ms: float, base: float) -> Line:
    dtype = str(point.dtype).removeprefix("torch.")
    return {
        "engine": engine, "method": method, "pre": point.n, "post": point.n, "density": point.density,
        "batch": point.batch, "dtype": dtype, "device": device.type,
        "ms": float(f"{ms:.5g}"), "ratio_to_dense": float(f"{base / ms:.5g}"),
        "threads": torch.get_num_threads(), "processor": environment(device)["device"], "torch": torch.__version__,
    }  # fmt: skip
