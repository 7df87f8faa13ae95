"""Sparse training of an MLP 784-1000-1000-10 on MNIST: dense, static, SET, RigL and Cannistraci-Hebb, in paired seeds.

A seed fixes the wiring and the weights that all sparse networks start from, and the batches of all networks, with the
pixels that are dropped from them.  Weights are trained by gradient alone (SGD with momentum); only what is connected
differs.  Two budgets:

    hidden   1 % of the links of both hidden layers, the output layer whole, as in the CHT papers: 27,840 slots
    total    1 % of all links of the dense network: 17,940 slots, 1,000 of them in the output layer (10 %), the rest
             shared by the hidden layers in proportion

The wiring at the start is uniformly random (Erdos-Renyi) or a bipartite small world.  Biases come from a unit that is
always one, are not counted and not rewired.  Settings were chosen on 5,000 validation images held out of the training
set (`--tune` runs, which never read test images); `--json` runs all methods and reads the test set once, after the
last epoch.

    python benchmarks/sparse_training.py --method ch3 [--seed 0] [--budget hidden] [--tune]
    python benchmarks/sparse_training.py --json          adds to benchmarks/results/sparse_training.jsonl
"""

import argparse
import itertools
import json
import statistics
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

import circuitgraph as cg
from circuitgraph.bench.report import environment
from circuitgraph.compiler.carry import carry
from circuitgraph.structural.heard import Heard, listen
from circuitgraph.structural.rewiring import SET, CannistraciHebb, Rewiring, RigL, cosine_share, rewire

RESULTS = Path(__file__).parent / "results" / "sparse_training.jsonl"
SIZES = (784, 1000, 1000, 10)
NAMES = ("x", "h1", "h2", "y")
LAYERS = ("x->h1", "h1->h2", "h2->y")
METHODS: dict[str, Rewiring | None] = {
    "dense": None,
    "static": None,
    "set": SET(),
    "rigl": RigL(),
    "ch3": CannistraciHebb(),
    "ch3-soft": CannistraciHebb(temperature=1.0, removal_temperature=1.0),
    "ch2n-soft": CannistraciHebb(predictor="ch2-l3n", temperature=1.0, removal_temperature=1.0),
}


@dataclass(frozen=True)
class Settings:
    """All that is chosen, the same for every method unless said."""

    epochs: int = 30
    batch: int = 32
    rate: float = 0.1
    momentum: float = 0.9
    decay: float = 1e-4
    share: float = 0.3
    every: float = 0.1
    """Epochs between two rewirings."""
    until: float = 0.9
    """Share of the run after which wiring stays."""
    anneal: bool = True
    """Whether the share to rewire falls as a cosine."""
    near: float = 0.5
    """Below 0: links are drawn uniformly at the start; else a bipartite small world, rewired with this probability."""
    pixel_dropout: float = 0.0
    """Share of the pixels that are black, drawn anew each time that an image is learned from."""
    n_validation: int = 5000


@dataclass(frozen=True)
class Digits:
    """Images as activity of mean 0 and variance 1 over the training set, and labels."""

    train: tuple[Tensor, Tensor]
    validation: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]


