"""An overcomplete network on two sheets: local inhibition, few dimensions, and what is redundant is removed."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from circuitgraph.bench.run import Outcome, Phases, activity_type
from circuitgraph.bench.settings import Preset, Settings
from circuitgraph.compiler import Network, State
from circuitgraph.compiler.inputs import Input
from circuitgraph.compiler.network import find_device
from circuitgraph.data import ImageSet
from circuitgraph.edits import Edit, Tidy
from circuitgraph.edits.lateral import hand_on
from circuitgraph.ir import Circuit, Remap, Shape, normal
from circuitgraph.kernels import Setting
from circuitgraph.neurons import ReLU
from circuitgraph.structural import (
    Correlation,
    Count,
    Cubic,
    Cyclic,
    Global,
    Magnitude,
    Moment,
    Newborns,
    Once,
    Prune,
    Schedule,
    Threshold,
    Trainer,
)
from circuitgraph.structural.dimension import dimension_penalty, participation_ratio
from circuitgraph.structural.loop import Action
from circuitgraph.topologies import Dense, Lateral
from circuitgraph.train import accuracy, as_activity, batches

HIDDEN: tuple[str, ...] = ("first", "second")


class CorticalSettings(Settings):
    """What this preset adds to the choices of a run."""

    budget: int = Field(60_000, ge=1, description="weights left at the end, fixed ones included")
    dimension: float = Field(0.01, ge=0, description="loss per nat of the logarithm of a hidden sheet's dimension")
    inhibition: float = Field(0.5, gt=0, description="strength of what a unit's neighbours inhibit it with")
    redundancy: float = Field(0.8, gt=-1, le=1, description="similarity from which units are clustered")
    cycles: int = Field(4, ge=1, description="how often redundant units are removed")
    n_probe: int = Field(5000, ge=2, description="training images on which redundancy is looked for")


def build(shape: Shape, n_classes: int, settings: Settings, seed: int) -> Circuit:
    """Wire image -> first -> second -> label; each sheet hands on what its neighbours' inhibition leaves."""
    assert isinstance(settings, CorticalSettings)
    if len(settings.widths) != len(HIDDEN):
        raise ValueError(f"cortical network: widths (got {len(settings.widths)}, expected {len(HIDDEN)})")
    net, before, init = Circuit().add("image", shape), "image", normal(2**0.5)
    for name, width in zip(HIDDEN, settings.widths, strict=True):
        net = net.connect(before, name, Dense(), units=width, neuron=ReLU(), weight=init, rng=seed)
        net, before = inhibit_sheet(net, name, settings.inhibition), f"{name}_inhibited"
    return net.connect(before, "label", Dense(), units=n_classes, weight=normal(), rng=seed)


def inhibit_sheet(circuit: Circuit, name: str, strength: float) -> Circuit:
    """Lay a population P out on a sheet; P_inhibited = max(P - surround of P, 0) hands its activity on.

    Weights and places are those of `SheetInhibition`, which feeds a population back into itself a time step later;
    here inhibition runs ahead, so that one step does.
    """
    law = Lateral(sheet_of(circuit.population(name).n_units), 2.0)
    row, column = law.positions().T
    circuit = circuit.replace_population(name, attributes={"row": row, "column": column})
    circuit, weight = hand_on(circuit, circuit.population(name)), law.centre_surround(0.5, 1.0, strength=strength)
    return circuit.connect(name, f"{name}_inhibited", law, weight=weight, fixed=True, name=f"{name}_lateral")


def sheet_of(n: int) -> tuple[int, int]:
    """Give the rows and columns nearest to a square.

    Example:
        >>> sheet_of(1024), sheet_of(12), sheet_of(7)
        ((32, 32), (3, 4), (1, 7))
    """
    rows = max(r for r in range(1, int(n**0.5) + 1) if n % r == 0)
    return rows, n // rows


