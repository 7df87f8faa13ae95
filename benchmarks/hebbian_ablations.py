"""What the presets of Hebbian networks owe to what they have in common, and what was tried where one falls short.

Every preset below is run in small as it is and with one thing changed; accuracy is on validation images.  All but ten
test images are taken out beforehand, and what is measured on these is thrown away.
  hard, soft       a quarter of the width, 10,000 images without and 20,000 with labels: without whitening of images,
                   decorrelation between layers, mirror images, read-outs from all layers, learning
  kmeans, patches  a quarter of the width, 20,000 labels: the read-out
  krotov           full width, 5 passes instead of 20, a quarter of the epochs, images not moved: the rule,
                   the hidden units, the read-out, images moved by some pixels

    python benchmarks/hebbian_ablations.py [--presets hard,krotov] [--seeds 0,1,2] [--json]
--json appends to benchmarks/results/hebbian_ablations.jsonl
"""

import argparse
import dataclasses
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

import circuitgraph as cg
from circuitgraph.bench.recipes import RECIPES
from circuitgraph.bench.report import environment
from circuitgraph.bench.run import run_seed
from circuitgraph.bench.settings import Preset
from circuitgraph.data import load_images
from circuitgraph.train import silent

RESULTS = Path(__file__).parent / "results" / "hebbian_ablations.jsonl"
NARROW = {"scale": 0.25, "n_labelled": 20_000, "epochs": 15, "probe": False}
SHARED: dict[str, Mapping[str, Any]] = {
    "no whitening": {"whiten": 0},
    "no decorrelation": {"decorrelate": 0.0},
    "no mirror images": {"flips": False},
    "read-out from the last layer": {"readout_from": "last"},
}
READOUT: dict[str, Mapping[str, Any]] = {
    "dropout of a half": {"dropout": 0.5},
    "weight decay 1": {"weight_decay": 1.0},
    "read-out's rate 0.0003": {"learning_rate": 3e-4},
    "power 1": {"power": 1.0},
}
KROTOV: dict[str, Mapping[str, Any]] = {
    "20 passes": {"hebbian_passes": 20},
    "constant rates": {"hebbian_decay": False},
    "no label smoothing": {"label_smoothing": 0.0},
    "dropout of a half": {"dropout": 0.5},
    "shifts 1": {"shifts": 1},
    "shifts 2": {"shifts": 2},
    "shifts 3": {"shifts": 3},
}
Edit = Callable[[cg.Circuit], cg.Circuit]


def rule(**fields: float) -> Edit:
    """Change parameters of the one rule that a circuit has."""

    def edit(circuit: cg.Circuit) -> cg.Circuit:
        (p,) = (p for p in circuit.projections if p.rule is not None)
        return circuit.replace_projection(p.name, rule=p.rule.replace(**fields))

    return edit


EDITS: dict[str, Edit] = {
    "delta 0": rule(delta=0.0),
    "delta 0.2": rule(delta=0.2),
    "top_k 2": rule(top_k=2),
    "p 2": rule(p=2.0),
    "p 4": rule(p=4.0),
    "hidden power 1": lambda circuit: circuit.replace_population("hidden", neuron=cg.RePU(1.0)),
    "hidden power 3": lambda circuit: circuit.replace_population("hidden", neuron=cg.RePU(3.0)),
}


def variants(name: str) -> tuple[str, Iterator[tuple[str, Preset]]]:
    """Name the data set, and give the preset in small, as it is and with one thing changed each."""
    dataset = "mnist" if name == "krotov" else "cifar10"
    whole = RECIPES[dataset].presets[name]
    if name == "krotov":
        return dataset, _changed(whole, {"hebbian_passes": 5, "epochs": 30, "shifts": 0, "probe": False}, KROTOV, EDITS)
    if name in ("kmeans", "patches"):
        return dataset, _changed(whole, NARROW, READOUT, {})
    return dataset, _changed(whole, {**NARROW, "n_train": 10_000}, SHARED, {}, untrained=True)


def _changed(
    whole: Preset, small: Mapping[str, Any], changes: Mapping[str, Mapping[str, Any]], edits: Mapping[str, Edit],
    *, untrained: bool = False,
) -> Iterator[tuple[str, Preset]]:  # fmt: skip
    preset = dataclasses.replace(whole, settings=whole.settings.changed(small))
    yield "nothing", preset
    for what, fields in changes.items():
        settings = preset.settings.changed(fields)
        if settings != preset.settings:
            yield what, dataclasses.replace(preset, settings=settings)
    for what, edit in edits.items():
        yield what, dataclasses.replace(preset, build=lambda *given, edit=edit: edit(preset.build(*given)))
    if untrained:
        yield "no learning", preset.trained_by("random")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--presets", default="hard,soft,kmeans,patches,krotov")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    torch.set_flush_denormal(True)
    for name in args.presets.split(","):
        dataset, found = variants(name)
        data = load_images(dataset, strict=True)
        data = dataclasses.replace(data, test_images=data.test_images[:10], test_labels=data.test_labels[:10])
        for what, preset in found:
            for seed in map(int, args.seeds.split(",")):
                outcome = run_seed(preset, preset.settings, data, seed, lambda _: silent)
                row = {
                    "dataset": dataset,
                    "preset": name,
                    "changed": what,
                    "seed": seed,
                    "validation_accuracy": round(outcome.validation_accuracy, 3),
                    "seconds": outcome.seconds["total"],
                    "settings": preset.settings.model_dump(),
                } | environment(torch.device("cpu"))
                print(f"{name:<9} changed: {what:<32} seed {seed}  {outcome.validation_accuracy:6.2f} %", flush=True)
                if args.json:
                    with RESULTS.open("a") as file:
                        file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
