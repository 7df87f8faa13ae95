"""Sparse steps against what else there is, interleaved in one process: training, Hebbian learning, winners, updates.

python benchmarks/sparse_step.py             prints
python benchmarks/sparse_step.py --json      writes benchmarks/results/sparse_step.jsonl as well

Everything is float32 on random wiring (Erdős–Rényi), a batch of 128.  All comparisons are made again in every pass,
minutes apart, since a shared machine is slower in some minutes than in others.  What is compared:

training step  push, pull, pair and a step of SGD: dense products with a mask, by hand and as torch modules write it;
               torch's own sparse matrices (CSR both ways, sampled_addmm); SparseProp, where it is installed; ours, as a
               kernel and through the network with autograd
Hebbian step   push, 5 % winners, Oja's rule, weights of each neuron scaled to norm 1: dense products with a mask and
               torch.topk, against ours as a kernel and through the network
winners        torch.topk with a scatter, against KWinners
update         Oja's rule with and without normalisation, in one pass, against pair alone
"""

import argparse
import json
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

import circuitgraph as cg
from circuitgraph.bench import kernel_work
from circuitgraph.bench.kernels import TURN
from circuitgraph.bench.report import environment
from circuitgraph.kernels import Ends, Kernel, Setting, choose_kernel, make_kernel
from circuitgraph.kernels.select import Learns
from circuitgraph.kernels.timing import interleave
from circuitgraph.kernels.tune import draw, operands

RESULTS = Path(__file__).parent / "results" / "sparse_step.jsonl"
BATCH, SHARE, RATE = 128, 0.05, 1e-3

Variants = dict[str, Callable[[], object]]
"""What is compared, by name; the first is what the others are measured by."""
Times = dict[str, list[float]]
"""Milliseconds of every turn, by the name of the variant."""


def kernel_for(n: int, density: float, learns: Learns) -> Kernel:
    wiring, setting = cg.ErdosRenyi(density), Setting(BATCH, learns=learns)
    return make_kernel(wiring, (n,), (n,), choose_kernel(wiring, (n,), (n,), setting).name)


def training(n: int, density: float) -> Variants:
    wiring, setting = cg.ErdosRenyi(density), Setting(BATCH, learns="gradient")
    ours, torchs = kernel_for(n, density, "gradient"), make_kernel(wiring, (n,), (n,), "torch-csr")
    sparseprop = kernel_work.sparseprop_work(wiring, (n,), (n,), setting)
    return {
        "dense with mask": kernel_work.dense_work(wiring, (n,), (n,), setting)["train"],
        "dense with mask, as a module": masked_module(n, density),
        "torch sparse": kernel_work.engine_work(torchs, setting)["train"],
        **({"SparseProp": sparseprop["train"]} if sparseprop else {}),
        f"circuitgraph kernel ({ours.name})": kernel_work.engine_work(ours, setting)["train"],
        "circuitgraph network": training_network(n, density),
    }


def masked_module(n: int, density: float) -> Callable[[], object]:
    """Train a linear layer whose weight is multiplied by a mask in every forward pass."""
    wiring = cg.ErdosRenyi(density)
    x, g, flat = draw(wiring, (n,), (n,), Setting(BATCH))
    weight = torch.nn.Parameter(kernel_work.matrix(wiring, (n,), (n,), flat))
    mask = kernel_work.matrix(wiring, (n,), (n,), torch.ones_like(flat))
    optimizer, seen = torch.optim.SGD([weight], kernel_work.RATE), x.clone().requires_grad_()

    @torch.enable_grad()
    def step() -> None:
        seen.grad = None
        optimizer.zero_grad()
        F.linear(seen, weight * mask).backward(g)
        optimizer.step()

    return step


def training_network(n: int, density: float) -> Callable[[], object]:
    circuit = cg.Circuit().add("x", n).connect("x", "y", cg.ErdosRenyi(density), units=n)
    net = cg.compile(circuit, batch=BATCH)
    x, g, _ = draw(cg.ErdosRenyi(density), (n,), (n,), Setting(BATCH))
    optimizer, seen = torch.optim.SGD(net.parameters(), kernel_work.RATE), x.clone().requires_grad_()

    @torch.enable_grad()
    def step() -> None:
        seen.grad = None
        optimizer.zero_grad()
        y = net(seen)
        assert isinstance(y, Tensor)
        y.backward(g)
        optimizer.step()

    return step


def hebbian(n: int, density: float) -> Variants:
    ours = kernel_for(n, density, "rule")
    return {
        "dense with mask, torch.topk": hebbian_dense(n, density),
        f"circuitgraph kernel ({ours.name})": hebbian_kernel(ours),
        "circuitgraph network": hebbian_network(n, density),
    }


def hebbian_dense(n: int, density: float) -> Callable[[], object]:
    wiring = cg.ErdosRenyi(density)
    x, _, flat = draw(wiring, (n,), (n,), Setting(BATCH))
    w, mask = (kernel_work.matrix(wiring, (n,), (n,), v) for v in (flat, torch.ones_like(flat)))

    def step() -> None:
        y = winners_of(F.linear(x, w), round(SHARE * n))
        w.mul_(1 - RATE * y.square().sum(0)[:, None]).addmm_(y.t(), x, alpha=RATE).mul_(mask)
        w.div_(torch.linalg.vector_norm(w, dim=1, keepdim=True).clamp_min_(1e-30))

    return step


