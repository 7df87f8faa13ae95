"""Many small projections as one operation, against one by one, on a circuit of the size of a fly's visual system.

65 cell types of 721 cells each, one for every column of a hexagonal eye, 604 projections with delay 1 that connect
each column to its neighbours, about 1.4 million synapses: the numbers of Lappalainen et al. (2024), with random fields
and weights.  One by one, each projection has the kernel that `compile` would choose for it.  Both run in one process,
interleaved; times are medians for one time step of
  run    `net.run`, without gradients
  step   a loop over `net.step`, without gradients
  train  `net.run` and the gradient of all weights through time

    python benchmarks/many_projections.py [--rounds 15] [--batch 4 128] [--steps 10] [--json]
--json writes benchmarks/results/many_projections.jsonl.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

import circuitgraph as cg
from circuitgraph.bench.report import environment
from circuitgraph.kernels import Setting, choose_kernel

RESULTS = Path(__file__).parent / "results" / "many_projections.jsonl"
TYPES, RADIUS, PROJECTIONS = 65, 15, 604
# Columns that a cell hears: those within 0, 1, 2 and 3 steps, and how many projections have such fields.
FIELDS, SHARES = (1, 7, 19, 37), (0.72, 0.22, 0.05, 0.01)


def columns() -> np.ndarray:
    """List the columns of a hexagonal eye, from the middle outwards.  Shape: (N, 2)."""
    at = np.array([(u, v) for u in range(-RADIUS, RADIUS + 1) for v in range(-RADIUS, RADIUS + 1)])
    distance = np.maximum(np.abs(at).max(1), np.abs(at.sum(1)))
    return at[np.argsort(distance, kind="stable")][: (distance <= RADIUS).sum()]


def fields(eye: np.ndarray, size: int) -> cg.Explicit:
    """Connect every column to the `size` nearest ones, as far as they exist."""
    place = {tuple(at): i for i, at in enumerate(eye.tolist())}
    pairs = [
        (place.get((u + du, v + dv)), i) for i, (u, v) in enumerate(eye.tolist()) for du, dv in eye[:size].tolist()
    ]
    pre, post = zip(*((a, b) for a, b in pairs if a is not None), strict=True)
    return cg.Explicit(pre, post)


def circuit() -> cg.Circuit:
    rng, eye = np.random.default_rng(0), columns()
    kinds = [fields(eye, size) for size in FIELDS]
    ends = rng.choice(TYPES * TYPES, PROJECTIONS, replace=False)
    projections = []
    for end, kind in zip(ends.tolist(), rng.choice(len(kinds), PROJECTIONS, p=SHARES).tolist(), strict=True):
        wiring = kinds[kind]
        weight = rng.normal(0, 0.1, len(wiring.pre)).astype(np.float32)
        pre, post = divmod(end, TYPES)
        projections.append(cg.Projection(f"type {pre}", f"type {post}", wiring, weight, delay=1))
    populations = [cg.Population(f"type {i}", (len(eye),), cg.ReLU()) for i in range(TYPES)]
    return cg.Circuit(tuple(populations), tuple(projections))


def networks(body: cg.Circuit, batch: int) -> dict[str, cg.Network]:
    setting = Setting(batch, learns="gradient")
    alone = {p.name: choose_kernel(p.topology, *body.shapes(p), setting).name for p in body.projections}
    return {"merged": cg.compile(body, batch=batch), "one by one": cg.compile(body, kernels=alone, batch=batch)}


def work(net: cg.Network, xs: torch.Tensor, out: str) -> dict[str, Callable[[], torch.Tensor]]:
    """Give what is timed, for one network; each returns numbers to compare."""

    @torch.no_grad()
    def run() -> torch.Tensor:
        return net.run({"type 0": xs})[1][out]

    @torch.no_grad()
    def step() -> torch.Tensor:
        state = None
        for x in xs:
            state = net.step({"type 0": x}, state)
        assert state is not None
        return state[out]

    def train() -> torch.Tensor:
        net.zero_grad()
        y = net.run({"type 0": xs})[1][out]
        y.square().sum().backward()
        # What has not arrived yet has no gradient one by one, and a gradient of zero merged.
        return torch.cat([torch.zeros_like(w) if w.grad is None else w.grad for w in net.parameters()])

    return {"run": run, "step": step, "train": train}


def measure(nets: dict[str, cg.Network], xs: torch.Tensor, rounds: int) -> list[dict[str, object]]:
    out = "type 1"
    jobs = {name: work(net, xs, out) for name, net in nets.items()}
    lines = []
    for what in ("run", "step", "train"):
        first, second = (jobs[name][what]() for name in nets)
        torch.testing.assert_close(first, second, rtol=1e-3, atol=1e-5 * second.abs().max().item())
        times: dict[str, list[float]] = {name: [] for name in nets}
        for _ in range(rounds):
            for name in nets:
                start = time.perf_counter()
                jobs[name][what]()
                times[name].append(1e3 * (time.perf_counter() - start) / len(xs))
        ratio = [b / a for a, b in zip(*times.values(), strict=True)]
        for name, values in times.items():
            net = nets[name]
            lines.append(
                {
                    "what": what,
                    "variant": name,
                    "ms_per_step": round(statistics.median(values), 3),
                    "min": round(min(values), 3),
                    "max": round(max(values), 3),
                    "times_faster": round(statistics.median(ratio), 2) if name == "merged" else 1.0,
                    "rounds": rounds,
                    "batch": xs.shape[1],
                    "steps": len(xs),
                    "operations": len(net.plan.ops),
                    "kernels": sorted(set(net.plan.kernels.values())),
                    "synapses": net.circuit.n_synapses,
                }
                | environment(torch.device("cpu"))
            )
            print(f"{what:<7}{name:<12}{lines[-1]['ms_per_step']:>10} ms a step   {lines[-1]['times_faster']} x")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--batch", type=int, nargs="+", default=[4, 128])
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    torch.set_flush_denormal(True)
    body = circuit()
    print(body.summary())
    lines = []
    for batch in given.batch:
        xs = torch.rand(given.steps, batch, body.populations[0].n_units, generator=torch.Generator().manual_seed(0))
        lines += measure(networks(body, batch), xs, given.rounds)
    if given.json:
        RESULTS.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


if __name__ == "__main__":
    main()
