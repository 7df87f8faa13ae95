"""What a preset fixes and what the command line may change."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

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
    cutoff: float = Field(
        0.0, ge=0, lt=1, description="share of the win below which a unit of the widest layer does not learn"
    )
    normalize: Literal["layer", "neuron"] = "layer"
    widths: tuple[int, ...] = ()
    n_train: int | None = Field(None, ge=2, description="images of the unsupervised pass (all, if none is given)")
    n_labelled: int | None = Field(None, ge=2, description="images of the gradient-trained part")
    precision: Literal["auto", "bf16", "fp32"] = "auto"

    def readout(self) -> ReadoutSettings:
        """Give the read-out's part."""
        names = ("epochs", "batch_size", "learning_rate", "dropout", "weight_decay", "label_smoothing")
        return ReadoutSettings(**{n: getattr(self, n) for n in names})


Kind = Literal["hebbian", "random", "backprop", "pixels"]


@dataclass(frozen=True)
class Preset:
    """One way to run a recipe: a circuit, how it is trained, and its settings."""

    kind: Kind
    about: str
    build: Callable[[Shape, int, Settings, int], Circuit]
    """Called as build(input shape, classes, settings, seed)."""
    settings: Settings = field(default_factory=Settings)
    quick: Settings | None = None
    run: Callable[..., Any] | None = None
    """Called as run(settings, data, seed, phases) where the preset trains in a way of its own; gives an Outcome."""


@dataclass(frozen=True)
class Recipe:
    """A data set with its presets; the first one is the default."""

    dataset: str
    about: str
    presets: dict[str, Preset]
