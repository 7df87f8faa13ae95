"""SoftHebb on CIFAR-10 with 90 % of the slots of layers 2 and 3 removed: by community, by magnitude, at random.

For each seed the network of `python -m circuitgraph.bench cifar10` learns without labels.  Then nine tenths of the
slots of its second and third layer go, the same number in each layer whatever decides which:
  community  Leiden finds communities of units (three layers as one undirected graph, an edge the summed strength of a
             kernel); what runs between communities goes first, and among equals the weak
  magnitude  the weak go
  random     chance decides
What is left learns for another unsupervised pass over `--again` images; then a linear read-out is fitted to features.
Communities, and how much is learned again, were chosen by validation accuracy; the test set is read once for each line.

    python benchmarks/softhebb_communities.py [--seeds 0,1,2] [--json] [--trained FOLDER]
--json appends to benchmarks/results/softhebb_communities.jsonl; --trained keeps the circuits that were trained
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import scipy.sparse as sp
import torch

import circuitgraph as cg
from circuitgraph.bench.cifar10 import RECIPE
from circuitgraph.bench.report import environment
from circuitgraph.bench.run import activity_type
from circuitgraph.communities import Partition, leiden
from circuitgraph.data import ImageSet, load_images
from circuitgraph.structural import Community, Fraction, Magnitude, Prune, Random
from circuitgraph.train import extract, fit_readout, unsupervised_pass

RESULTS = Path(__file__).parent / "results" / "softhebb_communities.jsonl"
PRESET = RECIPE.presets["softhebb"]
PRUNED, SHARE = ("pool1->conv2", "pool2->conv3"), 0.9
LAYERS = ("conv1", "conv2", "conv3")
METHODS = ("community", "magnitude", "random")
STRONGEST, AGAIN = 0.1, 10_000
"""Share of connections between units that communities are found in, and images that are learned after pruning."""


def communities(circuit: cg.Circuit, seed: int) -> Partition:
    """Find communities of the units of the three layers in the strongest tenth of their connections."""
    sizes = [circuit.population(name).n_units for name in LAYERS]
    begins = np.concatenate([[0], np.cumsum(sizes)])
    whole = np.zeros((begins[-1], begins[-1]))
    for k, name in enumerate(PRUNED):
        slots, weight = circuit.slots(name), circuit.projection(name).weight.astype(np.float64)
        strength = np.zeros((sizes[k], sizes[k + 1]))
        np.add.at(strength, (slots.pre, slots.post), weight**2)
        strength[strength < np.quantile(strength, 1 - STRONGEST)] = 0
        whole[begins[k] : begins[k + 1], begins[k + 1] : begins[k + 2]] = strength
    return leiden(sp.csr_array(whole + whole.T), rng=seed)


def by_population(circuit: cg.Circuit, partition: Partition) -> dict[str, np.ndarray]:
    """Give each layer its part of the labels; a pool's units are its layer's."""
    ends = np.cumsum([circuit.population(name).n_units for name in LAYERS])
    found = dict(zip(LAYERS, np.split(partition.labels, ends[:-1]), strict=True))
    return found | {"pool1": found["conv1"], "pool2": found["conv2"]}


def within(circuit: cg.Circuit, labels: dict[str, np.ndarray]) -> list[float]:
    """Say which share of each pruned layer's slots runs within communities."""
    shares = []
    for name in PRUNED:
        p, slots = circuit.projection(name), circuit.slots(name)
        shares.append(round(float((labels[p.pre][slots.pre] == labels[p.post][slots.post]).mean()), 4))
    return shares


def trained(data: ImageSet, seed: int, folder: Path | None) -> cg.Circuit:
    kept = None if folder is None else folder / f"softhebb-{seed}.safetensors"
    if kept is not None and kept.exists():
        return cg.load(kept)
    rng = torch.Generator().manual_seed(seed)
    net = compiled(PRESET.build(data.shape, data.n_classes, PRESET.settings, seed), data)
    unsupervised_pass(net, data.images, batch_size=PRESET.settings.hebbian_batch_size, rng=rng)
    if kept is not None:
        cg.save(net.snapshot(), kept)
    return net.snapshot()


def compiled(circuit: cg.Circuit, data: ImageSet) -> cg.Network:
    return cg.compile(circuit, activity_dtype=activity_type(PRESET.settings, data.images.device), batch=10)


def measure(circuit: cg.Circuit, data: ImageSet, seed: int, again: int) -> dict[str, object]:
    start, rng = time.perf_counter(), torch.Generator().manual_seed(seed)
    net = compiled(circuit, data)
    if again:
        unsupervised_pass(net, data.images[:again], batch_size=PRESET.settings.hebbian_batch_size, rng=rng)
        net = compiled(net.snapshot(), data)
    training, validation = data.split(len(data.images) // 10, seed)
    settings = PRESET.settings.readout()
    order = torch.cat([training, validation])
    features, labels, n = extract(net, data.images[order]), data.labels[order], len(training)
    held_out = features[n:], labels[n:]
    readout, _ = fit_readout(features[:n], labels[:n], data.n_classes, settings, rng=rng)
    return {
        "validation_accuracy": round(readout.accuracy(*held_out), 2),
        "test_accuracy": round(readout.accuracy(extract(net, data.test_images), data.test_labels), 2),
        "n_slots": net.circuit.n_slots,
        "seconds": round(time.perf_counter() - start, 1),
    }


def pruned(circuit: cg.Circuit, method: str, labels: dict[str, np.ndarray], seed: int) -> cg.Circuit:
    score = {"community": Community(labels), "magnitude": Magnitude(), "random": Random(seed)}[method]
    return Prune(score, Fraction(SHARE), projections=PRUNED).apply(circuit)[0]


def run_seed(data: ImageSet, seed: int, again: int, folder: Path | None) -> list[dict[str, object]]:
    circuit = trained(data, seed, folder)
    partition = communities(circuit, seed)
    labels = by_population(circuit, partition)
    more = {"n_communities": int((partition.counts > 1).sum()), "within": within(circuit, labels)}
    lines = []
    for method in ("unpruned", *METHODS):
        left = circuit if method == "unpruned" else pruned(circuit, method, labels, seed)
        relearned = 0 if method == "unpruned" else again
        found = measure(left, data, seed, relearned)
        extra = more if method == "community" else {}
        lines.append({"what": "result", "method": method, "seed": seed, "again": relearned} | found | extra)
        print(json.dumps(lines[-1]), flush=True)
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--again", type=int, default=AGAIN)
    parser.add_argument("--trained", type=Path)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    torch.set_flush_denormal(True)
    cg.tune_allocator()
    data = load_images("cifar10", strict=True)
    here = environment(data.images.device)
    for seed in map(int, given.seeds.split(",")):
        lines = run_seed(data, seed, given.again, given.trained)
        if given.json:
            with RESULTS.open("a") as file:
                file.writelines(json.dumps(line | here) + "\n" for line in lines)


if __name__ == "__main__":
    main()
