"""A check that cannot fail is none: each finds what is wrong with a wrong implementation, and says it."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

import circuitgraph as cg
from circuitgraph import testing
from circuitgraph.ir import Circuit, Remap, Shape, value
from circuitgraph.neurons.neuron import Columns
from circuitgraph.registry import competitions, edits, neurons, rules, topologies
from circuitgraph.rules import Moved, Signals, Winners
from circuitgraph.rules.rule import Part


@pytest.fixture(autouse=True)
def _registries_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    for registry in (topologies, neurons, rules, competitions, edits):
        list(registry)  # the built-in entries are registered on the first look-up
        monkeypatch.setattr(registry, "_classes", dict(registry._classes))


def register(registry: object, cls: type) -> type:
    return registry.register(f"wrong-{cls.__name__}")(value(cls))  # type: ignore[attr-defined]


class Wrong(cg.Linear):
    def drive(self, ports: Columns, memory: Columns, *, training: bool) -> tuple[Tensor, dict[str, Tensor]]:
        return self.bend(ports["in"]), {}

    def bend(self, u: Tensor) -> Tensor:
        return u


class DropsSites(Wrong):
    def bend(self, u: Tensor) -> Tensor:
        return u[:, :1]


class Explodes(Wrong):
    def bend(self, u: Tensor) -> Tensor:
        return u.log()


class Promotes(Wrong):
    def bend(self, u: Tensor) -> Tensor:
        return u.double()


class MindsOthers(Wrong):
    def bend(self, u: Tensor) -> Tensor:
        return u - u.mean(0)


class MindsOrder(Wrong):
    def bend(self, u: Tensor) -> Tensor:
        return u.cumsum(0)


class WritesInput(Wrong):
    def bend(self, u: Tensor) -> Tensor:
        return u.clamp_(min=0) if not u.requires_grad else u


class NoGradient(Wrong):
    def bend(self, u: Tensor) -> Tensor:
        return u.detach() + 0 * u.sum().sqrt()


class Falls(cg.Linear):
    def respond(self, z: Tensor) -> Tensor:
        return z.square()


class NotElementwise(cg.Linear):
    def respond(self, z: Tensor) -> Tensor:
        return z + torch.arange(z.shape[-1])


class LearnsWhileDriven(cg.BatchNorm):
    def drive(self, ports: Columns, memory: Columns, *, training: bool) -> tuple[Tensor, dict[str, Tensor]]:
        memory["mean"].add_(1)
        return super().drive(ports, memory, training=training)


class SitesFirst(cg.BatchNorm):
    def memory(self, shape: Shape) -> dict[str, Tensor]:
        return {k: v.new_zeros(shape[0] + 1) for k, v in super().memory(shape).items()}


class LosesMemory(cg.BatchNorm):
    def learn(self, columns: Columns, memory: dict[str, Tensor]) -> None:
        memory.pop("mean")


class ColumnWithoutBatch(cg.Linear):
    def drive(self, ports: Columns, memory: Columns, *, training: bool) -> tuple[Tensor, dict[str, Tensor]]:
        return ports["in"], {"trace": ports["in"].mean(0)}


@pytest.mark.parametrize(
    ("cls", "message"),
    [
        (DropsSites, r"output \(5, 1, 3\), expected \(5, 4, 3\)"),
        (Explodes, "not finite"),
        (Promotes, "output of torch.float32 is torch.float64"),
        (MindsOthers, "output of one sample, in eval"),
        (MindsOrder, "output in another order"),
        (WritesInput, "port 'in'|order of samples"),
        (NoGradient, "no gradient|not finite"),
        (Falls, "respond falls"),
        (NotElementwise, "not elementwise"),
        (LearnsWhileDriven, "another order|changed by drive"),
        (SitesFirst, "units first"),
        (LosesMemory, "learn changed the names of memory"),
        (ColumnWithoutBatch, "'trace' does not have the batch first"),
    ],
)
def test_check_neuron_finds(cls: type[cg.Neuron], message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        testing.check_neuron(register(neurons, cls)())


class WrongRule(cg.Hebb):
    @classmethod
    def examples(cls) -> list[cg.Rule]:
        return []


class BatchMean(WrongRule):
    def terms(self, signals: Signals) -> Sequence[cg.Term]:
        assert signals.y is not None
        return [cg.Term(signals.y - signals.y.mean(0), signals.x)]


class OrderMatters(WrongRule):
    def terms(self, signals: Signals) -> Sequence[cg.Term]:
        assert signals.y is not None
        return [cg.Term(signals.y * torch.arange(len(signals.y)).view(-1, *[1] * (signals.y.ndim - 1)), signals.x)]


class ReadsWhatItDidNotAskFor(WrongRule):
    reads: ClassVar[tuple[str, ...]] = ("x", "u")


class SpoilsActivity(WrongRule):
    def terms(self, signals: Signals) -> Sequence[cg.Term]:
        assert signals.y is not None
        return [cg.Term(signals.y.mul_(1 + 1e-13), signals.x)]


class BlowsUp(WrongRule):
    def rate(self, w: Tensor, ends: object) -> Tensor | None:
        return torch.full((), torch.inf, dtype=w.dtype)


class KeepsMeans(cg.Covariance):
    @classmethod
    def examples(cls) -> list[cg.Rule]:
        return []


class SitesBeforeUnits(KeepsMeans):
    def memory(self, shape: Shape) -> dict[str, Tensor]:
        return {"mean": torch.zeros(())}


class MovesWhatItLacks(KeepsMeans):
    def terms(self, signals: Signals) -> Sequence[Part]:
        return [*super().terms(signals), Moved("spread", signals.memory["mean"])]


class OneMeanForAll(KeepsMeans):
    def terms(self, signals: Signals) -> Sequence[Part]:
        return [*super().terms(signals), Moved("mean", signals.memory["mean"].mean())]


class LastSampleOnly(KeepsMeans):
    def terms(self, signals: Signals) -> Sequence[Part]:
        assert signals.y is not None
        return [*super().terms(signals), Moved("mean", signals.y[-1].flatten(1).mean(1))]


class MovesAtOnce(KeepsMeans):
    def terms(self, signals: Signals) -> Sequence[Part]:
        signals.memory["mean"].add_(1e-9)
        return super().terms(signals)


class PlainOnlyByName(KeepsMeans):
    """Normalised, but tells kernels that it is not."""

    @property
    def is_plain(self) -> bool:
        return True

    def apply(self, w: Tensor, change: Any, ends: Any, *, scale: float = 1.0) -> None:
        super().apply(w, change, ends, scale=2 * scale)


@pytest.mark.parametrize(
    ("cls", "message"),
    [
        (SitesBeforeUnits, "units first"),
        (MovesWhatItLacks, r"does not declare, \['mean', 'spread'\]"),
        (OneMeanForAll, r"'mean' becomes \(\)"),
        (LastSampleOnly, "another order move memory"),
        (MovesAtOnce, "single samples|changed before apply|another order"),
        (PlainOnlyByName, "all in one pass"),
    ],
)
def test_check_rule_finds_wrong_memory(cls: type[cg.Covariance], message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        testing.check_rule(register(rules, cls)(0.1))


class WrongWinners(Winners):
    def judge(self, u: Tensor, memory: dict[str, Tensor]) -> tuple[Tensor, list[Moved]]:
        return self.choose(u), []

    def choose(self, u: Tensor) -> Tensor:
        return (u == u.amax(1, keepdim=True)).to(u.dtype)


class Graded(WrongWinners):
    def choose(self, u: Tensor) -> Tensor:
        return super().choose(u) * u


class TooMany(WrongWinners):
    def choose(self, u: Tensor) -> Tensor:
        return (u > u.mean(1, keepdim=True)).to(u.dtype)


class AmongSamples(WrongWinners):
    def choose(self, u: Tensor) -> Tensor:
        return super().choose(u) * (u == u.amax(0)).to(u.dtype)


class FirstSampleFirst(WrongWinners):
    def choose(self, u: Tensor) -> Tensor:
        return super().choose(u) * (torch.arange(len(u)) == 0).to(u.dtype).view(-1, *[1] * (u.ndim - 1))


class BooleanWinners(WrongWinners):
    def choose(self, u: Tensor) -> Tensor:
        return super().choose(u).float()


class SitesLost(WrongWinners):
    def choose(self, u: Tensor) -> Tensor:
        return super().choose(u)[..., :1]


class JudgesInPlace(WrongWinners):
    def choose(self, u: Tensor) -> Tensor:
        return super().choose(u.sub_(u.amin(1, keepdim=True)))


class Remembers(WrongWinners):
    def memory(self, shape: Shape) -> dict[str, Tensor]:
        return {"wins": torch.zeros(shape[0])}


class RemembersAtOnce(Remembers):
    def judge(self, u: Tensor, memory: dict[str, Tensor]) -> tuple[Tensor, list[Moved]]:
        memory["wins"].add_(self.choose(u).flatten(2).sum((0, 2)))
        return self.choose(u), []


class RemembersTheLast(Remembers):
    def judge(self, u: Tensor, memory: dict[str, Tensor]) -> tuple[Tensor, list[Moved]]:
        return self.choose(u), [Moved("wins", u[-1].flatten(1).sum(1))]


class RemembersTooMuch(Remembers):
    def judge(self, u: Tensor, memory: dict[str, Tensor]) -> tuple[Tensor, list[Moved]]:
        return self.choose(u), [Moved("wins", u.mean(0))]


@pytest.mark.parametrize(
    ("cls", "message"),
    [
        (Graded, "each is 1 or 0"),
        (TooMany, "more winners at a site than 1"),
        (AmongSamples, "one sample by itself"),
        (FirstSampleFirst, "another order|by itself"),
        (BooleanWinners, "type"),
        (SitesLost, "shape"),
        (JudgesInPlace, "in place, only learn may: 'u'"),
        (RemembersAtOnce, "in place, only learn may: 'wins'"),
        (RemembersTheLast, "another order move memory 'wins'"),
        (RemembersTooMuch, r"'wins' becomes \(4, 3\)"),
    ],
)
def test_check_competition_finds(cls: type[Winners], message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        testing.check_competition(register(competitions, cls)())


@pytest.mark.parametrize(
    ("cls", "message"),
    [
        (BatchMean, "one by one"),
        (OrderMatters, "one by one|another order"),
        (ReadsWhatItDidNotAskFor, r"reads=\('x', 'u'\)"),
        (SpoilsActivity, "changed before apply"),
        (BlowsUp, "weights are not finite"),
    ],
)
def test_check_rule_finds(cls: type[cg.Rule], message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        testing.check_rule(register(rules, cls)(0.1))


def chain() -> Circuit:
    return cg.Circuit().add("x", 3).connect("x", "y", cg.Dense(), units=2).connect("y", "z", cg.Dense(), units=2)


class WrongEdit(cg.Edit):
    def apply(self, circuit: Circuit) -> tuple[Circuit, Remap]:
        raise NotImplementedError

    @classmethod
    def examples(cls) -> list[tuple[cg.Edit, Circuit]]:
        return []


class TouchesSurvivors(WrongEdit):
    def apply(self, circuit: Circuit) -> tuple[Circuit, Remap]:
        return circuit.replace_projection("x->y", weight=circuit.projection("x->y").weight * 2), Remap()


class ForgetsRemap(WrongEdit):
    def apply(self, circuit: Circuit) -> tuple[Circuit, Remap]:
        return cg.RemoveSlots("x->y", [0]).apply(circuit)[0], Remap()


class Renumbers(WrongEdit):
    def apply(self, circuit: Circuit) -> tuple[Circuit, Remap]:
        changed, remap = cg.RemoveSlots("x->y", [0]).apply(circuit)
        return changed.replace_projection("x->y", ids=None), remap


class Shuffles(WrongEdit):
    def apply(self, circuit: Circuit) -> tuple[Circuit, Remap]:
        order = np.array([1, 0, 2, 3, 4, 5])
        old = circuit.projection("x->y")
        return circuit.replace_projection("x->y", weight=old.weight[order], ids=order), Remap(slots={"x->y": order})


class RenamesUnits(WrongEdit):
    def apply(self, circuit: Circuit) -> tuple[Circuit, Remap]:
        return circuit.replace_population("y", ids=[7, 8]), Remap()


class Rolls(WrongEdit):
    calls: ClassVar[list[int]] = []

    def apply(self, circuit: Circuit) -> tuple[Circuit, Remap]:
        self.calls.append(1)
        return cg.RemoveSlots("x->y", [len(self.calls)]).apply(circuit)


class HidesThatItReadsWeights(WrongEdit):
    reads_weights: ClassVar[bool] = False

    def apply(self, circuit: Circuit) -> tuple[Circuit, Remap]:
        weakest = int(np.abs(circuit.projection("x->y").weight).argmin())
        return cg.RemoveSlots("x->y", [weakest]).apply(circuit)


@pytest.mark.parametrize(
    ("cls", "message"),
    [
        (TouchesSurvivors, "weights of survivors of 'x->y'"),
        (ForgetsRemap, "6 slots of 'x->y' in the remap, expected 5"),
        (Renumbers, "ids of survivors of 'x->y'"),
        (Shuffles, "changed their order"),
        (RenamesUnits, "unit ids of 'y'"),
        (Rolls, "second application"),
        (HidesThatItReadsWeights, "reads_weights"),
    ],
)
def test_check_edit_finds(cls: type[cg.Edit], message: str) -> None:
    weight = np.array([1.0, 1.1, 1.2, 1.3, 1.4, 0.9], np.float32)  # after learning, the first is the weakest
    circuit = chain().replace_projection("x->y", weight=weight)
    with pytest.raises(AssertionError, match=message):
        testing.check_edit(register(edits, cls)(), circuit)
