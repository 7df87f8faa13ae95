"""Triggers: actions that wait until what they watch says that it is time."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field

from circuitgraph.edits import Edit
from circuitgraph.errors import DataError, ShapeError, StateError
from circuitgraph.ir import Remap
from circuitgraph.ir.shape import is_integer
from circuitgraph.structural.growth import Newborns
from circuitgraph.structural.loop import Action, Moment, act
from circuitgraph.structural.prune import Prune


@dataclass
class Trigger(ABC):
    """Do `action` when a window of moments calls for it; then a new window begins.

    A trigger is an action itself, so it stands in `Trainer` behind a schedule, which says how often it looks.  It keeps
    what it saw: one for each training.  `seen` is the window so far, `fired` lists the steps at which it acted.

    Raises:
        ShapeError: for a window below `least_window`.
    """

    action: Action | Edit | Prune | Newborns
    window: int
    seen: list[tuple[float, int]] = field(default_factory=list, init=False)
    fired: list[int] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        if not is_integer(self.window, self.least_window):
            got = f"got {self.window!r}, expected an integer of at least {self.least_window}"
            raise ShapeError(f"{type(self).__name__}: window ({got})")

    @property
    def least_window(self) -> int:
        """Say how many moments it takes to judge."""
        return 1

    def __call__(self, moment: Moment) -> Remap | Sequence[Remap] | None:
        found = self.look(moment)
        if found is None:
            return None
        self.seen = [*self.seen, found][-self.window :]
        if len(self.seen) < self.window or not self.calls:
            return None
        self.seen = []
        self.fired.append(moment.step)
        return act(self.action, moment)

    @abstractmethod
    def look(self, moment: Moment) -> tuple[float, int] | None:
        """Give one number and how many samples it is for; None before there is anything to see."""

    @property
    @abstractmethod
    def calls(self) -> bool:
        """Tell whether a full window calls for the action."""


@dataclass
class Plateau(Trigger):
    """Act when a metric no longer falls: its mean over the later half of the window against the earlier half.

    Due when  earlier - later < least * |earlier|.

    Raises:
        ShapeError: for a window below 2.
        DataError: when it looks, if the training has no such metric.

    Example:
        >>> import torch, circuitgraph as cg
        >>> from circuitgraph.structural import Every, Trainer
        >>> net = cg.compile(cg.Circuit().add("x", 2).connect("x", "y", cg.Dense(), units=2))
        >>> grow = Plateau(cg.Grow("y", 1), window=6, least=0.01)
        >>> still = torch.optim.SGD(net.parameters(), 0.0)
        >>> rows = Trainer(net, still, torch.mean, [(Every(1), grow)]).fit([torch.ones(1, 2)] * 6)
        >>> grow.fired, net.circuit.population("y").n_units
        ([6], 3)
    """

    least: float = 0.01
    metric: str = "loss"

    @property
    def least_window(self) -> int:
        return 2

    def look(self, moment: Moment) -> tuple[float, int] | None:
        if not moment.metrics:
            return None
        if self.metric not in moment.metrics:
            got = f"got {', '.join(sorted(moment.metrics))}"
            raise DataError(f"Plateau: no metric {self.metric!r} ({got}); train with a loss")
        return moment.metrics[self.metric], 1

    @property
    def calls(self) -> bool:
        half = len(self.seen) // 2
        earlier = sum(v for v, _ in self.seen[:half]) / half
        later = sum(v for v, _ in self.seen[half:]) / (len(self.seen) - half)
        return earlier - later < self.least * abs(earlier)


@dataclass
class Novelty(Trigger):
    """Act when too many samples excite nobody: the share whose best response stays below a threshold.

    The best response of a sample is the largest output of any unit of `population` at any site, in the training step
    just done.  Due when, over the window, more than `share` of the samples stay below `threshold`.

    Raises:
        ShapeError: for a window below 1, or a share outside 0 to 1.
        StateError: when it looks, if a fusion removed the activity.
    """

    population: str
    threshold: float
    share: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.share <= 1:
            raise ShapeError(f"Novelty: share (got {self.share!r}, expected 0 to 1)")

    def look(self, moment: Moment) -> tuple[float, int] | None:
        if moment.state is None:
            return None
        name = moment.net.circuit.population(self.population).name
        if (name, "y") not in moment.state:
            mend = f"compile with keep=[{name!r}]"
            raise StateError(f"Novelty: no activity of {name!r} (a fusion removed it); {mend}")
        best = moment.state[name].flatten(1).amax(1)
        return float((best < self.threshold).sum()), len(best)

    @property
    def calls(self) -> bool:
        return sum(v for v, _ in self.seen) > self.share * sum(n for _, n in self.seen)
