"""A training loop in which gradient steps, rules and edits take turns."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from tqdm.auto import tqdm

from circuitgraph.compiler import Network, State, carry
from circuitgraph.compiler.inputs import Input
from circuitgraph.edits import Edit
from circuitgraph.errors import DataError, NumericError, RuleError
from circuitgraph.ir import Remap
from circuitgraph.structural.growth import Newborns
from circuitgraph.structural.look import Data, Loss
from circuitgraph.structural.prune import Prune
from circuitgraph.structural.schedules import Schedule


@dataclass(frozen=True)
class Moment:
    """What an action may look at: the network, steps done, the density that a ramp has reached, data to look at.

    `metrics` are those of the step just done, and `state` is its activity; before the first step there are none.
    """

    net: Network
    step: int
    density: float | None
    probe: Data | None
    loss: Loss | None
    rng: torch.Generator
    metrics: Mapping[str, float] = field(default_factory=dict)
    state: State | None = None


Action = Callable[[Moment], Remap | Sequence[Remap] | None]
"""Changes the structure of `moment.net`, and returns what its edits returned."""
Callback = Callable[["Trainer", dict[str, float]], object]
"""Called after every step; one that returns True ends the training."""


@dataclass
class Trainer:
    """Train a network by gradient, by rules, or both, and change its structure on schedules.

    After each batch: backward and `optimizer.step()` (where there is a loss), `scheduler.step()`, `net.learn`, then
    every action that is due, in the order given; the optimiser is carried over each edit.  An action is an `Edit`, a
    `Prune`, a `Newborns` or a function of a `Moment` (a trigger, see `Plateau`); `probe` is the training data that
    scores and directions look at.

    Example:
        >>> import circuitgraph as cg
        >>> from circuitgraph.structural import Cubic, Fraction, Magnitude, ToDensity
        >>> net = cg.compile(cg.Circuit().add("x", 8).connect("x", "y", cg.Dense(), units=5))
        >>> ramp = Cubic(0, 20, 5, final=0.25), Prune(Magnitude(), ToDensity(1.0))
        >>> trainer = Trainer(net, torch.optim.Adam(net.parameters()), lambda y, t: (y - t).square().mean(), [ramp])
        >>> rows = trainer.fit([(torch.rand(4, 8), torch.rand(4, 5))] * 20)
        >>> net.circuit.n_slots, len(rows), len(net.log.entries)
        (10, 20, 5)
    """

    net: Network
    optimizer: torch.optim.Optimizer | None = None
    loss: Loss | None = None
    actions: Sequence[tuple[Schedule, Action | Edit | Prune | Newborns]] = ()
    scheduler: Any = None
    probe: Data | None = None
    callbacks: Sequence[Callback] = ()
    rng: torch.Generator = field(default_factory=lambda: torch.Generator().manual_seed(0))
    step: int = 0

    def fit(self, data: Iterable[Any], *, epochs: int = 1, progress: bool = False) -> list[dict[str, float]]:
        """Go through batches, so many times, and return one row of metrics per step: "step", "loss", "slots".

        `data` yields inputs, or pairs (inputs, targets); to go through it again it must be a collection.  Steps go on
        counting where the last call ended.

        Raises:
            DataError: no batch, or a loss and no targets where it needs them.
            NumericError: a loss with NaN or infinity; the weights are those of the step before.
            RuleError: nothing to train with: no loss, and no rule.
        """
        if (self.loss is None) != (self.optimizer is None):
            raise RuleError("Trainer: loss and optimizer belong together (got one of them, expected both or neither)")
        if self.loss is None and all(p.rule is None for p in self.net.circuit.projections):
            raise RuleError("Trainer: nothing learns (got no loss and no projection with a rule); give one of them")
        rows: list[dict[str, float]] = []
        if self.step == 0:
            self._act()
        for _ in range(epochs):
            for batch in tqdm(data, disable=not progress):
                rows.append(self._train(*_pair(batch)))
                answers = [callback(self, rows[-1]) for callback in self.callbacks]
                if any(answer is True for answer in answers):
                    return rows
        if not rows:
            raise DataError("Trainer: no batch (got an empty collection, expected batches of inputs)")
        return rows

    def _train(self, x: Input, target: Tensor | None) -> dict[str, float]:
        net, row = self.net, {"step": float(self.step + 1)}
        net.train()
        with torch.set_grad_enabled(self.loss is not None):
            state = net.step(x)
        if self.loss is not None and self.optimizer is not None:
            outputs = [state[name] for name in net.plan.outputs]
            y = outputs[0] if len(outputs) == 1 else dict(zip(net.plan.outputs, outputs, strict=True))
            loss = self.loss(y) if target is None else self.loss(y, target)
            row["loss"] = float(loss.detach())
            if not torch.isfinite(loss.detach()):
                raise NumericError(f"Trainer: loss (got {row['loss']} at step {self.step}); lower the learning rate")
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
        if self.scheduler is not None:
            self.scheduler.step()
        net.learn(state)
        self.step += 1
        self._act(row, state.detach())
        return row | {"slots": float(net.circuit.n_slots)}

    def _act(self, metrics: Mapping[str, float] | None = None, state: State | None = None) -> None:
        self.net.log.step = self.step
        for schedule, action in self.actions:
            if not schedule.due(self.step):
                continue
            looks = self.net, self.step, schedule.at(self.step), self.probe, self.loss, self.rng
            moment = Moment(*looks, metrics or {}, state)
            entries = len(self.net.log.entries)
            done = act(action, moment)
            remaps = [done] if isinstance(done, Remap) else list(done or ())
            if len(remaps) < len(self.net.log.entries) - entries:
                got = f"got {len(remaps)} remaps of {len(self.net.log.entries) - entries} edits"
                raise DataError(f"Trainer: {action!r} must return what its edits returned ({got})")
            if self.optimizer is not None:
                for remap in remaps:
                    carry(self.optimizer, remap)


def act(action: Action | Edit | Prune | Newborns, moment: Moment) -> Remap | Sequence[Remap] | None:
    """Do what an action says, and return what its edits returned."""
    if isinstance(action, Edit):
        return moment.net.edit(action)
    if isinstance(action, Prune):
        seed = int(torch.randint(2**31, (), generator=moment.rng))
        return action(moment.net, moment.probe, loss=moment.loss, rng=seed, density=moment.density)
    if isinstance(action, Newborns):
        return action(moment.net, moment.probe, loss=moment.loss)
    return action(moment)


def _pair(batch: Any) -> tuple[Any, Tensor | None]:
    return (batch[0], batch[1]) if isinstance(batch, tuple | list) else (batch, None)
