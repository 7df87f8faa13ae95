"""One million neurons, a hundred million synapses: time and memory of one step of push and of pair, one sample.

After that, how long `compile` takes for ten million synapses, listed in order and not.

Wiring is listed pair by pair (Explicit): every neuron hears 100 others, drawn at random.  A push has to read every
weight and every index once, a pair has to read every index and write a number for every synapse; `bound_ms` is the time
that takes at the bandwidth that torch reaches here when it sums an array of 400 MB, and what lies above it is the price
of fetching presynaptic activity from random places.  Peak memory is that of the whole process, the circuit included.

    python benchmarks/large.py [--neurons 1000000] [--json]      --json writes benchmarks/results/large.jsonl
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
from circuitgraph.bench.report import environment

RESULTS = Path(__file__).parent / "results" / "large.jsonl"
FAN_IN, ROWS = 100, 50_000


def wiring(n: int) -> cg.Explicit:
    """Draw FAN_IN different presynaptic neurons for each neuron."""
    rng = np.random.default_rng(0)
    pre = np.empty(n * FAN_IN, np.int32)
    for start in range(0, n, ROWS):
        rows = rng.integers(0, n, (min(ROWS, n - start), FAN_IN), dtype=np.int32)
        rows.sort(axis=1)
        while (twice := (np.diff(rows, axis=1) == 0).any(axis=1)).any():
            rows[twice] = np.sort(rng.integers(0, n, (int(twice.sum()), FAN_IN), dtype=np.int32), axis=1)
        pre[start * FAN_IN : (start + len(rows)) * FAN_IN] = rows.ravel()
    return cg.Explicit(frozen(pre), frozen(np.repeat(np.arange(n, dtype=np.int32), FAN_IN)))


def frozen(a: np.ndarray) -> np.ndarray:
    """Give an array up to a circuit, which then need not copy it."""
    a.flags.writeable = False
    return a


def milliseconds(work: Callable[[], object], rounds: int = 9) -> float:
    work()
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


def build(n: int) -> cg.Circuit:
    rng, circuit = np.random.default_rng(1), cg.Circuit().add("x", n).add("y", n)
    weight = frozen(rng.standard_normal(n * FAN_IN, dtype=np.float32))
    return circuit.connect("x", "y", wiring(n), weight=weight, rule=cg.Oja(1e-6))


def compile_seconds(n: int) -> tuple[float, cg.Network]:
    circuit = build(n)
    start = time.perf_counter()
    net = cg.compile(circuit, batch=1, kernels={"x->y": "numba"})
    return time.perf_counter() - start, net


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
            "kernel": net.plan.kernels["x->y"], "compile_s": seconds, **environment(torch.device("cpu")),
        })  # fmt: skip
    return lines


@torch.no_grad()
def measure(n: int) -> list[dict[str, object]]:
    compile_seconds(1000)  # machine code is made, or read from disk
    seconds, net = compile_seconds(n)
    kernel, w, x = net.kernels["x->y"], net.weights["x->y"].detach(), torch.rand(1, n)
    assert isinstance(kernel, cg.kernels.Kernel)
    y, state = kernel.push(x, w), net.step(x)
    state = net.step(x)
    times = {
        "push": milliseconds(lambda: kernel.push(x, w)),
        "pair": milliseconds(lambda: kernel.pair(x, y)),
        "learn (Oja)": milliseconds(lambda: net.learn(state)),
    }
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    probe = torch.ones(100_000_000)
    bytes_a_ms = 4e8 / milliseconds(probe.sum)
    moved = {"push": 8, "pair": 8, "learn (Oja)": 12}
    common = {"neurons": n, "synapses": n * FAN_IN, "compile_s": round(seconds, 2), "peak_gb": round(peak / 1e9, 2)}
    return [
        {
            "what": what, **common, "ms": round(ms, 1), "bound_ms": round(moved[what] * n * FAN_IN / bytes_a_ms, 1),
            "times_bound": round(ms / (moved[what] * n * FAN_IN / bytes_a_ms), 2), **environment(torch.device("cpu")),
        }
        for what, ms in times.items()
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--neurons", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    cg.tune_allocator()
    lines = [*measure(given.neurons), *compile_times(given.neurons // 10)]  # the first one reads peak memory
    for line in lines:
        print(json.dumps(line))
    if given.json:
        RESULTS.write_text("".join(json.dumps(line) + "\n" for line in lines))


if __name__ == "__main__":
    main()
