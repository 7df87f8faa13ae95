"""Choose the fastest kernel that can compute a projection, by what was measured."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

import torch

from circuitgraph.errors import StructureError
from circuitgraph.ir import Shape, Topology, n_neurons
from circuitgraph.kernels.costs import CostTable, shipped_costs
from circuitgraph.kernels.kernel import Kernel
from circuitgraph.kernels.rows import is_irregular
from circuitgraph.registry import kernels
from circuitgraph.topologies import Dense, Pruned

Learns = Literal["gradient", "rule", None]

METHODS: dict[Learns, tuple[str, ...]] = {
    None: ("push",),
    "gradient": ("push", "pull", "pair"),
    "rule": ("push", "update"),
}
MS_PER_CALL, MS_PER_MULTIPLY_ADD = 0.01, 2e-8
"""What turns the estimate of a kernel that was not measured into milliseconds: one call into torch, and a dense product
at 50 thousand million multiply-adds a second, which is one processor core."""
FAR_NEURONS, FAR_BATCH, FAR_MS = 1 << 17, 4, 4.5e-7
"""From so many presynaptic neurons on, and up to so many samples, a synapse of compressed rows takes at least so long a
sample: it fetches a line of 64 bytes from beyond the second cache (a million neurons, two Zen 5 cores).  The table of
measurements holds no wiring as large."""
NEAR, NEAR_MS = 1.05, 0.03
"""Expected times that differ by less count as equal: measured ones scatter by that much."""
NOTABLE_MS = 0.1
"""Below that, for all methods together, a choice is not worth a line in the plan."""


@dataclass(frozen=True)
class Setting:
    """What a kernel is chosen for: samples at a time, where it runs, the type of activity, and how weights learn."""

    batch: int = 128
    device: str = "cpu"
    dtype: torch.dtype = torch.float32
    learns: Learns = None

    @property
    def device_type(self) -> str:
        """Give the kind of device, without its number."""
        return self.device.split(":")[0]

    @property
    def methods(self) -> tuple[str, ...]:
        """Name the kernel's methods that such a projection calls in one step.

        Example:
            >>> Setting(learns="rule").methods
            ('push', 'update')
        """
        return METHODS[self.learns]


@dataclass(frozen=True)
class Choice:
    """A kernel's name, and why it was chosen: "" where there was no choice, or none that matters."""

    name: str
    why: str = ""


class Expected(NamedTuple):
    """What one call of each needed method takes, added up: as measured, or by the kernel's own estimate."""

    ms: float
    measured: bool


class Stopwatch(Protocol):
    """Measures kernels on the wiring that they are to compute; see `Tuner`."""

    def times(
        self, names: list[str], topology: Topology, pre: Shape, post: Shape, setting: Setting
    ) -> Mapping[str, float]:
        """Give milliseconds for one call of each method that the setting needs, added up, by kernel name."""


def make_kernel(
    topology: Topology, pre: Shape, post: Shape, name: str | None = None, *, setting: Setting | None = None
) -> Kernel:
    """Make the kernel called `name`, or the one that is expected to be fastest in the setting.

    Raises:
        UnknownNameError: if there is no kernel of that name.
        StructureError: if it does not support the topology, is not installed, or does not run on the device.

    Example:
        >>> from circuitgraph.topologies import Dense
        >>> make_kernel(Dense(), (3,), (2,)).name, make_kernel(Dense(), (3,), (2,), "embedding-bag").name
        ('dense', 'embedding-bag')
    """
    if name is None:
        name = choose_kernel(topology, pre, post, setting).name
    else:
        _check(name, topology, pre, post, setting)
    made: Kernel = kernels[name](topology, pre, post)
    return made


def choose_kernel(
    topology: Topology, pre: Shape, post: Shape, setting: Setting | None = None, *, stopwatch: Stopwatch | None = None
) -> Choice:
    """Say which kernel is expected to be fastest, by the shipped measurements or, with a stopwatch, by its own.

    Among kernels expected to be equal, one that runs on every device is preferred, then the cheaper by its estimate.

    Example:
        >>> from circuitgraph.topologies import ErdosRenyi
        >>> choose_kernel(ErdosRenyi(0.5), (8,), (8,)).name
        'masked'
    """
    setting = setting or Setting()
    able = {n: kernels[n] for n in kernels if _runs(kernels[n], setting) and kernels[n].supports(topology, pre, post)}
    if len(able) > 1:  # it is there to be right, and its estimate says nothing about the smallest wiring
        able.pop("reference", None)
    expected = expect(able, topology, pre, post, setting)
    tried = _promising(expected)
    if stopwatch is not None and len(tried) > 1:
        times = stopwatch.times(tried, topology, pre, post, setting)
        expected = {name: Expected(ms, True) for name, ms in times.items()}
    least = min(e.ms for e in expected.values())
    near = [n for n, e in expected.items() if e.ms <= NEAR * least + NEAR_MS]
    chosen = min(near, key=lambda n: (bool(able[n].devices), able[n].cost(topology, pre, post), n))
    why = _why(chosen, expected, topology, pre, post, setting)
    return Choice(chosen, f"{why}, measured here" if why and stopwatch is not None else why)