def hebbian_kernel(kernel: Kernel) -> Callable[[], object]:
    x, _, w = operands(kernel, Setting(BATCH))
    ends = Ends(kernel.topology, kernel.pre, kernel.post)
    gain, neuron = torch.full((ends.size,), RATE), cg.KWinners(round(SHARE * ends.size))

    def step() -> None:
        y, _ = neuron.drive({"in": kernel.push(x, w)}, {}, training=True)
        kernel.update(x, y, w, ends, gain=gain, decay=-ends.total(y.square()), unit_norm=True)()

    return step


def hebbian_network(n: int, density: float) -> Callable[[], object]:
    rule, neuron = cg.Oja(RATE, unit_norm=True), cg.KWinners(round(SHARE * n))
    circuit = cg.Circuit().add("x", n).connect("x", "y", cg.ErdosRenyi(density), units=n, neuron=neuron, rule=rule)
    net = cg.compile(circuit, batch=BATCH)
    x, _, _ = draw(cg.ErdosRenyi(density), (n,), (n,), Setting(BATCH))
    return lambda: net.learn(net.step(x))


def winners_of(u: Tensor, k: int) -> Tensor:
    best = u.topk(k, dim=1)
    return torch.zeros_like(u).scatter_(1, best.indices, best.values)


def winners(n: int, density: float) -> Variants:
    u = torch.randn(BATCH, n, generator=torch.Generator().manual_seed(0))
    turned, k = u.t().contiguous().t(), round(SHARE * n)
    neuron = cg.KWinners(k)
    return {
        "torch.topk": lambda: winners_of(u, k),
        "circuitgraph KWinners": lambda: neuron.drive({"in": u}, {}, training=True),
        "circuitgraph KWinners, neuron-major": lambda: neuron.drive({"in": turned}, {}, training=True),
    }


def update(n: int, density: float) -> Variants:
    kernel = kernel_for(n, density, "rule")
    x, g, w = operands(kernel, Setting(BATCH))
    ends = Ends(kernel.topology, kernel.pre, kernel.post)
    gain, decay = (torch.full((ends.size,), v) for v in (kernel_work.RATE, -1.0))
    return {
        f"pair alone ({kernel.name})": lambda: kernel.pair(x, g),
        "update": lambda: kernel.update(x, g, w, ends, gain=gain, decay=decay)(),
        "update, unit norm": lambda: kernel.update(x, g, w, ends, gain=gain, decay=decay, unit_norm=True)(),
    }


def cases(sizes: list[int]) -> Iterator[tuple[str, Callable[[int, float], Variants], int, float]]:
    yield "training step", training, max(sizes), 0.05
    for n in sizes:
        for density in (0.1, 0.05, 0.02):
            yield "Hebbian step", hebbian, n, density
        yield "winners", winners, n, SHARE
        for density in (0.1, 0.05, 0.02):
            yield "update", update, n, density


def measure(variants: Variants, rounds: int, seconds: float) -> Times:
    with torch.no_grad():
        return interleave(variants, rounds=rounds, seconds=seconds / len(variants), turn_seconds=TURN)


def lines_of(what: str, taken: Times, n: int, density: float) -> list[dict[str, Any]]:
    base = statistics.median(next(iter(taken.values())))
    return [
        {
            "what": what,
            "variant": variant,
            "neurons": n,
            "density": density,
            "batch": BATCH,
            "ms": round(statistics.median(ms), 5),
            "min": round(min(ms), 5),
            "max": round(max(ms), 5),
            "rounds": len(ms),
            "times_faster": round(base / statistics.median(ms), 3),
        }
        | environment(torch.device("cpu"))
        for variant, ms in taken.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--json", nargs="?", type=Path, const=RESULTS, help="write JSON lines (to the results folder)")
    parser.add_argument("--sizes", default="1024,4096", help="neurons on either side")
    parser.add_argument("--rounds", type=int, default=101, help="turns of each variant in a pass, at most")
    parser.add_argument("--seconds", type=float, default=20.0, help="about how long each comparison may take in a pass")
    parser.add_argument("--passes", type=int, default=3, help="how often all is compared; medians are over all turns")
    given = parser.parse_args()
    torch.set_flush_denormal(True)
    cg.tune_allocator()
    taken: dict[tuple[str, int, float], Times] = {}
    for turn in range(given.passes):
        for what, make, n, density in cases([int(n) for n in given.sizes.split(",")]):
            print(f"pass {turn + 1} of {given.passes}: {what}, {n} neurons, {100 * density:g} %", flush=True)
            known = taken.setdefault((what, n, density), {})
            for variant, ms in measure(make(n, density), given.rounds, given.seconds).items():
                known.setdefault(variant, []).extend(ms)
                print(f"    {variant:<40}{statistics.median(ms):10.3f} ms", flush=True)
    lines = []
    for (what, n, density), times in taken.items():
        print(f"{what}, {n} neurons, {100 * density:g} %, batch {BATCH}")
        for line in lines_of(what, times, n, density):
            lines.append(line)
            print(f"    {line['variant']:<40}{line['ms']:10.3f} ms {line['times_faster']:8.2f}x")
    if given.json:
        given.json.write_text("".join(json.dumps(line) + "\n" for line in lines))


if __name__ == "__main__":
    main()
