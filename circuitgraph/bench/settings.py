"""What a preset fixes and what the command line may change."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from circuitgraph.ir import Circuit, Shape
from circuitgraph.train import ReadoutSettings


class Settings(BaseModel):
    """All choices of one run; stored with its result."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    epochs: int = Field(50, ge=1, description="epochs of the part that is trained by gradient")
    batch_size: int = Field(256, ge=1, description="batch size of that part")
    learning_rate: float = Field(1e-3, gt=0, description="learning rate of that part")
    weight_decay: float = Field(0.0, ge=0)
    dropout: float = Field(0.5, ge=0, lt=1)
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    hebbian_lr: tuple[float, ...] = ()
    hebbian_batch_size: int = Field(10, ge=1)
    hebbian_passes: int = Field(1, ge=1)
    hebbian_decay: bool = Field(False, description="rates fall linearly to zero over the passes")
    cutoff: float = Field(
        0.0, ge=0, lt=1, description="share of the win below which a unit of the widest layer does not learn"
    )
    normalize: Literal["layer", "neuron", "activity"] = "layer"
    depth: int | None = Field(None, ge=1, description="layers, where a preset lets choose")
    widths: tuple[int, ...] = ()
    scale: float = Field(1.0, gt=0, description="factor on the widths that a preset has by itself")
    n_train: int | None = Field(None, ge=2, description="images of the unsupervised pass (all, if none is given)")
    n_labelled: int | None = Field(None, ge=2, description="images of the gradient-trained part")
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    whiten: int = Field(0, ge=0, description="size of the local whitening kernel, odd; 0 is none")
    whiten_eps: float = Field(1e-2, gt=0, description="what is added to eigenvalues before their root is taken")
    decorrelate: float = Field(0.0, ge=0, description="rate at which layers lose correlations that the next one hears")
    training: Literal["all", "layers"] = Field("all", description="layers learn at once, or one after the other")
    layer_passes: tuple[int, ...] = Field((), description="passes of each layer, when they learn one after the other")
    readout_from: Literal["last", "all"] = Field("last", description="layers that the read-out hears")
    read_batch_size: int = Field(100, ge=1, description="images at a time while features are computed")
    power: float = Field(1.0, gt=0, description="power that features are raised to before all else")
    standardize: bool = Field(False, description="give features mean 0 and variance 1 on the training set")
    flips: bool = Field(False, description="features are the mean over an image and its mirror image")
    shifts: int = Field(
        0, ge=0, description="features are the mean over an image moved by up to so many pixels along each axis"
    )
    probe: bool = Field(True, description="fit a linear read-out after every layer, to see what depth brings")

    def readout(self) -> ReadoutSettings:
        """Give the read-out's part."""
        names = ("epochs", "batch_size", "learning_rate", "dropout", "weight_decay", "label_smoothing")
        return ReadoutSettings(**{n: getattr(self, n) for n in names})

    def passes(self) -> tuple[int, ...]:
        """Say how often each layer sees the images: one number for all, or one each."""
        return self.layer_passes or (self.hebbian_passes,)

    def changed(self, changes: Mapping[str, Any]) -> "Settings":
        """Give the settings with some of them changed, and checked again."""
        return type(self)(**(self.model_dump() | dict(changes)))


Kind = Literal["hebbian", "random", "backprop", "pixels"]
"""How the features come about: by rules, not at all, by gradient, or there are none."""

GRADIENT: Mapping[str, Any] = {"epochs": 20, "batch_size": 64, "learning_rate": 1e-3, "weight_decay": 0.01}
"""What changes when a circuit is trained end to end by gradient."""


@dataclass(frozen=True)
class Goal:
    """A data set that a preset fits: what was published, what our run gives, and what is set otherwise there."""

    published: float | None = None
    """Test accuracy in percent."""
    expected: float | None = None
    """Test accuracy in percent, of the full run."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    quick: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Preset:
    """One way to run a recipe: a circuit, how it is trained, its settings, and what it should reach."""

    kind: Kind
    about: str
    build: Callable[[Shape, int, Any, int], Circuit]
    """Called as build(input shape, classes, settings, seed)."""
    settings: Settings = field(default_factory=Settings)
    quick: Settings | None = None
    run: Callable[..., Any] | None = None
    """Called as run(settings, data, seed, phases) where the preset trains in a way of its own; gives an Outcome."""
    fit: Callable[[Circuit, Tensor, Any, int], Circuit] | None = None
    """Called as fit(circuit, training images, settings, seed) where wiring or weights are fitted to images."""
    source: str = ""
    """Where the published number is from, with its year."""
    goals: Mapping[str, Goal] = field(default_factory=dict)
    """The data sets that it fits."""
    goal: Goal = field(default_factory=Goal)
    """The one of the data set at hand."""

    def on(self, dataset: str) -> "Preset":
        """Give the preset as it is on a data set that it fits."""
        goal = self.goals[dataset]
        settings = self.settings.changed(goal.settings)
        quick = (self.quick or self.settings).changed({**goal.settings, "probe": False, **goal.quick})
        return replace(self, settings=settings, quick=quick, goal=goal)

    def trained_by(self, kind: Kind, about: str | None = None) -> "Preset":
        """Give the same circuit trained in another way: nothing was published for that."""
        changes = GRADIENT if kind == "backprop" else {}
        quick = self.quick and self.quick.changed({**changes, "epochs": 3} if changes else {})
        settings, goal = self.settings.changed(changes), Goal()
        return replace(
            self, kind=kind, about=about or self.about, settings=settings, quick=quick, goal=goal, goals={}, source=""
        )


@dataclass(frozen=True)
class Recipe:
    """A data set with its presets; the first one is the default."""

    dataset: str
    about: str
    shape: Shape
    """That of an image."""
    n_classes: int
    presets: dict[str, Preset]
