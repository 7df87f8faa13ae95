"""One million neurons, a hundred million synapses: time and memory of one step of push and of pair, one sample.

After that, how long `compile` takes for ten million synapses, listed in order and not.

Wiring is listed pair by pair (Explicit): every neuron hears 100 others, drawn at random; pairs are listed in tiles, the
order that `circuitgraph.topologies.tile_order` gives, or row by row (--rows).  A push has to read each weight and each
index once (800 MB), a pair to read every index and write a number for every synapse (400 and 400), learning to read
every index and read and write every weight (800 and 400).  `bound_ms` is the time that torch takes here to do as much
to arrays in a row: sum, copy, add; what lies above it is the price of fetching activity.  All take turns, as what
others leave of the bandwidth changes within minutes.  Peak memory is that of the whole process, the circuit included,
before torch's arrays are made.

    python benchmarks/large.py [--neurons 1000000] [--rows] [--json]     --json writes benchmarks/results/large.jsonl
"""

import argparse
import itertools
import json
import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

import circuitgraph as cg
from circuitgraph.kernels.timing import interleave
from circuitgraph.topologies.tiles import STRIP, tile_order

RESULTS = Path(__file__).parent / "results" / "large.jsonl"
FAN_IN, ROWS = 100, 50_000
ROUNDS, SECONDS = 45, 10.0
"""Turns that medians are taken of, at most, and about how long each piece of work may take in all."""


def pairs(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw FAN_IN different presynaptic neurons for each neuron.  Shape: -> (n * FAN_IN,) int32, twice."""
    rng = np.random.default_rng(0)
    pre = np.empty(n * FAN_IN, np.int32)
    for start in range(0, n, ROWS):
        drawn = rng.integers(0, n, (min(ROWS, n - start), FAN_IN), dtype=np.int32)
        drawn.sort(axis=1)
        while (twice := (np.diff(drawn, axis=1) == 0).any(axis=1)).any():
            drawn[twice] = np.sort(rng.integers(0, n, (int(twice.sum()), FAN_IN), dtype=np.int32), axis=1)
        pre[start * FAN_IN : (start + len(drawn)) * FAN_IN] = drawn.ravel()
    return pre, np.repeat(np.arange(n, dtype=np.int32), FAN_IN)


def wiring(n: int, *, tiled: bool = False) -> cg.Explicit:
    pre, post = pairs(n)
    for start in range(0, len(pre) if tiled else 0, STRIP * FAN_IN):  # in place: a strip is a run of rows
        strip = slice(start, start + STRIP * FAN_IN)
        order = tile_order(pre[strip], post[strip])
        pre[strip], post[strip] = pre[strip][order], post[strip][order]
    return cg.Explicit(frozen(pre), frozen(post))


def frozen(a: np.ndarray) -> np.ndarray:
    """Give an array up to a circuit, which then need not copy it."""
    a.flags.writeable = False
    return a


def build(n: int, tiled: bool) -> cg.Circuit:
    rng, circuit = np.random.default_rng(1), cg.Circuit().add("x", n).add("y", n)
    weight = frozen(rng.standard_normal(n * FAN_IN, dtype=np.float32))
    return circuit.connect("x", "y", wiring(n, tiled=tiled), weight=weight, rule=cg.Oja(1e-6))


def compile_seconds(n: int, tiled: bool, kernel: str | None = None) -> tuple[float, cg.Network]:
    circuit = build(n, tiled)
    start = time.perf_counter()
    net = cg.compile(circuit, batch=1, kernels={} if kernel is None else {"x->y": kernel})
    return time.perf_counter() - start, net


def machine() -> dict[str, object]:
    """Say what this was measured on; what that imports, 70 MB, is no part of a circuit's memory."""
    from circuitgraph.bench.report import environment

    return environment(torch.device("cpu"))


def compile_times(n: int) -> list[dict[str, object]]:
    """Compile circuits of n neurons a side, as a user does, for one sample and for 128."""
    given, rng = wiring(n), np.random.default_rng(2)
    order, lines = rng.permutation(n * FAN_IN), []
    listings = {"in order": given, "in no order": cg.Explicit(given.pre[order], given.post[order])}
    for (how, pairs), batch in itertools.product(listings.items(), (1, 128)):
        circuit = cg.Circuit().add("x", n).add("y", n).connect("x", "y", pairs, rule=cg.Oja(1e-6))
        cg.compile(circuit, batch=batch)
        start = time.perf_counter()
        net = cg.compile(circuit, batch=batch)
        seconds = round(time.perf_counter() - start, 2)
        lines.append({
            "what": f"compile, pairs {how}", "neurons": n, "synapses": n * FAN_IN, "batch": batch,
            "kernel": net.plan.kernels["x->y"], "compile_s": seconds, **machine(),
        })  # fmt: skip
    return lines


@torch.no_grad()
def measure(n: int, tiled: bool) -> list[dict[str, object]]:
    compile_seconds(1000, tiled, "numba-tiles" if tiled else "numba")  # machine code is made, or read from disk
    seconds, net = compile_seconds(n, tiled)
    kernel, w, x = net.kernels["x->y"], net.weights["x->y"].detach(), torch.rand(1, n)
    assert isinstance(kernel, cg.kernels.Kernel)
    y, state = kernel.push(x, w), net.step(x)
    state = net.step(x)
    works: dict[str, Callable[[], object]] = {
        "push": lambda: kernel.push(x, w),
        "pair": lambda: kernel.pair(x, y),
        "learn (Oja)": lambda: net.learn(state),
    }
    for work in works.values():
        work()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    room = torch.zeros_like(w)
    works |= {"sum": w.sum, "copy": lambda: room.copy_(w), "add": lambda: room.add_(w)}
    taken = interleave(works, rounds=ROUNDS, seconds=SECONDS, device="cpu")
    times = {what: statistics.median(ms) for what, ms in taken.items()}
    bounds = {"push": 2 * times["sum"], "pair": times["copy"], "learn (Oja)": times["add"]}
    common = {"neurons": n, "synapses": n * FAN_IN, "kernel": kernel.name}
    common |= {"compile_s": round(seconds, 2), "peak_gb": round(peak / 1e9, 2)}
    return [
        {
            "what": what, **common, "ms": round(times[what], 1), "bound_ms": round(bound, 1),
            "times_bound": round(times[what] / bound, 2), **machine(),
        }
        for what, bound in bounds.items()
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--neurons", type=int, default=1_000_000)
    parser.add_argument("--rows", action="store_true", help="list pairs row by row, not in tiles")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    cg.tune_allocator()
    lines = measure(given.neurons, tiled=not given.rows)  # first: it reads peak memory
    lines += compile_times(given.neurons // 10)
    for line in lines:
        print(json.dumps(line))
    if given.json:
        RESULTS.write_text("".join(json.dumps(line) + "\n" for line in lines))


if __name__ == "__main__":
    main()
