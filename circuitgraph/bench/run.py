"""Run one preset for one seed and say what came out."""

import dataclasses
from typing import Any

import numpy as np
import torch

from circuitgraph.bench.outcome import Outcome, Phases, activity_type
from circuitgraph.bench.readouts import Split, keep_for, read_out
from circuitgraph.bench.settings import Preset, Settings
from circuitgraph.bench.wiring import wire
from circuitgraph.compiler import Network, compile
from circuitgraph.data import ImageSet
from circuitgraph.ir import Topology
from circuitgraph.train import (
    accuracy,
    fit_end_to_end,
    layer_by_layer,
    learning_layers,
    settle_memory,
    unsupervised_pass,
)

__all__ = ["Outcome", "Phases", "activity_type", "result_line", "run_seed"]

MOST_POINTS = 12
"""Points of the validation curve that are stored."""


def run_seed(preset: Preset, settings: Settings, data: ImageSet, seed: int, phases: Phases) -> Outcome:
    """Build, train and measure.  Choices are made on a validation split; the test set is read once.

    The unsupervised pass sees training images without labels.  The read-out is fitted twice with the same settings:
    without the validation images, for the validation accuracy, and with them, for the test accuracy.
    """
    if preset.run is not None:
        made: Outcome = preset.run(settings, data, seed, phases)
        return made
    rng = torch.Generator().manual_seed(seed)
    outcome = Outcome(seed, preset.build(data.shape, data.n_classes, settings, seed))
    circuit = wire(preset, settings, data, outcome)
    backprop = preset.kind == "backprop"
    net = compile(
        circuit,
        device=data.images.device,
        activity_dtype=activity_type(settings, data.images.device),
        keep=() if backprop else keep_for(circuit, settings),
    )
    split = Split(*data.split(max(1, len(data.images) // 10), seed))
    split = dataclasses.replace(split, training=split.training[: settings.n_labelled])
    if backprop:
        _train_by_gradient(net, settings, data, split, rng, outcome, phases)
    else:
        net = _learn(preset, net, settings, data, rng, outcome, phases)
        read_out(net, settings, data, split, rng, outcome, phases)
    outcome.circuit = net.snapshot()
    outcome.seconds["total"] = round(sum(outcome.seconds.values()), 3)
    return outcome


def result_line(
    outcome: Outcome, data: ImageSet, name: str, preset: Preset, settings: Settings, dtype: torch.dtype
) -> dict[str, Any]:
    """Collect what belongs to one run into JSON data, without names of machines or folders."""
    return {
        "dataset": data.label,
        "requested": data.requested or data.name,
        "preset": name,
        "train_by": preset.kind,
        "seed": outcome.seed,
        "published": preset.goal.published,
        "expected": preset.goal.expected,
        "test_accuracy": outcome.test_accuracy,
        "validation_accuracy": outcome.validation_accuracy,
        "probes": outcome.probes,
        "joint_probes": outcome.joint_probes,
        "seconds": outcome.seconds,
        "n_units": outcome.circuit.n_units,
        "n_slots": outcome.circuit.n_slots,
        "n_synapses": outcome.circuit.n_synapses,
        "readout_weights": outcome.readout_weights,
        "weight_bytes": n_bytes(outcome),
        "activity": str(dtype).removeprefix("torch."),
        "curve": _few([r for r in outcome.curve if "validation" in r]),
        "settings": settings.model_dump(),
    } | outcome.found


def n_bytes(outcome: Outcome) -> int:
    """Count the bytes of the circuit's weights, of the indices that say where they are, and of the read-out's."""
    weights = sum(p.weight.nbytes + _index_bytes(p.topology) for p in outcome.circuit.projections)
    return weights + 4 * outcome.readout_weights


def _index_bytes(topology: Topology) -> int:
    fields = [getattr(topology, f.name) for f in dataclasses.fields(topology)]  # type: ignore[arg-type]
    own = sum(v.nbytes for v in fields if isinstance(v, np.ndarray))
    return own + sum(_index_bytes(v) for v in fields if isinstance(v, Topology))


def _few(rows: list[dict[str, float]]) -> list[dict[str, float]]:
    """Thin a curve; the first and the last point stay."""
    at = sorted({round(x) for x in np.linspace(0, len(rows) - 1, min(len(rows), MOST_POINTS))})
    return [{"epoch": rows[i]["epoch"], "validation": round(rows[i]["validation"], 3)} for i in at]


def _train_by_gradient(
    net: Network, settings: Settings, data: ImageSet, split: Split, rng: torch.Generator, outcome: Outcome,
    phases: Phases,
) -> None:  # fmt: skip
    held_out = data.images[split.validation], data.labels[split.validation]
    with outcome.phase("training"):
        outcome.curve = fit_end_to_end(
            net,
            data.images[split.training],
            data.labels[split.training],
            epochs=settings.epochs,
            batch_size=settings.batch_size,
            learning_rate=settings.learning_rate,
            weight_decay=settings.weight_decay,
            rng=rng,
            validation=held_out,
            report=phases("training"),
        )
    outcome.validation_accuracy = outcome.curve[-1]["validation"]
    with outcome.phase("test"):
        outcome.test_accuracy = accuracy(net, data.test_images, data.test_labels)


def _learn(
    preset: Preset, net: Network, settings: Settings, data: ImageSet, rng: torch.Generator, outcome: Outcome,
    phases: Phases,
) -> Network:  # fmt: skip
    """Let rules act on training images without labels, on all layers at once or one after the other."""
    shown, size = data.images[: settings.n_train], settings.hebbian_batch_size
    pace: dict[str, Any] = {"batch_size": size, "decay": settings.hebbian_decay, "rng": rng}
    with outcome.phase("unsupervised"):
        if preset.kind == "random" or not learning_layers(net.circuit):
            settle_memory(net, shown)
        elif preset.kind == "hebbian" and settings.training == "layers":
            report, passes = phases("unsupervised, layer by layer"), settings.passes()
            net, outcome.norms = layer_by_layer(net, shown, passes=passes, report=report, **pace)
        elif preset.kind == "hebbian":
            report, n = phases("unsupervised"), settings.hebbian_passes
            outcome.norms = unsupervised_pass(net, shown, passes=n, report=report, **pace)
    return net
