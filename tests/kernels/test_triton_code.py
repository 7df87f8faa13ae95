"""What Triton makes of the code: addresses within bounds, and programs for GPUs that are not here."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import circuitgraph as cg
from circuitgraph.ir import Shape, Topology
from circuitgraph.kernels import Ends, Kernel, TritonBlocks, TritonRows
from circuitgraph.kernels.triton_launch import INTERPRETED, Launch

Wiring = tuple[Topology, Shape, Shape]

POST, PRE = np.indices((70, 90))
POST, PRE = np.argwhere(((POST < 20) & (PRE < 30)) | ((POST >= 36) & (PRE >= 66)))[::-1].T
TILES: Wiring = cg.Explicit(PRE, POST), (90,), (70,)
ROWS: list[Wiring] = [
    (cg.Explicit([*range(40), 3, 9], [2] * 40 + [0, 7]), (40,), (9,)),
    (cg.Explicit([2, 0, 1, 0, 4], [0, 1, 0, 0, 5]), (5,), (3, 2)),
    (cg.Pruned(cg.Conv(3, padding=1), [0, 2, 3]), (1, 2), (2, 2)),
    (cg.GraphConv([0, 1, 2, 2], [1, 0, 3, 0]), (2, 4), (3, 4)),
    (cg.Explicit([], []), (3,), (2,)),
]


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Check every address that interpreted code reads or writes; count them."""
    from triton.runtime.interpreter import InterpreterBuilder

    bounds: list[tuple[int, int]] = []
    count = [0]
    run = Launch.run

    def launch(self: Launch) -> None:
        tensors = [t for t in self.operands.values() if isinstance(t, Tensor)]
        bounds[:] = [(t.data_ptr(), t.data_ptr() + t.numel() * t.element_size()) for t in tensors]
        run(self)

    def guard(access: Callable[..., Any], at_mask: int) -> Callable[..., Any]:
        def checked(self: Any, pointers: Any, *rest: Any) -> Any:
            used = pointers.data[rest[at_mask].data.astype(bool)]
            inside = np.zeros(used.shape, bool)
            for low, high in bounds:
                inside |= (used >= low) & (used < high)
            assert inside.all(), f"{(~inside).sum()} of {inside.size} addresses are outside of all operands"
            count[0] += used.size
            return access(self, pointers, *rest)

        return checked

    monkeypatch.setattr(Launch, "run", launch)
    for name, at_mask in (("create_masked_load", 0), ("create_masked_store", 1)):
        monkeypatch.setattr(InterpreterBuilder, name, guard(getattr(InterpreterBuilder, name), at_mask))
    return count


@pytest.mark.skipif(not INTERPRETED or not TritonRows.present(), reason="looks into Triton's interpreter")
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize(("kernel", "wiring"), [*((TritonRows, w) for w in ROWS), (TritonBlocks, TILES)], ids=str)
def test_nothing_outside_is_read_or_written(
    kernel: type[Kernel], wiring: Wiring, batch: int, watched: list[int]
) -> None:
    engine, ends = kernel(*wiring), Ends(*wiring)
    x, g, w = torch.ones(batch, *wiring[1]), torch.ones(batch, *wiring[2]), torch.ones(wiring[0].n_slots(*wiring[1:]))
    gain = torch.ones(ends.size)
    engine.push(x, w), engine.pull(g, w), engine.pair(x, g)
    engine.update(x, g, w, ends, gain=gain, decay=gain, shift=gain, unit_norm=True)()
    assert watched[0] > 0


COMPILE = """
import sys, torch, triton
from triton.backends.compiler import GPUTarget
import circuitgraph as cg
from circuitgraph.kernels import Ends, TritonBlocks, TritonRows
from circuitgraph.kernels.triton_launch import OPTIONS, Launch

class Driver:
    get_current_target = lambda self: GPUTarget("cuda", int(sys.argv[1]), 32)
    get_current_device = lambda self: 0
    get_current_stream = lambda self, device: 0

triton.runtime.driver.set_active(Driver())
made = set()

def build(self):
    compiled = self.code.warmup(grid=self.grid, **self.operands, **OPTIONS)
    assert compiled.metadata.shared <= 99 * 1024, compiled.metadata.shared
    made.add(compiled.name)
    return self

Launch.run = Launch.prepare = build
"""
USE = """
index = torch.arange(4096)
block = index[(index // 64 // 32) == (index % 64 // 32)]
blocks = cg.Explicit(block % 64, block // 64), (64,), (64,)
shared = cg.Pruned(cg.Conv(3, padding=1), [0, 1, 2]), (1, 4), (1, 4)
for kernel, wiring in ((TritonRows, blocks), (TritonRows, shared), (TritonBlocks, blocks)):
    kernel.devices = ("cpu",)
    engine, ends, n = kernel(*wiring), Ends(*wiring), wiring[0].n_slots(*wiring[1:])
    for name in sys.argv[2].split():
        kind, batch = getattr(torch, name), {"float32": 1, "bfloat16": 33, "float64": 2}[name]
        w = torch.ones(n, dtype=torch.promote_types(kind, torch.float32))
        x, g, gain = torch.ones(batch, *wiring[1], dtype=kind), torch.ones(batch, *wiring[2], dtype=kind), w[:ends.size]
        engine.push(x, w), engine.pull(g, w), engine.pair(x, g)
        engine.update(x, g, w, ends, gain=gain, decay=gain, shift=gain, unit_norm=True)
print(*sorted(made))
"""


@pytest.mark.skipif(not TritonRows.present() or sys.platform != "linux", reason="needs triton's compiler")
@pytest.mark.parametrize(
    ("capability", "kinds"),
    [("90", "bfloat16"), *(pytest.param(c, "float32 bfloat16 float64", marks=pytest.mark.slow) for c in ("80", "120"))],
)
def test_the_code_compiles_for_gpus_that_are_not_here(capability: str, kinds: str, tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error::UserWarning", "-c", COMPILE + USE, capability, kinds]
    env = {**os.environ, "TRITON_INTERPRET": "0", "TRITON_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split() == ["norm_rows", "pair_rows", "pair_shared", "pair_tiles", "sum_rows", "sum_tiles"]
