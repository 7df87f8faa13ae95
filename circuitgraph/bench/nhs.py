"""Convolution blocks that learn by gradient and by a Hebbian rule, gated by voltage, that grow and are pruned.

After NHS-Net (Mondol 2025), whose growth loses what was learned and whose gates depend on what came before.  Expected
of the full run on a GPU (`cifar10 --preset nhs --device cuda`): at least 88 %.  This is expected from residual networks
of the same size and training; it is no result.  Results are lines in benchmarks/results.
"""

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from circuitgraph.bench.nhs_parts import Births, Diary, Mixed, Paced, block, convolve
from circuitgraph.bench.run import Outcome, Phases, activity_type
from circuitgraph.bench.settings import Preset, Settings
from circuitgraph.compiler import compile
from circuitgraph.data import ImageSet
from circuitgraph.ir import Circuit, Shape, normal
from circuitgraph.kernels import Setting
from circuitgraph.neurons import BatchNorm, HodgkinHuxley
from circuitgraph.rules import SoftHebb
from circuitgraph.structural import Activity, Cubic, ErdosRenyiKernel, Every, Fraction, Magnitude, Once, Prune, Trainer
from circuitgraph.topologies import Conv, Dense, OneToOne, Pool, Pruned
from circuitgraph.train import Report, accuracy


class NhsSettings(Settings):
    """What this preset adds to the choices of a run."""

    hidden: float = Field(0.5, gt=0, le=1, description="hidden units of a block before growth, of its width")
    births: int = Field(4, ge=1, description="how often hidden units are born, until there is a block's width")
    deaths: float = Field(0.125, ge=0, lt=1, description="share of the hidden units that die, the least active ones")
    density: float = Field(0.5, gt=0, le=1, description="share of the slots of all convolutions that is left")
    gain_mv: float = Field(40.0, gt=0, description="membrane potential for each unit of input")
    mixup: float = Field(0.2, ge=0, description="both parameters of the beta distribution; 0 mixes nothing")
    shift: int = Field(4, ge=0, description="sites that a training image is shifted by, at most")
    flip: bool = Field(True, description="whether half of the training images are mirrored")
    n_probe: int = Field(500, ge=2, description="training images that growth and death look at")
    n_watched: int = Field(1000, ge=1, description="validation images on which each edit is judged")


def build(shape: Shape, n_classes: int, settings: Settings, seed: int) -> Circuit:
    """Wire image -> stem -> stages -> label; a stage is a wider convolution, a pool and a block with a shortcut."""
    assert isinstance(settings, NhsSettings)
    if len(settings.widths) < 2 or len(settings.hebbian_lr) != 1:
        got = f"got {len(settings.widths)} widths and {len(settings.hebbian_lr)} Hebbian rates"
        raise ValueError(f"NHS network: {got}, expected two widths or more, and one rate")
    gate, rule = HodgkinHuxley(settings.gain_mv), SoftHebb(settings.hebbian_lr[0], rate_power=None)
    net = convolve(Circuit().add("image", shape, BatchNorm()), "image", "stem", settings.widths[0], seed)
    net, below = net.connect("stem", "fire0", OneToOne(), neuron=gate), "fire0"
    for i, width in enumerate(settings.widths[1:], 1):
        net = convolve(net, below, f"wide{i}", width, seed)
        halve = Pool(2) if min(net.population(f"wide{i}").shape[1:]) >= 4 else OneToOne()
        net = net.connect(f"wide{i}", f"fire{i}", halve, neuron=gate)
        net, below = block(net, i, max(1, round(settings.hidden * width)), gate, rule, seed), f"out{i}"
    net = net.connect(below, "seen", Pool(net.population(below).shape[1:]))
    return net.connect("seen", "label", Dense(), units=n_classes, weight=normal(0.1), rng=seed)


