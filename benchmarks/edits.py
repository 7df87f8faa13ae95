"""Edits of a live network with ten million slots: score, choose, remap, carry the optimiser, choose kernels again.

Five edits in a row on one network, as training makes them: a tenth of the slots goes by magnitude, then another; units
are born, and others split; a thirtieth of what is left is rewired.  Times are medians over as many networks, one after
the other, and the lowest and highest; the first edit of all, which also reads or makes machine code, is a line of its
own.  The last line counts slots after each of a thousand prune-and-grow steps of a small network.

    python benchmarks/edits.py [--slots 10000000] [--networks 5] [--json]     --json: to benchmarks/results
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import torch

import circuitgraph as cg
from circuitgraph.bench.report import environment
from circuitgraph.ir import Remap
from circuitgraph.structural import SET, Fraction, Magnitude, Prune, rewire

RESULTS = Path(__file__).parent / "results" / "edits.jsonl"
WIDE, SHARE = 4096, 1 / 30


def network(n_slots: int) -> cg.Network:
    circuit = cg.Circuit().add("x", WIDE).connect("x", "y", cg.Dense(), units=n_slots // WIDE, neuron=cg.ReLU())
    return cg.compile(circuit.connect("y", "z", cg.Dense(), units=10))


def measure(n_slots: int) -> list[dict[str, Any]]:
    net = network(n_slots)
    optimizer = torch.optim.Adam(net.parameters())
    step(net, optimizer)
    prune = Prune(Magnitude(), Fraction(0.1), projections=("x->y",))
    edits = {
        "first prune": lambda: prune(net),
        "prune": lambda: prune(net),
        "grow": lambda: net.edit(cg.Grow("y", 8)),
        "split": lambda: net.edit(cg.Split("y", range(8))),
        "rewire": lambda: rewire(net, "x->y", SET(SHARE), rng=0),
    }
    lines = []
    for what, edit in edits.items():
        before, start = net.circuit.n_slots, time.perf_counter()
        remap = edit()
        edited = time.perf_counter()
        cg.carry(optimizer, remap)
        carried = time.perf_counter()
        step(net, optimizer)
        lines.append(line(what, net, before, remap, edited - start, carried - edited))
    return lines


def line(what: str, net: cg.Network, before: int, remap: Remap, edit: float, carry: float) -> dict[str, Any]:
    return {
        "what": what, "slots_before": before, "slots_after": net.circuit.n_slots,
        "new": int((remap.slots["x->y"] < 0).sum()), "kernel": net.plan.kernels["x->y"],
        "edit_s": round(edit, 3), "carry_s": round(carry, 3), "total_s": round(edit + carry, 3),
        **environment(torch.device("cpu")),
    }  # fmt: skip


def median_of(lines: list[dict[str, Any]]) -> dict[str, object]:
    """Give the line of the median time of the same edit on several networks, and the range of times."""
    ranked = sorted(lines, key=lambda line: line["total_s"])
    times = [line["total_s"] for line in ranked]
    return {**ranked[len(ranked) // 2], "networks": len(lines), "least_s": times[0], "most_s": times[-1]}


def step(net: cg.Network, optimizer: torch.optim.Optimizer) -> None:
    optimizer.zero_grad()
    net(torch.rand(2, WIDE)).square().sum().backward()
    optimizer.step()


def exact_density(steps: int = 1000) -> dict[str, object]:
    net = cg.compile(cg.Circuit().add("x", 60).connect("x", "y", cg.ErdosRenyi(0.1), units=40))
    counts = set()
    for k in range(steps):
        rewire(net, "x->y", SET(0.3), rng=k)
        counts.add(net.circuit.n_slots)
    return {"what": "slots after each prune-and-grow step", "steps": steps, "counts": sorted(counts), "asked": 240}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--slots", type=int, default=10_000_000)
    parser.add_argument("--networks", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    cg.tune_allocator()
    first, *others = measure(given.slots)
    rounds = [others, *(measure(given.slots)[1:] for _ in range(given.networks - 1))]
    lines = [first, *(median_of(list(same)) for same in zip(*rounds, strict=True)), exact_density()]
    for found in lines:
        print(json.dumps(found))
    if given.json:
        RESULTS.write_text("".join(json.dumps(found) + "\n" for found in lines))


if __name__ == "__main__":
    main()
