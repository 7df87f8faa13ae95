"""Run one preset for one seed and say what came out."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor

from circuitgraph.bench.settings import Preset, Settings
from circuitgraph.compiler import Network, compile
from circuitgraph.data import ImageSet
from circuitgraph.ir import Circuit
from circuitgraph.train import Report, accuracy, extract, fit_end_to_end, fit_readout, settle_memory, unsupervised_pass
from circuitgraph.views import Frame

Phases = Callable[[str], Report]
"""Called with the name of a phase; gives the function that the phase reports to."""


@dataclass
class Outcome:
    """What one seed gave: numbers for the result line, and what the pictures need."""

    seed: int
    circuit: Circuit
    seconds: dict[str, float] = field(default_factory=dict)
    test_accuracy: float | None = None
    validation_accuracy: float | None = None
    curve: list[dict[str, float]] = field(default_factory=list)
    norms: list[dict[str, float]] = field(default_factory=list)
    found: dict[str, Any] = field(default_factory=dict)
    """What else belongs into the result line."""
    structure: Frame | None = None
    """Curves of the structural log."""

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time a phase."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = round(self.seconds.get(name, 0.0) + time.perf_counter() - start, 3)


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
    net = compile(
        outcome.circuit, device=data.images.device, activity_dtype=activity_type(settings, data.images.device)
    )
    training, validation = data.split(max(1, len(data.images) // 10), seed)
    if settings.n_labelled is not None:
        training = training[: settings.n_labelled]
    if preset.kind == "backprop":
        _run_backprop(net, settings, data, training, validation, rng, outcome, phases)
    else:
        _run_features(preset, net, settings, data, training, validation, rng, outcome, phases)
    outcome.circuit = net.snapshot()
    outcome.seconds["total"] = round(sum(outcome.seconds.values()), 3)
    return outcome


def activity_type(settings: Settings, device: torch.device) -> torch.dtype:
    """Choose bfloat16 where asked for, or where the processor multiplies it natively; else float32."""
    if settings.precision == "auto":
        native = device.type == "cuda" or any(
            torch.cpu.get_capabilities().get(k, False) for k in ("avx512_bf16", "amx_bf16")
        )
        return torch.bfloat16 if native else torch.float32
    return {"bf16": torch.bfloat16, "fp32": torch.float32}[settings.precision]


def result_line(
    outcome: Outcome, data: ImageSet, preset: str, settings: Settings, dtype: torch.dtype
) -> dict[str, Any]:
    """Collect what belongs to one run into JSON data, without names of machines or folders."""
    return {
        "dataset": data.label,
        "requested": data.requested or data.name,
        "preset": preset,
        "seed": outcome.seed,
        "test_accuracy": outcome.test_accuracy,
        "validation_accuracy": outcome.validation_accuracy,
        "seconds": outcome.seconds,
        "n_units": outcome.circuit.n_units,
        "n_slots": outcome.circuit.n_slots,
        "n_synapses": outcome.circuit.n_synapses,
        "activity": str(dtype).removeprefix("torch."),
        "settings": settings.model_dump(),
    } | outcome.found


def _run_backprop(
    net: Network,
    settings: Settings,
    data: ImageSet,
    training: Tensor,
    validation: Tensor,
    rng: torch.Generator,
    outcome: Outcome,
    phases: Phases,
) -> None:
    held_out = data.images[validation], data.labels[validation]
    with outcome.phase("training"):
        outcome.curve = fit_end_to_end(
            net,
            data.images[training],
            data.labels[training],
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


def _run_features(
    preset: Preset,
    net: Network,
    settings: Settings,
    data: ImageSet,
    training: Tensor,
    validation: Tensor,
    rng: torch.Generator,
    outcome: Outcome,
    phases: Phases,
) -> None:
    shown = data.images[: settings.n_train]
    with outcome.phase("unsupervised"):
        if preset.kind == "hebbian":
            outcome.norms = unsupervised_pass(
                net,
                shown,
                batch_size=settings.hebbian_batch_size,
                passes=settings.hebbian_passes,
                rng=rng,
                report=phases("unsupervised"),
            )
        elif preset.kind == "random":
            settle_memory(net, shown)
    report = phases("features")
    order, n, m = torch.cat([training, validation]), len(training), len(training) + len(validation)
    with outcome.phase("features"):
        features = extract(
            net, data.images[order], report=lambda done, total, _: report(done, total + len(data.test_images), {})
        )
        test = extract(net, data.test_images, report=lambda done, total, _: report(done + m, total + m, {}))
    labels = data.labels[order]
    with outcome.phase("readout"):
        fit = partial(fit_readout, n_classes=data.n_classes, settings=settings.readout(), rng=rng)
        held_out = features[n:], labels[n:]
        _, outcome.curve = fit(features[:n], labels[:n], validation=held_out, report=phases("read-out, split"))
        outcome.validation_accuracy = outcome.curve[-1]["validation"]
        readout, _ = fit(features, labels, report=phases("read-out, all"))
        outcome.test_accuracy = readout.accuracy(test, data.test_labels)
