"""What the presets of Hebbian networks owe to what they have in common, on CIFAR-10, in small.

Every preset below is run as it is and with one thing changed, at a quarter of its width, on 10,000 images without and
20,000 with labels; accuracy is on 5,000 validation images.  All but ten test images are taken out beforehand, and what
is measured on these is thrown away.
  whitening      no local whitening of images
  decorrelation  no units that take correlations away between layers
  flips          features of the image alone, without its mirror image
  all layers     read-out from the last layer alone
  learning       random weights: running statistics settle, nothing else is learned

    python benchmarks/hebbian_ablations.py [--presets hard,bcm] [--seeds 0,1,2] [--json]
--json appends to benchmarks/results/hebbian_ablations.jsonl
"""

import argparse
import dataclasses
import json
from pathlib import Path
from typing import Any

import torch

from circuitgraph.bench.recipes import RECIPES
from circuitgraph.bench.report import environment
from circuitgraph.bench.run import run_seed
from circuitgraph.bench.settings import Preset
from circuitgraph.data import load_images
from circuitgraph.train import silent

RESULTS = Path(__file__).parent / "results" / "hebbian_ablations.jsonl"
PRESETS = ("hard", "soft")
SMALL = {"scale": 0.25, "n_train": 10_000, "n_labelled": 20_000, "epochs": 15, "probe": False}
WITHOUT: dict[str, dict[str, Any]] = {
    "nothing": {},
    "whitening": {"whiten": 0},
    "decorrelation": {"decorrelate": 0.0},
    "flips": {"flips": False},
    "all layers": {"readout_from": "last"},
    "learning": {},
}


def variants(preset: Preset) -> dict[str, Preset]:
    """Give the preset in small, as it is and without each thing that it has."""
    small = dataclasses.replace(preset, settings=preset.settings.changed(SMALL))
    found = {}
    for what, changes in WITHOUT.items():
        chosen = small.trained_by("random") if what == "learning" else small
        settings = chosen.settings.changed(changes)
        if what in ("nothing", "learning") or settings != small.settings:
            found[what] = dataclasses.replace(chosen, settings=settings)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--presets", default=",".join(PRESETS))
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    torch.set_flush_denormal(True)
    data = load_images("cifar10", strict=True)
    data = dataclasses.replace(data, test_images=data.test_images[:10], test_labels=data.test_labels[:10])
    for name in args.presets.split(","):
        for what, preset in variants(RECIPES["cifar10"].presets[name]).items():
            for seed in map(int, args.seeds.split(",")):
                outcome = run_seed(preset, preset.settings, data, seed, lambda _: silent)
                row = {
                    "preset": name,
                    "without": what,
                    "seed": seed,
                    "validation_accuracy": outcome.validation_accuracy,
                    "seconds": outcome.seconds["total"],
                    "settings": preset.settings.model_dump(),
                } | environment(torch.device("cpu"))
                print(f"{name:<14}without {what:<15}seed {seed}  {outcome.validation_accuracy:6.2f} %", flush=True)
                if args.json:
                    with RESULTS.open("a") as file:
                        file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
