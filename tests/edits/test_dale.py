"""Dale's law: separate populations, fixed signs."""

from pathlib import Path

import numpy as np
import pytest
import torch

import circuitgraph as cg
from circuitgraph.edits import Dale, LateralInhibition
from circuitgraph.errors import NumericError, ShapeError, StructureError


def chain(n: int = 10, **y: object) -> cg.Circuit:
    given = {"neuron": cg.ReLU()} | y
    circuit = cg.Circuit().add("x", 4).connect("x", "y", cg.Dense(), units=n, **given)  # type: ignore[arg-type]
    return circuit.connect("y", "z", cg.Dense(), units=3)


def signs_hold(circuit: cg.Circuit) -> bool:
    signed = [p for p in circuit.projections if p.sign]
    return bool(signed) and all((p.sign * p.weight >= 0).all() for p in signed)


def test_units_are_split_with_their_ids_attributes_memory_and_incoming_weights() -> None:
    start = chain().replace_population(
        "y", ids=np.arange(10, 20), attributes={"k": np.arange(10)}, neuron=cg.neurons.Homeostatic(),
        memory={"threshold": np.arange(10.0, dtype=np.float32), "rate": np.zeros(10, np.float32)},
    )  # fmt: skip
    circuit, remap = Dale("y", units=[7, 2]).apply(start)
    e, i = circuit.population("y_e"), circuit.population("y_i")
    assert i.unit_ids.tolist() == [12, 17]
    assert i.attributes["k"].tolist() == i.memory["threshold"].tolist() == [2, 7]
    assert e.unit_ids.tolist() == [10, 11, 13, 14, 15, 16, 18, 19]
    w = start.projection("x->y").weight.reshape(10, 4)
    assert np.array_equal(circuit.projection("x->y_i").weight.reshape(2, 4), w[[2, 7]])
    assert circuit.projection("x->y_i").slot_ids.tolist() == [8, 9, 10, 11, 28, 29, 30, 31]
    assert [p.name for p in circuit.populations] == ["x", "y_e", "y_i", "z"]
    assert remap.removed == {"y", "x->y", "y->z"}


