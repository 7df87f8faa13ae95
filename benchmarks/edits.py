"""Edits of a live network with ten million slots: score, choose, remap, carry the optimiser, choose kernels again.

Five edits in a row on one network, as training makes them: a tenth of the slots goes by magnitude, then another; units
are born, and others split; a thirtieth of what is left is rewired.  The first edit also makes machine code.  The last
line counts slots after each of a thousand prune-and-grow steps of a small network.

    python benchmarks/edits.py [--slots 10000000] [--json]      --json writes benchmarks/results/edits.jsonl
"""

import argparse
import json
import time
from pathlib import Path

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


def measure(n_slots: int) -> list[dict[str, object]]:
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


def line(what: str, net: cg.Network, before: int, remap: Remap, edit: float, carry: float) -> dict[str, object]:
    return {
        "what": what, "slots_before": before, "slots_after": net.circuit.n_slots,
        "new": int((remap.slots["x->y"] < 0).sum()), "kernel": net.plan.kernels["x->y"],
        "edit_s": round(edit, 3), "carry_s": round(carry, 3), "total_s": round(edit + carry, 3),
        **environment(torch.device("cpu")),
    }  # fmt: skip


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
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    cg.tune_allocator()
    lines = [*measure(given.slots), exact_density()]
    for found in lines:
        print(json.dumps(found))
    if given.json:
        RESULTS.write_text("".join(json.dumps(found) + "\n" for found in lines))


if __name__ == "__main__":
    main()