def expect(
    able: Mapping[str, type[Kernel]], topology: Topology, pre: Shape, post: Shape, setting: Setting
) -> dict[str, Expected]:
    """Say what each kernel is expected to take.

    A kernel's own estimate counts where it was not measured, and for all where wiring has a structure of its own, which
    the measurements, of random wiring, know nothing of: convolutions, pools, graphs, all to all.
    """
    table, sizes = shipped_costs(), (n_neurons(pre), n_neurons(post), topology.n_synapses(pre, post))
    random, out = _is_random(topology, pre, post), {}
    for name, kernel in able.items():
        ms = _measured(table, name, sizes, setting) if random else None
        if ms is None:
            work = kernel.cost(topology, pre, post) * setting.batch
            out[name] = Expected(len(setting.methods) * (MS_PER_CALL + work * MS_PER_MULTIPLY_ADD), False)
        else:
            out[name] = Expected(ms, True)
    return _fetched(out, sizes[0], sizes[2], setting)


def _fetched(expected: dict[str, Expected], n_pre: int, synapses: int, setting: Setting) -> dict[str, Expected]:
    """Let the fastest that was measured take as long as fetching presynaptic activity, where that fits no cache."""
    best = min((e.ms for e in expected.values() if e.measured), default=math.inf)
    least = len(setting.methods) * setting.batch * synapses * FAR_MS
    if n_pre < FAR_NEURONS or setting.batch > FAR_BATCH or setting.device_type != "cpu" or best >= least:
        return expected
    return {n: Expected(e.ms * least / best, True) if e.measured else e for n, e in expected.items()}


def _is_random(topology: Topology, pre: Shape, post: Shape) -> bool:
    """Tell whether wiring has no more structure than random wiring, or what is left of pruned wiring."""
    if isinstance(topology, Pruned):
        return is_irregular(topology, pre, post) and is_irregular(topology.topology, pre, post)
    return not isinstance(topology, Dense) and is_irregular(topology, pre, post)


def _measured(table: CostTable, name: str, sizes: tuple[int, int, int], setting: Setting) -> float | None:
    """Look a kernel up in the table; float64 counts as twice float32, other types that are missing as float32."""
    dtype, factor = str(setting.dtype).removeprefix("torch."), 1.0
    if table.predict(name, "push", *sizes, setting.batch, dtype, setting.device_type) is None:
        dtype, factor = "float32", 2.0 if setting.dtype == torch.float64 else 1.0
    total = 0.0
    for method in setting.methods:
        ms = table.predict(name, method, *sizes, setting.batch, dtype, setting.device_type)
        if ms is None:
            return None
        total += factor * ms
    return total


def _promising(expected: Mapping[str, Expected]) -> list[str]:
    """Name two to four kernels, those expected to take at most four times as long as the fastest.

    The reference, which is there to be right, is not among them.
    """
    ranked = sorted((e.ms, n) for n, e in expected.items() if n != "reference" and e.ms < math.inf)
    return [n for i, (ms, n) in enumerate(ranked[:4]) if i < 2 or ms <= 4 * ranked[0][0]]


def _why(
    chosen: str, expected: Mapping[str, Expected], topology: Topology, pre: Shape, post: Shape, setting: Setting
) -> str:
    """Compare the chosen kernel with the next best and with the dense product, in words, if they were measured."""
    others = sorted((e.ms, n) for n, e in expected.items() if e.measured and n != chosen)
    if not others or not expected[chosen].measured or expected[chosen].ms < NOTABLE_MS:
        return ""
    shown = dict.fromkeys([chosen, others[0][1], *(n for _, n in others if n == "masked")])
    density = topology.n_synapses(pre, post) / (n_neurons(pre) * n_neurons(post))
    times = ", ".join(f"{n} {_short(expected[n].ms)} ms" for n in shown)
    return f"{times} at {100 * density:.2g} % density, batch {setting.batch}"


def _short(ms: float) -> str:
    return f"{ms:.0f}" if ms >= 10 else f"{ms:.2g}"


def _runs(kernel: Any, setting: Setting) -> bool:
    return kernel.present() and (not kernel.devices or setting.device_type in kernel.devices)


def _check(name: str, topology: Topology, pre: Shape, post: Shape, setting: Setting | None) -> None:
    kernel, mend = kernels[name], "leave it out to let the compiler choose"
    if not kernel.supports(topology, pre, post):
        raise StructureError(f"kernel {name!r}: does not support {topology!r}; {mend}")
    if not kernel.present():
        raise StructureError(f"kernel {name!r}: what it needs is not installed; {mend}")
    if setting is not None and not _runs(kernel, setting):
        got = f"got {setting.device}, expected {' or '.join(kernel.devices)}"
        raise StructureError(f"kernel {name!r}: does not run on this device ({got}); {mend}")
