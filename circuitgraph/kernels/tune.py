"""Measure kernels on the spot, on the wiring that they are to compute, and remember what came out."""

import importlib.metadata
import json
import math
import os
import platform
import statistics
import tempfile
import warnings
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

import platformdirs
import torch
from torch import Tensor

from circuitgraph.ir import Shape, Topology, n_neurons
from circuitgraph.kernels.ends import Ends
from circuitgraph.kernels.kernel import Kernel, wide
from circuitgraph.kernels.select import Setting
from circuitgraph.kernels.timing import interleave
from circuitgraph.registry import kernels

ROUNDS, SECONDS = 9, 0.02
"""Calls of each method, and about the time after which a kernel is called no more."""


class Tuner:
    """Give times of kernels from a file, or measure them and add them to it.

    What was measured holds for one processor, one set of versions, one shape, density, batch and type.  A file that
    cannot be read or written costs one warning and nothing else.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or Path(platformdirs.user_cache_dir("circuitgraph")) / "kernel_times.json"
        self._known: dict[str, dict[str, float]] | None = None
        self._warned = False

    def times(
        self, names: list[str], topology: Topology, pre: Shape, post: Shape, setting: Setting
    ) -> Mapping[str, float]:
        """Give milliseconds for one call of each method that the setting needs, added up, by kernel name."""
        if self._known is None:
            self._known = self._read()
        key = _key(names, topology, pre, post, setting)
        if self._known.get(key, {}).keys() != set(names):
            self._known[key] = measure(names, topology, pre, post, setting)
            self._write(self._known)
        return self._known[key]

    def _read(self) -> dict[str, dict[str, float]]:
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            self._warn(error)
            return {}
        if not isinstance(found, dict):
            self._warn(ValueError("not a mapping"))
            return {}
        return {key: times for key, times in found.items() if _is_times(times)}

    def _write(self, known: Mapping[str, Mapping[str, float]]) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=self.path.name)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(known, file, indent=1)
            Path(name).replace(self.path)  # whole or not at all, whoever else writes
        except OSError as error:
            self._warn(error)

    def _warn(self, error: Exception) -> None:
        if not self._warned:
            self._warned = True
            warnings.warn(f"kernel times in {self.path}: not kept or not read ({error}); delete it", stacklevel=2)


def measure(names: list[str], topology: Topology, pre: Shape, post: Shape, setting: Setting) -> dict[str, float]:
    """Time kernels against each other on random activity and weights: median milliseconds, added up over methods."""
    work: dict[str, Callable[[], object]] = {}
    for name in names:
        kernel: Kernel = kernels[name](topology, pre, post).to(setting.device)
        work |= {f"{name} {method}": call for method, call in calls(kernel, setting).items()}
    with torch.no_grad():
        taken = interleave(work, rounds=ROUNDS, seconds=SECONDS, device=setting.device)
    return {n: sum(statistics.median(taken[f"{n} {method}"]) for method in setting.methods) for n in names}


def calls(kernel: Kernel, setting: Setting) -> dict[str, Callable[[], object]]:
    """Give one call of each method that the setting needs."""
    x, g, w = operands(kernel, setting)
    every: dict[str, Callable[[], object]] = {
        "push": partial(kernel.push, x, w),
        "pull": partial(kernel.pull, g, w, x),
        "pair": partial(kernel.pair, x, g),
        "update": update_call(kernel, x, g, w.clone(), rate=1e-9),
    }
    return {method: every[method] for method in setting.methods}


def update_call(kernel: Kernel, x: Tensor, g: Tensor, w: Tensor, *, rate: float) -> Callable[[], Tensor]:
    """Give a call that changes w in place by a local rule of Oja's form: w += rate * (pair(x, g) - w)."""
    ends = Ends(kernel.topology, kernel.pre, kernel.post).to(w.device)
    gain, decay = (torch.full((ends.size,), v, dtype=w.dtype, device=w.device) for v in (rate, -1.0))

    def update() -> Tensor:
        kernel.update(x, g, w, ends, gain=gain, decay=decay)()
        return w

    return update


def operands(kernel: Kernel, setting: Setting) -> tuple[Tensor, Tensor, Tensor]:
    """Draw x, g and w; activity lies in memory as the kernel leaves it, which is what its neighbours hand on."""
    x, g, w = draw(kernel.topology, kernel.pre, kernel.post, setting)
    return torch.empty_like(kernel.pull(g, w, x)).copy_(x), torch.empty_like(kernel.push(x, w)).copy_(g), w


def draw(topology: Topology, pre: Shape, post: Shape, setting: Setting) -> tuple[Tensor, Tensor, Tensor]:
    """Draw normal x, g and w, always the same."""
    rng = torch.Generator().manual_seed(0)
    x, g = (torch.randn(setting.batch, *shape, generator=rng) for shape in (pre, post))
    w = torch.randn(topology.n_slots(pre, post), generator=rng)
    x, g = (a.to(setting.device, setting.dtype) for a in (x, g))
    return x, g, w.to(setting.device, wide(setting.dtype))


def _key(names: list[str], topology: Topology, pre: Shape, post: Shape, setting: Setting) -> str:
    density = topology.n_synapses(pre, post) / (n_neurons(pre) * n_neurons(post))
    bucket = 0.0 if density == 0 else 2.0 ** (round(4 * math.log2(density)) / 4)
    dtype = str(setting.dtype).removeprefix("torch.")
    sizes = f"{type(topology).__name__} {pre}->{post} at {bucket:.3g}, batch {setting.batch}"
    return "; ".join([sizes, f"{dtype}, {setting.learns}", ", ".join(sorted(names)), _machine(setting.device)])


def _machine(device: str) -> str:
    """Name the processor, its threads and the versions that times depend on."""
    versions = " ".join(
        f"{p} {_version(p)}" for p in ("circuitgraph-nn", "torch", "numba", "triton", "torch-geometric")
    )
    if device.startswith("cuda"):
        return f"{torch.cuda.get_device_name(device)}; {versions}"
    name = torch.cpu.get_capabilities().get("cpu_name", platform.processor() or "CPU")
    return f"{name}, {torch.get_num_threads()} threads; {versions}"


@cache
def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "-"


def _is_times(times: Any) -> bool:
    return isinstance(times, dict) and all(isinstance(v, int | float) for v in times.values()) and bool(times)