def run(settings: Settings, data: ImageSet, seed: int, phases: Phases) -> Outcome:
    """Train, prune in cycles and measure.  Redundancy is looked for on training images; the test set is read once."""
    assert isinstance(settings, CorticalSettings)
    outcome, rng = Outcome(seed, build(data.shape, data.n_classes, settings, seed)), torch.Generator().manual_seed(seed)
    training, validation = data.split(max(1, len(data.images) // 10), seed)
    shown = Shown(data.images, data.labels, training[: settings.n_labelled], settings.batch_size, rng)
    net, held_out = _compiled(outcome.circuit, settings, data), (data.images[validation], data.labels[validation])
    trainer, report = _trainer(net, settings, shown), phases("training")
    with outcome.phase("training"):
        for epoch in range(1, settings.epochs + 1):
            rows = trainer.fit(shown)
            row = {"epoch": float(epoch), "loss": sum(r["loss"] for r in rows) / len(rows)}
            row |= {"slots": rows[-1]["slots"], "validation": accuracy(net, *held_out, batch_size=500)}
            outcome.curve.append(row)
            report(epoch, settings.epochs, {k: v for k, v in row.items() if k != "epoch"})
    outcome.validation_accuracy = outcome.curve[-1]["validation"]
    with outcome.phase("test"):
        outcome.test_accuracy = accuracy(net, data.test_images, data.test_labels)
    outcome.circuit, outcome.structure = net.snapshot(), net.log.curves()
    outcome.found = _found(net, shown.probe(settings.n_probe))
    outcome.seconds["total"] = round(sum(outcome.seconds.values()), 3)
    return outcome


@dataclass(frozen=True)
class Shown:
    """Training images in shuffled batches, others each time that they are gone through."""

    images: Tensor
    labels: Tensor
    training: Tensor
    size: int
    rng: torch.Generator

    def __len__(self) -> int:
        return sum(1 for _ in batches(len(self.training), self.size, torch.Generator()))

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for batch in batches(len(self.training), self.size, self.rng):
            at = self.training[batch.to(self.images.device)]
            yield as_activity(self.images[at]), self.labels[at]

    def probe(self, n: int) -> list[Tensor]:
        """Give the first images, in batches."""
        return [as_activity(self.images[at]) for at in self.training[:n].split(500)]


class Watched(Network):
    """A network whose last step can be read, for a loss that looks at hidden activity."""

    last: ClassVar[State | None] = None

    def step(self, x: Input, state: State | None = None) -> State:
        """Compute one time step and remember it."""
        object.__setattr__(self, "last", super().step(x, state))
        assert self.last is not None
        return self.last


def _compiled(circuit: Circuit, settings: Settings, data: ImageSet) -> Watched:
    where, kind = find_device(data.images.device), activity_type(settings, data.images.device)
    setting = Setting(settings.batch_size, str(where), kind)
    return Watched(circuit, keep=frozenset(HIDDEN), activity_dtype=kind, setting=setting).to(where)


def _trainer(net: Watched, settings: CorticalSettings, shown: Shown) -> Trainer:
    """Remove redundant units in the first half of training, weak weights along a ramp that ends at two thirds."""
    optimizer = torch.optim.AdamW(net.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
    total, size = settings.epochs * len(shown), net.circuit.n_slots
    rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, settings.learning_rate, total_steps=total)

    def loss(y: Tensor, label: Tensor) -> Tensor:
        wrong = F.cross_entropy(y.float(), label, label_smoothing=settings.label_smoothing)
        if not settings.dimension:
            return wrong
        assert net.last is not None
        return wrong + settings.dimension * dimension_penalty(net.last[name] for name in HIDDEN)

    def weak(moment: Moment) -> Remap | None:
        assert moment.density is not None
        excess = moment.net.circuit.n_slots - round(moment.density * size)
        return Prune(Magnitude(), Global(Count(excess)))(moment.net) if excess > 0 else None

    ramp = Cubic(total // 6, 2 * total // 3, max(1, total // 60), final=min(1.0, settings.budget / size))
    redundant = Prune(Correlation(settings.redundancy, how="pearson"), Threshold(1.0), units=True)
    actions: list[tuple[Schedule, Action | Edit | Prune | Newborns]] = [
        (Cyclic(max(1, total // (2 * settings.cycles)), settings.cycles), redundant),
        (ramp, weak),
        (Once(2 * total // 3), Tidy()),
    ]
    return Trainer(net, optimizer, loss, actions, rate, shown.probe(settings.n_probe), rng=shown.rng)


@torch.no_grad()
def _found(net: Watched, probe: list[Tensor]) -> dict[str, object]:
    """Say what is left of each sheet, and how many dimensions its activity fills on training images."""
    net.eval()
    state = net.step(torch.cat(probe))
    circuit = net.circuit
    return {
        "units": {p.name: p.n_units for p in circuit.populations if p.name in HIDDEN},
        "slots": {p.name: p.n_slots for p in circuit.projections},
        "dimension": {name: round(participation_ratio(state[name], standardize=True).item(), 2) for name in HIDDEN},
        "dimension_by_size": {name: round(participation_ratio(state[name]).item(), 2) for name in HIDDEN},
        "edits": sum(entry.changed for entry in net.log.entries),
    }


_SETTINGS = CorticalSettings(
    widths=(1024, 256), epochs=20, batch_size=128, learning_rate=2e-3, weight_decay=0.01, label_smoothing=0.05,
    precision="fp32",
)  # fmt: skip
PRESET = Preset(
    "backprop",
    "two overcomplete sheets of units with local inhibition; redundant units and weak weights are removed",
    build,
    _SETTINGS,
    _SETTINGS.model_copy(update={"widths": (256, 64), "n_labelled": 10_000, "epochs": 6, "budget": 20_000}),
    run,
)
