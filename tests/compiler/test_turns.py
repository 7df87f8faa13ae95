"""Edits while somebody else is at work: a clear error, and the circuit as it was."""

import copy
import pickle
from collections.abc import Callable, Iterator, Sequence
from threading import Event, Thread

import pytest
import torch
from torch import Tensor

import circuitgraph as cg
from circuitgraph.errors import ShapeError, StateError
from circuitgraph.ir import Circuit, Remap, value
from circuitgraph.neurons.neuron import Columns, Neuron
from circuitgraph.rules import Rule, Signals, Term

INSIDE, GO = Event(), Event()
PATIENCE_S = 20


def hold() -> None:
    """Say that we are inside, and stay there until told to go."""
    INSIDE.set()
    assert GO.wait(PATIENCE_S)


@value
class Holding(Neuron):
    def drive(self, ports: Columns, memory: Columns, *, training: bool) -> tuple[Tensor, dict[str, Tensor]]:
        hold()
        return ports["in"], {}


@value
class HoldingRule(Rule):
    def terms(self, signals: Signals) -> Sequence[Term]:
        hold()
        assert signals.y is not None
        return [Term(signals.y, signals.x)]

    @classmethod
    def examples(cls) -> list[Rule]:
        return [cls(0.1)]


@value
class HoldingEdit(cg.Edit):
    def apply(self, circuit: Circuit) -> tuple[Circuit, Remap]:
        hold()
        return cg.RemoveSlots("x->y", [0]).apply(circuit)

    @classmethod
    def examples(cls) -> list[tuple[cg.Edit, Circuit]]:
        return []


@pytest.fixture(autouse=True)
def _nobody_inside() -> Iterator[None]:
    INSIDE.clear()
    GO.clear()
    yield
    GO.set()


def live(neuron: Neuron | None = None, rule: Rule | None = None) -> cg.Network:
    circuit = cg.Circuit().add("x", 3).connect("x", "y", cg.Dense(), units=2, neuron=neuron, rule=rule, rng=0)
    return cg.compile(circuit)


def meanwhile(work: Callable[[], object], then: Callable[[], None]) -> None:
    """Do something while another thread is held inside its work, and then let that finish."""
    failed: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except StateError as error:  # shown by the assertion below
            failed.append(error)

    thread = Thread(target=run, daemon=True)
    thread.start()
    try:
        assert INSIDE.wait(PATIENCE_S)
        then()
    finally:
        GO.set()
        thread.join(PATIENCE_S)
    assert not thread.is_alive()
    assert not failed


@pytest.mark.parametrize("what", ["step", "run", "forward"])
def test_an_edit_while_a_step_runs_is_refused_and_the_circuit_is_as_it_was(what: str) -> None:
    net, x = live(Holding()), torch.ones(1, 3)
    before, kernel = net.snapshot(), net.kernels["x->y"]
    work = {"step": lambda: net.step(x), "run": lambda: net.run(x[None]), "forward": lambda: net(x)}[what]

    def then() -> None:
        for change in (lambda: net.edit(cg.RemoveSlots("x->y", [0])), net.undo):
            with pytest.raises(StateError, match=r"at work \(got"):
                change()

    meanwhile(work, then)
    assert net.snapshot() == before
    assert net.kernels["x->y"] is kernel
    assert not net.log.entries
    assert net.edit(cg.RemoveSlots("x->y", [0])).slots["x->y"].tolist() == [1, 2, 3, 4, 5]


def test_an_edit_while_rules_learn_is_refused_and_learning_ends_well() -> None:
    net = live(rule=HoldingRule(0.5))
    state, before = net.step(torch.ones(1, 3)), net.weights["x->y"].detach().clone()

    def then() -> None:
        with pytest.raises(StateError, match="between steps"):
            net.edit(cg.Grow("y", 1))

    meanwhile(lambda: net.learn(state), then)
    torch.testing.assert_close(net.weights["x->y"], before + 0.5 * state["y"][0].repeat_interleave(3))


def test_a_step_while_an_edit_runs_is_refused_and_the_edit_ends_well() -> None:
    net, x = live(), torch.ones(1, 3)
    state = net.step(x)

    def then() -> None:
        for work in (lambda: net.step(x), lambda: net.learn(state), lambda: net.edit(cg.Tidy())):
            with pytest.raises(StateError, match="being edited"):
                work()

    meanwhile(lambda: net.edit(HoldingEdit()), then)
    assert net.circuit.n_slots == 5
    assert net(x).shape == (1, 2)


def test_steps_run_side_by_side() -> None:
    net, x = live(Holding()), torch.ones(1, 3)

    def then() -> None:
        GO.set()
        assert net(x).shape == (1, 2)

    meanwhile(lambda: net.step(x), then)


def test_what_fails_leaves_its_turn() -> None:
    net = live()
    with pytest.raises(ShapeError):
        net.step(torch.ones(1, 4))
    with pytest.raises(ShapeError):
        net.edit(cg.RemoveUnits("y", [7]))
    net.edit(cg.Grow("y", 1))
    assert net(torch.ones(1, 3)).shape == (1, 3)


def test_a_copy_made_in_the_middle_of_a_step_starts_with_nobody_at_work() -> None:
    net = live(Holding())
    copies: list[cg.Network] = []
    meanwhile(
        lambda: net.step(torch.ones(1, 3)),
        lambda: copies.extend([copy.deepcopy(net), pickle.loads(pickle.dumps(net))]),
    )
    for other in copies:
        assert not other.edit(cg.RemoveSlots("x->y", [0])).is_identity