def run(settings: Settings, data: ImageSet, seed: int, phases: Phases) -> Outcome:
    """Train, grow, prune and train on; the best network after the last edit, on validation images, is tested once."""
    assert isinstance(settings, NhsSettings)
    outcome, rng = Outcome(seed, build(data.shape, data.n_classes, settings, seed)), torch.Generator().manual_seed(seed)
    training, validation = data.split(max(1, len(data.images) // 10), seed)
    training, held_out = training[: settings.n_labelled], (data.images[validation], data.labels[validation])
    diary = Diary(held_out[0][: settings.n_watched], held_out[1][: settings.n_watched])
    mixed = Mixed(
        data.images[training], data.labels[training], data.n_classes, settings.batch_size, rng,
        settings.mixup, settings.shift, settings.flip,
    )  # fmt: skip
    kind, where = activity_type(settings, data.images.device), data.images.device
    net = Paced(outcome.circuit, activity_dtype=kind, setting=Setting(settings.batch_size, str(where), kind)).to(where)
    with outcome.phase("training"):
        _train(make_trainer(net, settings, mixed, diary), settings.epochs, mixed, held_out, outcome, phases("training"))
    with outcome.phase("test"):
        tested = compile(outcome.circuit, device=where, activity_dtype=kind)
        outcome.test_accuracy = accuracy(tested, data.test_images, data.test_labels, batch_size=250)
    epochs = [{key: round(value, 4) for key, value in row.items()} for row in outcome.curve]
    outcome.found, outcome.structure = {"epochs": epochs, "log": diary.rows}, net.log.curves()
    outcome.seconds["total"] = round(sum(outcome.seconds.values()), 3)
    return outcome


def _train(
    trainer: Trainer, epochs: int, mixed: Mixed, held_out: tuple[Tensor, Tensor], outcome: Outcome, report: Report
) -> None:
    """Train for so many epochs and keep the best network of those after the last edit."""
    net, best = trainer.net, -1.0
    for epoch in range(1, epochs + 1):
        rows = trainer.fit(mixed)
        row = {"epoch": float(epoch), "loss": sum(r["loss"] for r in rows) / len(rows)}
        row |= {"units": float(net.circuit.n_units), "slots": float(net.circuit.n_slots)}
        row["validation"] = accuracy(net, *held_out, batch_size=250)
        outcome.curve.append(row)
        report(epoch, epochs, {k: v for k, v in row.items() if k != "epoch"})
        settled = trainer.step >= last_edit(epochs * len(mixed)) or epoch == epochs
        if settled and row["validation"] > best:
            outcome.validation_accuracy = best = row["validation"]
            outcome.circuit = net.snapshot()


def make_trainer(net: Paced, settings: NhsSettings, mixed: Mixed, diary: Diary) -> Trainer:
    """Grow from an eighth of training on, let units die half-way, and prune slots until two thirds."""
    total, n_blocks = settings.epochs * len(mixed), len(settings.widths) - 1
    for p in net.circuit.projections:
        if p.rule is not None:
            net.weights[p.name].requires_grad_(True)
    optimizer = torch.optim.AdamW(net.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, settings.learning_rate, total_steps=total, pct_start=0.2)

    def pace(trainer: Trainer, row: dict[str, float]) -> None:
        net.pace = float(rate.get_last_lr()[0]) / settings.learning_rate

    def loss(y: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(y.float(), target, label_smoothing=settings.label_smoothing)

    wiring = tuple(p.name for p in net.circuit.projections if isinstance(p.topology, Conv | Pruned))
    gates = tuple(f"hidden{i}->gated{i}" for i in range(1, n_blocks + 1))
    begin, turn, half = total // 8, max(1, total // (4 * settings.births)), total // 2
    growth = Every(turn, begin, begin + (settings.births - 1) * turn)
    ramp = Cubic(half + 1, last_edit(total), max(1, total // 24), final=settings.density)
    death = Prune(Activity(), Fraction(settings.deaths), projections=gates, units=True)
    actions = [
        (growth, diary.watch("units are born", Births(n_blocks, settings.births, mixed.rng))),
        (Once(half), diary.watch("units die", death)),
        (ramp, diary.watch("slots go", Prune(Magnitude(), ErdosRenyiKernel(1.0), projections=wiring))),
    ]
    return Trainer(net, optimizer, loss, actions, rate, mixed.probe(settings.n_probe), [pace], mixed.rng)


def last_edit(total: int) -> int:
    """Give the step after which structure stays as it is."""
    return max(total // 2 + 2, 2 * total // 3)


_SETTINGS = NhsSettings(
    widths=(64, 128, 256, 512), epochs=60, batch_size=256, learning_rate=2e-3, weight_decay=0.05, label_smoothing=0.1,
    hebbian_lr=(1e-4,), n_watched=5000,
)  # fmt: skip
_QUICK = {"widths": (16, 32, 64), "n_labelled": 8000, "epochs": 12, "batch_size": 64, "births": 2, "n_watched": 1000}
PRESET = Preset(
    "backprop",
    "voltage-gated blocks, by gradient and Hebbian rule, that grow and are pruned while they learn",
    build,
    _SETTINGS,
    _SETTINGS.model_copy(update=_QUICK),
    run,
)
