"""When structure changes: once, again and again, along a ramp, or in cycles of training.

Steps are training steps done so far: a loop asks `due(step)` after each step, and before the first with 0.
"""

from abc import ABC, abstractmethod
from typing import ClassVar

from circuitgraph.errors import ShapeError
from circuitgraph.ir import Value, value
from circuitgraph.ir.shape import is_integer
from circuitgraph.structural.amounts import check_share


class Schedule(Value, ABC):
    """Say after which training steps something is due."""

    kind: ClassVar[str] = "schedule"

    @abstractmethod
    def due(self, step: int) -> bool:
        """Tell whether it is due when `step` training steps are done."""

    def at(self, step: int) -> float | None:
        """Give the density that a ramp has reached at a step; None where the amount stands for itself."""
        return None


@value
class Once(Schedule):
    """Due once, when `step` steps are done; 0 is before training.

    Raises:
        ShapeError: for what is no integer of at least 0.

    Example:
        >>> [step for step in range(10) if Once(3).due(step)]
        [3]
    """

    step: int

    def __post_init__(self) -> None:
        _check("Once: step", self.step, 0)

    def due(self, step: int) -> bool:
        return step == self.step


@value
class Every(Schedule):
    """Due every so many steps, from `begin` to `end`, both included; without an end for ever.

    Raises:
        ShapeError: for what are no integers in range.

    Example:
        >>> [step for step in range(20) if Every(5, begin=5, end=15).due(step)]
        [5, 10, 15]
    """

    steps: int
    begin: int = 0
    end: int | None = None

    def __post_init__(self) -> None:
        _check("Every: steps", self.steps, 1)
        _check("Every: begin", self.begin, 0)
        if self.end is not None:
            _check("Every: end", self.end, self.begin)

    def due(self, step: int) -> bool:
        return self.begin <= step <= (step if self.end is None else self.end) and (step - self.begin) % self.steps == 0


@value
class Cubic(Schedule):
    """Lower the density along a cubic ramp: fast while much is redundant, slow when little is left.

    density(t) = final + (initial - final) * (1 - (t - begin) / (end - begin))^3,   constant before and after

    Zhu and Gupta (2017), who write it for sparsity, 1 - density.  Due every so many steps from `begin`, and at `end`.

    Raises:
        ShapeError: for steps that are no integers in range, or densities outside 0 to 1, or rising ones.

    Example:
        >>> ramp = Cubic(0, 100, 50, initial=1.0, final=0.2)
        >>> [(step, round(ramp.at(step), 3)) for step in range(200) if ramp.due(step)]
        [(0, 1.0), (50, 0.3), (100, 0.2)]
    """

    begin: int
    end: int
    steps: int
    initial: float = 1.0
    final: float = 0.1

    def __post_init__(self) -> None:
        _check("Cubic: begin", self.begin, 0)
        _check("Cubic: end", self.end, self.begin + 1)
        _check("Cubic: steps", self.steps, 1)
        check_share("Cubic: initial", self.initial)
        check_share("Cubic: final", self.final)
        if self.final > self.initial:
            raise ShapeError(f"Cubic: density rises (got {self.initial} to {self.final}, expected a fall)")

    def due(self, step: int) -> bool:
        return self.begin <= step <= self.end and ((step - self.begin) % self.steps == 0 or step == self.end)

    def at(self, step: int) -> float:
        done = min(max((step - self.begin) / (self.end - self.begin), 0.0), 1.0)
        return self.final + (self.initial - self.final) * (1 - done) ** 3


@value
class Cyclic(Schedule):
    """Train, then prune, so many times: due after `train_steps` steps, twice as many, and so on, `cycles` times.

    Iterative pruning of Han et al. (2015).

    Raises:
        ShapeError: for what are no integers of at least 1.

    Example:
        >>> [step for step in range(100) if Cyclic(20, cycles=3).due(step)]
        [20, 40, 60]
    """

    train_steps: int
    cycles: int

    def __post_init__(self) -> None:
        _check("Cyclic: train_steps", self.train_steps, 1)
        _check("Cyclic: cycles", self.cycles, 1)

    def due(self, step: int) -> bool:
        return step % self.train_steps == 0 and 1 <= step // self.train_steps <= self.cycles


def _check(where: str, number: object, least: int) -> None:
    if not is_integer(number, least):
        raise ShapeError(f"{where} (got {number!r}, expected an integer of at least {least})")
