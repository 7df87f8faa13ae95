"""What reaches a projection at a step: the activity that it carries, and what its rule reads."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from circuitgraph.compiler.plan import Column
from circuitgraph.compiler.state import State
from circuitgraph.errors import RuleError, StateError
from circuitgraph.ir import Circuit, Projection
from circuitgraph.rules import Rule, Signals

Reduce = Callable[[Tensor], object]
"""Adds up over processes, in place."""


def arriving(
    column: Column, delay: int, columns: Mapping[Column, Tensor], past: Mapping[str, tuple[Tensor, ...]]
) -> Tensor | None:
    """Look up what a projection carries; None while nothing has arrived through its delay."""
    if not delay:
        return columns[column]
    ago = past.get(column[0], ())
    return ago[delay - 1] if len(ago) >= delay else None


def signals_of(
    p: Projection, rule: Rule, state: State, memory: Mapping[str, Tensor], circuit: Circuit
) -> Signals | None:
    """Find what a projection's synapses saw; None while nothing has arrived through its delay.

    A rule that hears the cosine gets no u where other projections land on the port as well: theirs is not its input.
    """
    past = state.past.get(p.pre, ())
    if p.delay and len(past) <= p.delay:
        return None
    x = past[p.delay] if p.delay else state.columns.get((p.pre, "y"))
    u, y = state.columns.get((p.post, p.port)), state.columns.get((p.post, "y"))
    own = rule.hears_cosine and not _lands_alone(p, circuit)
    u = None if own else u
    read = ("x", *(c for c in rule.reads if not (own and c == "u")))
    missing = [c for c, column in (("x", x), ("u", u), ("y", y)) if column is None and c in read]
    if x is None or missing:
        got = f"got no {' and no '.join(missing)}, which {rule!r} reads"
        raise StateError(f"projection {p.name!r}: the state lacks columns ({got}); learn from a state of this network")
    return Signals(x, u, y, {key: memory[p.memory_key(key)] for key in rule.memory((1,))})


def _lands_alone(p: Projection, circuit: Circuit) -> bool:
    return sum((q.post, q.port) == (p.post, p.port) for q in circuit.projections) == 1


def rule_keys(circuit: Circuit, name: str) -> set[str]:
    """Name what rules keep for the units of a population."""
    landing = [(p, p.rule) for p in circuit.projections if p.post == name and isinstance(p.rule, Rule)]
    return {p.memory_key(key) for p, rule in landing for key in rule.memory((1,))}


def rule_memory(circuit: Circuit, name: str) -> dict[str, Tensor]:
    """Give the initial values of what rules keep for the units of a population."""
    landing = [(p, p.rule) for p in circuit.projections if p.post == name and isinstance(p.rule, Rule)]
    shape = circuit.population(name).shape
    return {p.memory_key(key): v for p, rule in landing for key, v in rule.memory(shape).items()}


def rule_of(p: Projection) -> Rule:
    """Give a projection's rule; RuleError if what it has is none."""
    if not isinstance(p.rule, Rule):
        raise RuleError(f"projection {p.name!r}: not a rule (got {p.rule!r}, expected e.g. cg.Oja(0.01))")
    return p.rule


class _Scaled(torch.autograd.Function):
    """Pass a tensor on, and its gradient back times a factor."""

    @staticmethod
    def forward(w: Tensor, factor: float) -> Tensor:
        return w.view_as(w)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.factor = inputs[1]

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, None]:
        return g * ctx.factor, None


def scaled_gradient(w: Tensor, factor: float) -> Tensor:
    """Give weights as they are; what flows back to them is multiplied by a factor."""
    if not (w.requires_grad and torch.is_grad_enabled()):
        return w
    scaled: Tensor = _Scaled.apply(w, factor)
    return scaled


def mean_change(old: Tensor, new: Tensor, reduce: Reduce, processes: Tensor) -> Tensor:
    """Give what memory becomes when every process counts alike."""
    change = new - old
    reduce(change)
    return old + change / processes
