"""Plans: what is printed, and what is checked."""

import pytest
import torch

import circuitgraph as cg
from circuitgraph.compiler.plan import Fire, Plan, Push, make_plan
from circuitgraph.errors import StructureError

PLAN = """\
Plan of one step: inputs image; outputs out_inhibited
  1  fire  image.y                  1x4x4        BatchNorm()
  2  push  image->c1                kernel conv      18 slots, 200 synapses, SoftHebb(learning_rate=0.1)
  3  fire  c1.z                     2x4x4        drive of Triangle()
  4  push  c1->p1                   kernel pool      2 slots, 32 synapses, fixed, then Triangle()
  5  fire  p1.y                     2x2x2        Linear()
  6  push  p1->out                  kernel dense     24 slots, 24 synapses, gradient
  7  push  out->out                 kernel relay     3 slots, 3 synapses, fixed, delay 1
  8  fire  out_inhibited.y          3            Softmax(gain=2.0)
     fused: out, out_inhibitor and out_inhibited are one softmax (gain 2)
     fused: c1 responds behind c1->p1"""


def test_a_plan_reads_like_this() -> None:
    conv = cg.Conv(3, padding=1)
    circuit = cg.Circuit().add("image", (1, 4, 4), cg.BatchNorm())
    circuit = circuit.connect("image", "c1", conv, units=2, neuron=cg.Triangle(), rule=cg.SoftHebb(0.1))
    circuit = circuit.connect("c1", "p1", cg.Pool(2)).connect("p1", "out", cg.Dense(), units=3)
    circuit = circuit.connect("out", "out", cg.OneToOne(), delay=1)
    circuit, _ = cg.Inhibit("out", 2.0).apply(circuit)
    assert str(cg.compile(circuit).plan) == PLAN


def test_every_population_comes_after_all_that_reaches_it_undelayed() -> None:
    circuit = cg.Circuit().add("y", 2).add("x", 2).connect("x", "y", cg.Dense()).connect("y", "x", cg.Dense(), delay=1)
    assert [op.population for op in make_plan(circuit).ops if isinstance(op, Fire)] == ["x", "y"]


def test_inputs_are_what_nothing_reaches_and_outputs_what_reaches_nothing() -> None:
    circuit = (
        cg.Circuit()
        .add("a", 2)
        .add("b", 2)
        .connect("a", "c", cg.Dense(), units=2)
        .connect("c", "c", cg.Dense(), delay=1)
    )
    plan = make_plan(circuit)
    assert (plan.inputs, plan.outputs) == (("a", "b"), ("b", "c"))
    loop = make_plan(
        cg.Circuit().add("a", 2).add("b", 2).connect("a", "b", cg.Dense()).connect("b", "a", cg.Dense(), delay=1)
    )
    assert (loop.inputs, loop.outputs) == (("a",), ("b",))


def test_a_plan_that_reads_before_it_writes_is_refused() -> None:
    circuit = cg.Circuit().add("x", 2).connect("x", "y", cg.Dense(), units=2)
    plan = make_plan(circuit)
    turned = Plan(circuit, plan.ops[::-1], plan.outputs, plan.inputs)
    with pytest.raises(StructureError, match="read before it is written"):
        turned.check()
    pushless = Plan(circuit, tuple(op for op in plan.ops if not isinstance(op, Push)), plan.outputs, plan.inputs)
    pushless.check()
    with pytest.raises(StructureError, match="output 'y' is never written"):
        Plan(circuit, plan.ops[:2], plan.outputs, plan.inputs).check()


def test_the_plan_of_a_moved_network_is_the_same_text() -> None:
    net = cg.compile(cg.Circuit().add("x", 2).connect("x", "y", cg.Dense(), units=2))
    assert str(net.to(torch.float64).plan) == str(net.plan)