def load(n_validation: int) -> Digits:
    data = cg.load_images("mnist", strict=True)
    train, held_out = data.split(n_validation, 0)
    pixels = data.images[train].float() / 255
    mean, std = pixels.mean(), pixels.std()

    def part(images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        return (images.float().flatten(1) / 255 - mean) / std, labels

    parts = [part(data.images[i], data.labels[i]) for i in (train, held_out)]
    return Digits(parts[0], parts[1], part(data.test_images, data.test_labels))


def counts(budget: str) -> tuple[int, int, int]:
    """Say how many slots each layer has."""
    whole = [n * m for n, m in itertools.pairwise(SIZES)]
    if budget == "hidden":
        return whole[0] // 100, whole[1] // 100, whole[2]
    last = whole[2] // 10
    first = round((sum(whole) // 100 - last) * whole[0] / (whole[0] + whole[1]))
    return first, sum(whole) // 100 - last - first, last


def links(i: int, k: int, near: float, rng: np.random.Generator) -> np.ndarray:
    """Draw k links into layer i: keys of all to all, rising."""
    n, m = SIZES[i], SIZES[i + 1]
    if near < 0 or i == len(LAYERS) - 1:
        return np.sort(rng.choice(n * m, k, replace=False))
    each = 2 * -(-k // (2 * m))
    law = cg.SmallWorld(each, rewire=near, seed=int(rng.integers(2**31)))
    return np.sort(rng.choice(law.draw(n, m), k, replace=False))


def build(method: str, budget: str, seed: int, near: float) -> cg.Circuit:
    """Wire the network: He et al.'s variance for the fan-in that is there."""
    circuit, rng = cg.Circuit().add("x", SIZES[0]).add("one", 1), np.random.default_rng(seed)
    for i, k in enumerate(counts(budget)):
        n = SIZES[i] * SIZES[i + 1]
        keep = links(i, k, near, rng)
        wiring = cg.Dense() if method == "dense" or k == n else cg.Pruned(cg.Dense(), keep)
        hidden = cg.ReLU() if i < len(LAYERS) - 1 else None
        circuit = circuit.connect(
            NAMES[i], NAMES[i + 1], wiring, units=SIZES[i + 1], neuron=hidden, weight=cg.normal(2**0.5), rng=seed
        )
    for name in NAMES[1:]:
        circuit = circuit.connect("one", name, cg.Dense(), weight=0.0)
    return circuit


class Run:
    """One network in training."""

    def __init__(self, method: str, budget: str, seed: int, settings: Settings, data: Digits) -> None:
        self.settings, self.data, self.how = settings, data, METHODS[method]
        self.net = cg.compile(build(method, budget, seed, settings.near), batch=settings.batch)
        self.optimizer = torch.optim.SGD(
            self.net.parameters(), lr=settings.rate, momentum=settings.momentum, weight_decay=settings.decay
        )
        self.order, self.rng = torch.Generator().manual_seed(seed), np.random.default_rng(seed)
        self.dropping, self.black = torch.Generator().manual_seed(seed), data.train[0].min()
        circuit = self.net.circuit
        self.sparse = [n for n in LAYERS if isinstance(circuit.projection(n).topology, cg.Pruned)]
        self.slots = {n: circuit.projection(n).n_slots for n in LAYERS}
        self.step, self.per_epoch = 0, len(data.train[0]) // settings.batch
        self.last = int(settings.until * settings.epochs * self.per_epoch)
        self.rewirings = 0

    def epoch(self) -> float:
        """Train for one epoch; returns the mean loss."""
        s, total = self.settings, 0.0
        order = torch.randperm(len(self.data.train[0]), generator=self.order)
        for batch in order[: self.per_epoch * s.batch].split(s.batch):
            passed = self.step / (0.9 * s.epochs * self.per_epoch)
            for group in self.optimizer.param_groups:
                group["lr"] = s.rate * max(1 - 0.99 * passed, 0.01)
            self.step += 1
            due = self.how is not None and self.step < self.last and self.step % round(s.every * self.per_epoch) == 0
            total += self.train_on(batch, self.sparse if due else [])
        return total / self.per_epoch

    def train_on(self, batch: Tensor, rewired: list[str]) -> float:
        """Take one step, and where it is due rewire instead of stepping, as RigL does."""
        x, labels = (t[batch] for t in self.data.train)
        if self.settings.pixel_dropout:
            x = torch.where(torch.rand(x.shape, generator=self.dropping) < self.settings.pixel_dropout, self.black, x)
        self.optimizer.zero_grad()
        with listen(self.net, rewired) as heard:
            loss = F.cross_entropy(self(x), labels)
            loss.backward()
        if not rewired:
            self.optimizer.step()
        for name in rewired:
            self.rewire(name, heard[name])
        return loss.item()

    def rewire(self, name: str, heard: Heard) -> None:
        share = self.settings.share
        if self.settings.anneal:
            share = cosine_share(share, self.step, self.last)
        assert self.how is not None
        how = self.how.replace(share=share)
        carry(self.optimizer, rewire(self.net, name, how, rng=self.rng, heard=heard))
        self.rewirings += 1
        assert self.net.circuit.projection(name).n_slots == self.slots[name]
        # The way back out of every edit is kept; nobody goes back here.
        self.net.log.undos.clear()

    def __call__(self, x: Tensor) -> Tensor:
        out: Tensor = self.net({"x": x, "one": torch.ones(len(x), 1)})
        return out

    @torch.no_grad()
    def accuracy(self, images: Tensor, labels: Tensor) -> float:
        right = [(self(x).argmax(1) == t).sum() for x, t in zip(images.split(1000), labels.split(1000), strict=True)]
        return 100.0 * int(sum(right)) / len(labels)

    def active(self) -> list[int]:
        """Count the units of each hidden layer that hear and are heard, and the pixels that are heard."""
        ends = [self.net.circuit.projection(n).topology.slots(*self.net.circuit.shapes(self.net.circuit.projection(n)))
                for n in LAYERS]  # fmt: skip
        hidden = [len(np.intersect1d(a.post, b.pre)) for a, b in itertools.pairwise(ends)]
        return [len(np.unique(ends[0].pre)), *hidden]


def run(method: str, budget: str, seed: int, settings: Settings, data: Digits, *, tune: bool) -> dict[str, object]:
    """Train one network; the test set is read once, at the end, and not at all with `tune`."""
    torch.manual_seed(seed)
    work, start, curve = Run(method, budget, seed, settings, data), time.perf_counter(), []
    for epoch in range(settings.epochs):
        loss = work.epoch()
        curve.append(round(work.accuracy(*data.validation), 2))
        print(f"{method} {budget} seed {seed} epoch {epoch + 1} loss {loss:.4f} validation {curve[-1]}", flush=True)
    seconds = time.perf_counter() - start
    return {
        "what": "tune" if tune else "result", "method": method, "budget": "all" if method == "dense" else budget,
        "rewiring": repr(METHODS[method]), "seed": seed, "slots": sum(work.slots.values()),
        "validation_accuracy": curve[-1], "curve": curve,
        "test_accuracy": None if tune else round(work.accuracy(*data.test), 2), "active_units": work.active(),
        "rewirings": work.rewirings, "seconds": round(seconds, 1), "settings": asdict(settings),
        "command": " ".join(["python", "benchmarks/sparse_training.py", *sys.argv[1:]]),
        **environment(torch.device("cpu")),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--method", nargs="*", choices=METHODS, default=list(METHODS))
    parser.add_argument("--seed", nargs="*", type=int, default=[0, 1, 2])
    parser.add_argument("--budget", nargs="*", choices=["hidden", "total"], default=["hidden"])
    parser.add_argument("--tune", action="store_true", help="read the validation images only")
    parser.add_argument("--json", action="store_true")
    for name, default in asdict(Settings()).items():
        parser.add_argument(f"--{name}", type=type(default) if not isinstance(default, bool) else int, default=default)
    given = parser.parse_args()
    chosen = {name: getattr(given, name) for name in asdict(Settings())}
    settings = replace(Settings(), **chosen | {"anneal": bool(given.anneal)})
    data = load(settings.n_validation)
    lines = []
    for seed in given.seed:
        for budget in given.budget:
            for method in given.method:
                line = run(method, budget, seed, settings, data, tune=given.tune)
                lines.append(line)
                print(json.dumps({k: v for k, v in line.items() if k not in ("versions", "curve")}), flush=True)
                if given.json:
                    with RESULTS.open("a") as out:
                        out.write(json.dumps(line) + "\n")
    for method in given.method:
        found = [line["validation_accuracy"] for line in lines if line["method"] == method]
        print(method, f"validation {statistics.mean(found):.2f}", found)  # type: ignore[type-var]


if __name__ == "__main__":
    main()