def test_the_network_computes_what_loops_over_signed_weights_compute() -> None:
    start = chain(5).connect("y", "y", cg.Dense(), delay=1)
    circuit, _ = Dale("y", 0.4, gain=2.0).apply(start)
    w_in, w_out, w_back = (start.projection(n).weight.astype(float) for n in ("x->y", "y->z", "y->y"))
    sign = [1.0, 1.0, 1.0, -2.0, -2.0]
    x = torch.randn(3, 2, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    got = cg.compile(circuit, dtype=torch.float64).run(x)[0]
    for b in range(2):
        y = [0.0] * 5
        for t in range(3):
            drive = [
                sum(w_in[j * 4 + i] * float(x[t, b, i]) for i in range(4))
                + sum(sign[i] * abs(w_back[j * 5 + i]) * y[i] for i in range(5))
                for j in range(5)
            ]
            y = [max(u, 0.0) for u in drive]
            expected = [sum(sign[i] * abs(w_out[k * 5 + i]) * y[i] for i in range(5)) for k in range(3)]
            np.testing.assert_allclose(got[t, b].detach(), expected, rtol=1e-5, atol=1e-6)


def test_a_recurrent_projection_becomes_four_whose_signs_are_those_of_their_senders() -> None:
    circuit, _ = Dale("y").apply(chain().connect("y", "y", cg.Dense(), delay=1, name="loop"))
    found = {p.name: (p.pre, p.post, p.sign, p.delay) for p in circuit.projections if p.name.startswith("loop")}
    assert found == {
        "loop_e_e": ("y_e", "y_e", 1, 1), "loop_e_i": ("y_e", "y_i", 1, 1),
        "loop_i_e": ("y_i", "y_e", -1, 1), "loop_i_i": ("y_i", "y_i", -1, 1),
    }  # fmt: skip
    assert signs_hold(circuit)


def test_excitation_and_inhibition_balance_at_birth() -> None:
    circuit, _ = Dale("y").apply(chain(1000))
    e, i = circuit.projection("y_e->z"), circuit.projection("y_i->z")
    assert (e.n_slots, i.n_slots) == (2400, 600)
    assert abs(e.weight.sum() + i.weight.sum()) < 0.1 * e.weight.sum()


@pytest.mark.parametrize("make", [lambda p: torch.optim.SGD(p, lr=0.5), lambda p: torch.optim.Adam(p, lr=0.1)])
def test_signs_hold_while_trained_by_gradient(make: object) -> None:
    net = cg.compile(Dale("y").apply(chain())[0])
    optimiser = make(net.parameters())  # type: ignore[operator]
    rng = torch.Generator().manual_seed(0)
    x, target = torch.randn(64, 4, generator=rng), torch.randn(64, 3, generator=rng)
    losses, crossed = [], False
    for _ in range(40):
        state = net.step(x)
        loss = (state["z"] - target).square().mean()
        optimiser.zero_grad(), loss.backward(), optimiser.step()
        crossed |= bool(net.weights["y_e->z"].min() < 0)
        net.learn(state)
        losses.append(loss.item())
        assert signs_hold(net.snapshot())
    assert crossed
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.parametrize("rule", [cg.Hebb(-0.05), cg.Oja(0.05), cg.SoftHebb(0.2), cg.Hebb(0.1, unit_norm=True)])
def test_signs_hold_while_trained_by_rules(rule: cg.Rule) -> None:
    start = chain().replace_projection("y->z", rule=rule)
    net = cg.compile(Dale("y").apply(start)[0])
    before = {n: w.clone() for n, w in net.weights.items()}
    for step in range(20):
        net.learn(net.step(torch.randn(16, 4, generator=torch.Generator().manual_seed(step))))
        assert signs_hold(net.snapshot())
    assert not torch.equal(net.weights["y_e->z"], before["y_e->z"])
    assert not torch.equal(net.weights["y_i->z"], before["y_i->z"])


def test_signs_survive_files_edits_and_a_live_network(tmp_path: Path) -> None:
    net = cg.compile(chain())
    net.edit(Dale("y"))
    net.edit(cg.RemoveSlots("y_i->z", [0, 3]))
    circuit = net.snapshot()
    assert circuit.projection("y_i->z").sign == -1
    cg.save(circuit, tmp_path / "c.safetensors")
    assert cg.load(tmp_path / "c.safetensors") == circuit
    assert "sign -1" in str(circuit)


def test_pooling_follows_within_its_part() -> None:
    circuit = cg.Circuit().add("x", (1, 4, 4)).connect("x", "y", cg.Conv(3, padding=1), units=4, neuron=cg.ReLU())
    circuit, _ = Dale("y", 0.5).apply(circuit.connect("y", "p", cg.Pool(2)).connect("p", "z", cg.Dense(), units=2))
    wired = {(p.pre, p.post): p.sign for p in circuit.projections}
    assert wired == {
        ("x", "y_e"): 0, ("x", "y_i"): 0, ("y_e", "p_e"): 1, ("y_i", "p_i"): 1, ("p_e", "z"): 1, ("p_i", "z"): -1
    }  # fmt: skip
    more = cg.compile(circuit)(torch.rand(2, 1, 4, 4, generator=torch.Generator().manual_seed(0)))
    assert torch.isfinite(more).all()


def test_learned_inhibition_may_come_from_the_inhibitory_part_alone() -> None:
    inhibited, _ = LateralInhibition("y", strength=0.1).apply(chain())
    with pytest.raises(StructureError, match=r"y_lateral.*cannot change its sign"):
        Dale("y").apply(inhibited)
    split, _ = Dale("y").apply(chain())
    wired = split.connect("y_i", "y_e", cg.Dense(), delay=1, weight=-0.1, sign=-1)
    assert signs_hold(wired)


@pytest.mark.parametrize(
    ("circuit", "message"),
    [
        (chain(neuron=None), "may be negative"),
        (chain(neuron=cg.BatchNorm()), "may be negative"),
        (cg.Circuit().add("y", 4, cg.ReLU()), "input"),
        (cg.Circuit().add("x", 2).connect("x", "y", cg.Dense(), units=4, neuron=cg.ReLU()), "nobody"),
        (chain().add("w", 10).connect("w", "y", cg.OneToOne()), "one to one"),
        (chain().replace_projection("y->z", fixed=True), "fixed weights of both signs"),
        (chain().add("y_e", 2), "taken"),
    ],
    ids=["linear", "batch norm", "input", "output", "tied", "fixed", "taken"],
)
def test_what_cannot_be_split_is_refused(circuit: cg.Circuit, message: str) -> None:
    with pytest.raises(StructureError, match=message):
        Dale("y").apply(circuit)


@pytest.mark.parametrize(
    "arguments", [{"share": 0}, {"share": 1.0}, {"gain": 0.0}, {"units": [1, 1]}, {"units": [0.5]}], ids=str
)
def test_bad_arguments_are_refused_at_once(arguments: dict[str, object]) -> None:
    with pytest.raises(ShapeError, match="Dale"):
        Dale("y", **arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("edit", [Dale("y", 0.01), Dale("y", units=range(10)), Dale("y", units=[10])], ids=str)
def test_a_part_without_units_and_units_out_of_range_are_refused(edit: Dale) -> None:
    with pytest.raises(ShapeError, match="unit"):
        edit.apply(chain())


def test_weights_against_a_sign_and_bad_signs_are_refused() -> None:
    start = cg.Circuit().add("x", 2)
    with pytest.raises(NumericError, match=r"-1.0 at slot 1, expected sign \+1"):
        start.connect("x", "y", cg.Dense(), units=1, weight=[1.0, -1.0], sign=1)
    with pytest.raises(StructureError, match="bad sign"):
        start.connect("x", "y", cg.Dense(), units=1, sign=2)
    drawn = start.connect("x", "y", cg.Dense(), units=50, sign=-1).projection("x->y")
    assert drawn.weight.max() <= 0
    assert np.unique(drawn.weight).size == 100


def test_what_a_rule_keeps_goes_to_every_piece_of_its_projection() -> None:
    wired = cg.Circuit().add("x", 3).connect("x", "y", cg.Dense(), units=4, neuron=cg.ReLU(), rule=cg.BCM(0.1))
    net = cg.compile(wired.connect("y", "z", cg.Dense(), units=2, rule=cg.BCM(0.1)))
    net.learn(net.step(torch.rand(5, 3)))
    before = net.snapshot()
    after, _ = cg.Dale("y", 0.25).apply(before)
    theta = before.population("y").memory["x->y theta"]
    assert after.population("y_e").memory["x->y_e theta"].tolist() == theta[:3].tolist()
    assert after.population("y_i").memory["x->y_i theta"].tolist() == theta[3:].tolist()
    kept = before.population("z").memory["y->z theta"].tolist()
    found = after.population("z").memory
    assert {key: v.tolist() for key, v in found.items()} == {"y_e->z theta": kept, "y_i->z theta": kept}
