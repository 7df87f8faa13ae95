"""Linear read-outs on features of a trained network: the one that is measured, and probes after every layer."""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from circuitgraph.bench.outcome import Outcome, Phases
from circuitgraph.bench.settings import Settings
from circuitgraph.compiler import Network
from circuitgraph.data import ImageSet
from circuitgraph.ir import Circuit
from circuitgraph.train import (
    ReadoutSettings,
    View,
    compress,
    extract_views,
    fit_readout,
    layer_outputs,
    pool_outputs,
    standardize,
)

MOST_SITES = 4
"""Sites along an axis that a probe, or a read-out from several layers, keeps of a layer."""
MOST_PROBED = 20_000
"""Training images that a probe is fitted on."""
PROBE = ReadoutSettings(epochs=10, batch_size=256, learning_rate=3e-4, dropout=0.5, weight_decay=0.3)
"""For so many images.  Few epochs: a probe compares layers of one network, it is not the best that a layer can give."""


@dataclass(frozen=True)
class Split:
    """Indices of labelled training images, and of those held out for validation."""

    training: Tensor
    validation: Tensor


def read_layers(circuit: Circuit, settings: Settings) -> tuple[str, ...]:
    """Name the layers that the read-out hears: the pools of all layers, or the outputs alone."""
    return pool_outputs(circuit) if settings.readout_from == "all" else circuit_outputs(circuit)


def circuit_outputs(circuit: Circuit) -> tuple[str, ...]:
    """Name the populations that no other hears within the time step."""
    heard = {p.pre for p in circuit.projections if not p.delay}
    return tuple(p.name for p in circuit.populations if p.name not in heard)


def keep_for(circuit: Circuit, settings: Settings) -> set[str]:
    """Name the populations that have to stay readable for read-out and probes."""
    return {*read_layers(circuit, settings), *(layer_outputs(circuit) if settings.probe else ())}


def read_out(
    net: Network, settings: Settings, data: ImageSet, split: Split, rng: torch.Generator, outcome: Outcome,
    phases: Phases,
) -> None:  # fmt: skip
    """Compute features once; fit on the training part, then on all labelled images; read the test set once."""
    views = [_view(net.circuit, settings), *_probe_views(net.circuit, settings, split)]
    order, n = torch.cat([split.training, split.validation]), len(split.training)
    looks: dict[str, Any] = {"flips": settings.flips, "shifts": settings.shifts, "batch_size": settings.read_batch_size}
    total, report = len(order) + len(data.test_images), phases("features")
    with outcome.phase("features"):
        features, *probed = extract_views(
            net, data.images[order], views, **looks,
            report=lambda done, _, m: report(done, total, m),
        )  # fmt: skip
        (test,) = extract_views(
            net, data.test_images, views[:1], **looks,
            report=lambda done, _, m: report(len(order) + done, total, m),
        )  # fmt: skip
    labels = data.labels[order]
    if settings.power != 1:
        compress(features, settings.power)
        compress(test, settings.power)
    if settings.probe:
        with outcome.phase("probes"):
            _probe(net.circuit, settings, features, probed, labels, n, outcome, phases)
    with outcome.phase("readout"):
        if settings.standardize or settings.readout_from == "all":
            standardize(features, test)
        fit = partial(fit_readout, n_classes=data.n_classes, settings=settings.readout(), rng=rng)
        held_out = features[n:], labels[n:]
        _, outcome.curve = fit(features[:n], labels[:n], validation=held_out, report=phases("read-out, split"))
        outcome.validation_accuracy = outcome.curve[-1]["validation"]
        readout, _ = fit(features, labels, report=phases("read-out, all"))
        outcome.test_accuracy = readout.accuracy(test, data.test_labels)
    outcome.readout_weights = sum(p.numel() for p in readout.parameters())


def _view(circuit: Circuit, settings: Settings) -> View:
    most = MOST_SITES if settings.readout_from == "all" else None
    return View(read_layers(circuit, settings), most)


def _shared(circuit: Circuit, settings: Settings, layer: str) -> bool:
    """Tell whether the read-out's features are a probe's too, so that they need not be kept twice."""
    small = max(circuit.population(layer).shape[1:], default=1) <= MOST_SITES
    return small and _view(circuit, settings).layers == (layer,)


def _probe_views(circuit: Circuit, settings: Settings, split: Split) -> list[View]:
    """For each layer, its features on some training images and on all validation images."""
    if not settings.probe:
        return []
    n = len(split.training)
    own = [name for name in layer_outputs(circuit) if not _shared(circuit, settings, name)]
    return [View((name,), MOST_SITES, *rows) for name in own for rows in ((0, min(n, MOST_PROBED)), (n, None))]


def _probe(
    circuit: Circuit, settings: Settings, features: Tensor, probed: list[Tensor], labels: Tensor, n: int,
    outcome: Outcome, phases: Phases,
) -> None:  # fmt: skip
    """Fit small read-outs on each layer, and on all layers up to it; `labels` of n training images come first."""
    few = min(n, MOST_PROBED)
    chosen = replace(PROBE, epochs=min(5 * PROBE.epochs, PROBE.epochs * MOST_PROBED // few))  # more on fewer images
    # Generators of their own: the read-out that is measured does not depend on whether layers are probed.
    alone, joined = (torch.Generator().manual_seed(outcome.seed) for _ in range(2))

    def fit(parts: list[tuple[Tensor, Tensor]], rng: torch.Generator, what: str) -> float:
        x, held_out = parts[0] if len(parts) == 1 else (torch.cat(side, 1) for side in zip(*parts, strict=True))
        readout, _ = fit_readout(x, labels[:few], int(labels.max()) + 1, chosen, rng=rng, report=phases(what))
        return round(readout.accuracy(held_out, labels[n:]), 2)

    rest, below = iter(probed), list[tuple[Tensor, Tensor]]()
    for name in layer_outputs(circuit):
        if _shared(circuit, settings, name):
            x, held_out = features[:few].clone(), features[n:].clone()
        else:
            x, held_out = next(rest), next(rest)
        standardize(x, held_out)
        below.append((x, held_out))
        outcome.probes[name] = fit(below[-1:], alone, f"probe of {name}")
        several = len(below) > 1
        outcome.joint_probes[name] = fit(below, joined, f"probe up to {name}") if several else outcome.probes[name]
