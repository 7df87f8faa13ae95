"""Stepping: inputs, time, states, types, fusions, forward and gradient."""

import copy
import dataclasses
import re

import numpy as np
import pytest
import torch
from torch import Tensor

import circuitgraph as cg
from circuitgraph.errors import NumericError, ShapeError, StateError, StructureError, UnknownNameError


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def pooled() -> cg.Circuit:
    circuit = cg.Circuit().add("image", (2, 6, 6), cg.BatchNorm())
    circuit = circuit.connect(
        "image", "c1", cg.Conv(3, padding=1, mode="reflect"), units=4, neuron=cg.Triangle(1.4), rule=cg.SoftHebb(0.1)
    )
    circuit = circuit.connect("c1", "p1", cg.Pool(4, 2, 1), neuron=cg.BatchNorm())
    circuit = circuit.connect(
        "p1", "c2", cg.Conv(3, padding=1, groups=2), units=4, neuron=cg.Triangle(), rule=cg.HardWTA(0.1)
    )
    return circuit.connect("c2", "p2", cg.Pool(2, how="mean")).connect("p2", "out", cg.Dense(), units=3)


def recurrent() -> cg.Circuit:
    circuit = cg.Circuit().add("x", 3).connect("x", "h", cg.Dense(), units=4, neuron=cg.ReLU())
    circuit = circuit.connect(
        "h", "h", cg.ErdosRenyi(0.5, self_loops=False), delay=1, weight=cg.normal(0.5), rule=cg.Oja(0.01)
    )
    return circuit.connect("h", "y", cg.Dense(), units=2, delay=3).connect(
        "x", "y", cg.Dense(), delay=2, name="late", rule=cg.Hebb(0.01)
    )


def graph() -> cg.Circuit:
    edges = [0, 1, 2, 3, 3], [1, 2, 0, 0, 3]
    circuit = (
        cg.Circuit().add("x", (2, 4)).connect("x", "m", cg.GraphEdges(*edges), rule=cg.Hebb(0.1, normalize="layer"))
    )
    return circuit.connect("m", "f", cg.GraphConv(*edges), units=3, neuron=cg.KWinners(2)).connect(
        "f", "y", cg.Dense(), units=2
    )


def inhibited() -> cg.Circuit:
    circuit = cg.Circuit().add("x", (3, 4)).connect("x", "y", cg.Conv(1), units=3, rule=cg.SoftHebb(0.1))
    return cg.Inhibit("y", 0.5).apply(circuit.connect("y", "z", cg.Dense(), units=2))[0]


def pruned() -> cg.Circuit:
    circuit = (
        cg.Circuit().add("x", (2, 5, 5)).connect("x", "y", cg.Conv(3), units=3, neuron=cg.ReLU(), rule=cg.Instar(0.1))
    )
    return cg.RemoveSlots("x->y", range(0, 54, 2)).apply(circuit.connect("y", "p", cg.Pool(3)))[0]


CIRCUITS = [pooled, recurrent, graph, inhibited, pruned]


def series(circuit: cg.Circuit, steps: int = 5) -> Tensor:
    return noise(steps, 3, *circuit.populations[0].shape)


@pytest.mark.parametrize("make", CIRCUITS)
def test_exact_and_fused_networks_compute_and_learn_the_same(make: object) -> None:
    circuit: cg.Circuit = make()  # type: ignore[operator]
    fused, exact = (cg.compile(circuit, dtype=torch.float64, exact=e) for e in (False, True))
    xs = series(circuit)
    torch.testing.assert_close(fused.run(xs, learn=True)[0], exact.run(xs, learn=True)[0], rtol=1e-12, atol=1e-12)
    for (name, a), b in zip(fused.state_dict().items(), exact.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12, msg=name)
    assert set(exact.plan.kernels.values()) == {"reference"}
    assert not exact.plan.notes


@pytest.mark.parametrize("make", CIRCUITS)
def test_a_snapshot_compiles_to_the_same_bits(make: object) -> None:
    circuit: cg.Circuit = make()  # type: ignore[operator]
    net, xs = cg.compile(circuit), series(circuit).float()
    net.run(xs, learn=True)
    home = net.snapshot()
    assert home != circuit
    assert home.fingerprint == circuit.fingerprint
    again = cg.compile(home)
    assert again.snapshot() == home
    for each in (net, again):
        each.eval()
    assert torch.equal(net.run(xs)[0], again.run(xs)[0])


def test_delayed_activity_arrives_that_many_steps_later() -> None:
    circuit = cg.Circuit().add("x", 1).connect("x", "y", cg.Dense(), units=1, delay=2, weight=10.0)
    ys, state = cg.compile(circuit).run(torch.tensor([1.0, 2, 3, 4]).view(4, 1, 1))
    assert ys.flatten().tolist() == [0, 0, 10, 20]
    assert [t.item() for t in state.past["x"]] == [4, 3, 2]
    assert state.step == 3


def test_a_population_may_be_its_own_only_input() -> None:
    circuit = cg.Circuit().add("x", 1).connect("x", "x", cg.Dense(), delay=1, weight=0.5)
    ys, _ = cg.compile(circuit).run(torch.tensor([8.0, 0, 0]).view(3, 1, 1))
    assert ys.flatten().tolist() == [8, 4, 2]


def test_what_is_delivered_later_does_not_follow_a_buffer_that_is_filled_again() -> None:
    circuit = cg.Circuit().add("x", 1).connect("x", "y", cg.Dense(), units=1, delay=1, weight=1.0)
    net, buffer = cg.compile(circuit), torch.ones(1, 1)
    state = net.step(buffer)
    buffer.fill_(7.0)
    assert net.step(buffer, state)["y"].item() == 1.0


def test_running_in_two_parts_is_running_at_once() -> None:
    net, xs = cg.compile(recurrent()), series(recurrent(), 6).float()
    whole, _ = net.run(xs)
    first, state = net.run(xs[:2])
    second, _ = net.run(xs[2:], state)
    assert torch.equal(torch.cat([first, second]), whole)


def test_ports_that_nothing_reaches_are_zero() -> None:
    circuit = cg.Circuit().add("x", 2).add("lonely", 3, cg.Divide()).add("w", 2).connect("w", "x", cg.Dense(), delay=1)
    state = cg.compile(circuit).step({"w": torch.ones(4, 2)})
    assert state["lonely"].shape == (4, 3)
    assert not state["lonely"].any()
    assert not state["x"].any()


def test_several_inputs_go_by_name_and_several_outputs_come_by_name() -> None:
    circuit = (
        cg.Circuit()
        .add("a", 2)
        .add("b", 3)
        .connect("a", "y", cg.Dense(), units=2)
        .connect("b", "z", cg.Dense(), units=1)
    )
    net = cg.compile(circuit)
    out = net({"a": torch.ones(5, 2), "b": torch.ones(5, 3)})
    assert {k: tuple(v.shape) for k, v in out.items()} == {"y": (5, 2), "z": (5, 1)}
    ys, _ = net.run({"a": torch.ones(4, 5, 2), "b": torch.ones(4, 5, 3)})
    assert ys["z"].shape == (4, 5, 1)
    with pytest.raises(ShapeError, match=r"a, b.*mapping"):
        net(torch.ones(5, 2))


def test_external_input_adds_to_what_projections_bring() -> None:
    net = cg.compile(cg.Circuit().add("x", 1).connect("x", "y", cg.Dense(), units=1, weight=2.0))
    assert net.step({"x": torch.ones(1, 1), "y": torch.full((1, 1), 5.0)})["y"].item() == 7.0


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (torch.ones(2, 4), ShapeError, r"input of 'x' has another shape \(got \(2, 4\), expected \(B, 3\)\)"),
        (torch.ones(3), ShapeError, "input of 'x'"),
        (torch.tensor(1.0), ShapeError, "input of 'x'"),
        (torch.tensor([[1.0, np.nan, 0]]), NumericError, "NaN"),
        (torch.tensor([[1.0, np.inf, 0]]), NumericError, "NaN or infinity"),
        (torch.ones(1, 3, dtype=torch.complex64), NumericError, "complex"),
        ({}, ShapeError, "no input"),
        (np.ones((1, 3)), ShapeError, "got ndarray"),
        ({"x": np.ones((1, 3))}, ShapeError, "as_tensor"),
        ({"w": torch.ones(1, 3)}, UnknownNameError, "'w'"),
        ({"x": torch.ones(1, 3), "y": torch.ones(2, 2)}, ShapeError, r"expected \(1, 2\)"),
    ],
)
def test_bad_input_is_refused_where_it_enters(x: object, error: type[Exception], message: str) -> None:
    net = cg.compile(cg.Circuit().add("x", 3).connect("x", "y", cg.Dense(), units=2))
    with pytest.raises(error, match=message):
        net.step(x)  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.bool, torch.float16, torch.float64])
def test_input_is_converted_to_the_type_of_activity(dtype: torch.dtype) -> None:
    net = cg.compile(cg.Circuit().add("x", 3).connect("x", "y", cg.Dense(), units=2))
    given = torch.tensor([[0, 1, 1]]).to(dtype)
    assert net(given).dtype == torch.float32
    assert torch.equal(net(given), net(given.float()))


def test_an_empty_batch_passes() -> None:
    assert cg.compile(pooled()).eval()(torch.zeros(0, 2, 6, 6)).shape == (0, 3)


def test_no_time_step_is_refused() -> None:
    net = cg.compile(recurrent())
    for xs in (torch.zeros(0, 2, 3), []):
        with pytest.raises(ShapeError, match="no time step"):
            net.run(xs)
    with pytest.raises(ShapeError, match="different length"):
        net.run({"x": torch.zeros(3, 2, 3), "y": torch.zeros(2, 2, 2)})


def test_a_state_of_another_circuit_is_refused_with_the_mend() -> None:
    a, b = cg.compile(recurrent()), cg.compile(pooled())
    state = a.step(torch.ones(1, 3))
    for use in (lambda: b.step(torch.ones(2, 2, 6, 6), state), lambda: b.learn(state)):
        with pytest.raises(StateError, match=r"another circuit .*start with step\(x\)"):
            use()


def test_a_state_of_another_batch_is_refused() -> None:
    net = cg.compile(recurrent())
    with pytest.raises(StateError, match="got 2 samples, and an input of 3"):
        net.step(torch.ones(3, 3), net.step(torch.ones(2, 3)))


def test_a_state_lists_its_columns_and_says_what_is_missing() -> None:
    state = cg.compile(inhibited()).step(torch.ones(1, 3, 4))
    assert "y_inhibited" in state
    assert ("y", "in") in set(state)
    assert "y_inhibitor" not in state
    assert "y_inhibited.y (1, 3, 4)" in repr(state)
    with pytest.raises(UnknownNameError, match="keep="):
        state["y_inhibitor"]


def test_detached_states_carry_activity_and_no_gradient() -> None:
    net = cg.compile(recurrent())
    state = net.step(torch.ones(1, 3))
    assert state["h"].requires_grad
    cut = state.detach()
    assert not cut["h"].requires_grad
    assert not cut.past["h"][0].requires_grad
    assert torch.equal(net.step(torch.ones(1, 3), cut)["h"], net.step(torch.ones(1, 3), state)["h"])


@pytest.mark.parametrize(("make", "names"), [(pooled, ["c1"]), (inhibited, ["y"]), (inhibited, ["y_inhibitor"])])
def test_what_is_kept_is_not_fused_away(make: object, names: list[str]) -> None:
    circuit: cg.Circuit = make()  # type: ignore[operator]
    x = series(circuit)[0]
    fused, kept = cg.compile(circuit, dtype=torch.float64), cg.compile(circuit, dtype=torch.float64, keep=names)
    assert fused.plan.notes
    assert not kept.plan.notes
    assert names[0] not in fused.step(x)
    expected = cg.compile(circuit, dtype=torch.float64, exact=True).step(x)[names[0]]
    torch.testing.assert_close(kept.step(x)[names[0]], expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("delay", [0, 1])
def test_softmax_is_not_fused_where_somebody_else_reads_the_drive(delay: int) -> None:
    circuit = inhibited().connect("y", "spy", cg.OneToOne(), delay=delay)
    fused, exact = (cg.compile(circuit, dtype=torch.float64, exact=e) for e in (False, True))
    assert "softmax" not in str(fused.plan)
    xs = series(circuit)
    for name, got in fused.run(xs)[0].items():
        torch.testing.assert_close(got, exact.run(xs)[0][name], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("rule", [cg.Oja(0.1), cg.Hebb(0.1)])
def test_nothing_is_fused_that_a_rule_reads(rule: cg.Rule) -> None:
    for make, name in ((pooled, "image->c1"), (inhibited, "x->y")):
        circuit = make().replace_projection(name, rule=rule)
        assert not cg.compile(circuit).plan.notes


def test_a_motif_whose_weights_are_not_one_is_no_softmax() -> None:
    circuit = inhibited().replace_projection("y->y_inhibitor", weight=[1.0, 1.0, 2.0])
    fused, exact = (cg.compile(circuit, dtype=torch.float64, exact=e) for e in (False, True))
    assert not fused.plan.notes
    x = series(circuit)[0]
    torch.testing.assert_close(fused(x), exact(x), rtol=1e-12, atol=1e-12)


def test_a_response_stays_before_a_pool_with_silent_units() -> None:
    circuit = cg.Circuit().add("x", (2, 4)).connect("x", "e", cg.OneToOne(), neuron=cg.Exponential())
    circuit = circuit.connect("e", "p", cg.Pruned(cg.Pool(2), [0]), weight=1.0)
    x = noise(2, 2, 4)
    fused, exact = (cg.compile(circuit, dtype=torch.float64, exact=e) for e in (False, True))
    torch.testing.assert_close(fused(x), exact(x), rtol=1e-12, atol=1e-12)


def test_external_input_to_a_place_that_was_fused_away_is_refused() -> None:
    x = {"x": torch.ones(1, 3, 4), "y_inhibitor": torch.ones(1, 1, 4)}
    with pytest.raises(StructureError, match="fusion took its place"):
        cg.compile(inhibited()).step(x)
    plain, driven = (cg.compile(inhibited(), keep=["y_inhibitor"]).step(i)["y_inhibited"] for i in ({"x": x["x"]}, x))
    assert (driven < plain).all()


def test_kernels_can_be_forced_and_all_agree() -> None:
    circuit = cg.Circuit().add("x", 6).connect("x", "y", cg.Dense(), units=4)
    x = noise(3, 6)
    nets = {
        k: cg.compile(circuit, dtype=torch.float64, kernels={"x->y": k})
        for k in ("dense", "embedding-bag", "reference")
    }
    for kernel, net in nets.items():
        assert net.plan.kernels == {"x->y": kernel}
        torch.testing.assert_close(net(x), nets["reference"](x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("how", "error"),
    [
        ({"keep": ["nobody"]}, UnknownNameError),
        ({"kernels": {"nothing": "dense"}}, UnknownNameError),
        ({"kernels": {"x->y": "nothing"}}, UnknownNameError),
        ({"kernels": {"x->y": "conv"}}, StructureError),
        ({"device": "abacus"}, UnknownNameError),
        ({"dtype": torch.int32}, NumericError),
        ({"activity_dtype": torch.uint8}, NumericError),
    ],
)
def test_what_compile_cannot_do_it_refuses(how: dict[str, object], error: type[Exception]) -> None:
    with pytest.raises(error):
        cg.compile(cg.Circuit().add("x", 3).connect("x", "y", cg.Dense(), units=2), **how)  # type: ignore[arg-type]


def test_circuits_that_cannot_run_are_refused() -> None:
    with pytest.raises(StructureError, match="empty"):
        cg.compile(cg.Circuit())
    with pytest.raises(StructureError, match="no port 'shunt'"):
        cg.compile(cg.Circuit().add("x", 2).connect("x", "y", cg.Dense(), units=2, port="shunt"))
    with pytest.raises(StructureError, match=r"'train'.*choose another"):
        cg.compile(cg.Circuit().add("train", 2))
    wrong = dataclasses.replace(cg.Circuit().add("x", 3, cg.BatchNorm()).population("x"), memory={"mean": np.zeros(2)})
    with pytest.raises(ShapeError, match=r"memory 'mean'.*got \(2,\), expected \(3,\)"):
        cg.compile(cg.Circuit((wrong,), ()))


def test_activity_can_be_narrower_than_weights() -> None:
    net = cg.compile(pooled(), activity_dtype=torch.bfloat16)
    state = net.step(torch.rand(4, 2, 6, 6, generator=torch.Generator().manual_seed(0)))
    assert {t.dtype for (_, c), t in state.columns.items() if c in ("in", "y")} == {torch.bfloat16}
    net.learn(state)
    assert {t.dtype for t in net.state_dict().values()} == {torch.float32}


def test_activity_takes_the_widest_type_of_the_weights() -> None:
    circuit = (
        cg.Circuit()
        .add("x", (1, 4))
        .connect("x", "p", cg.Pool(2))
        .connect("p", "y", cg.Dense(), units=1, weight=np.ones(2))
    )
    net = cg.compile(circuit)
    assert net(torch.ones(1, 1, 4)).dtype == torch.float64
    assert net.float()(torch.ones(1, 1, 4)).dtype == torch.float32


def test_networks_copy_move_and_load_like_any_module() -> None:
    net = cg.compile(recurrent())
    twin = copy.deepcopy(net)
    xs = series(recurrent()).float()
    net.run(xs, learn=True)
    assert not torch.equal(net.weights["late"], twin.weights["late"])
    assert "weights.x->h" in net.state_dict()
    twin.load_state_dict(net.state_dict())
    assert torch.equal(twin.run(xs)[0], net.run(xs)[0])
    assert twin.to(torch.float64).run(xs)[0].dtype == torch.float64


def test_a_state_dict_holds_weights_and_memory_alone() -> None:
    names = {re.sub(r"\..*", "", k) for k in cg.compile(pooled()).state_dict()}
    assert names == {"weights", "memory"}


def test_loading_weights_that_the_plan_takes_to_be_one_is_refused() -> None:
    net = cg.compile(pooled())
    other = {k: v * 2 for k, v in net.state_dict().items()}
    with pytest.raises(StructureError, match="fixed weights of 'c1->p1'"):
        net.load_state_dict(other)


def test_eval_changes_nothing_and_depends_on_no_other_sample() -> None:
    net = cg.compile(pooled())
    net.learn(net.step(series(pooled())[0].float()))
    net.eval()
    before = copy.deepcopy(net.state_dict())
    x = series(pooled())[1].float()
    torch.testing.assert_close(net(x)[:1], net(x[:1]))
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())


def test_a_network_of_no_projection_passes_its_input_on() -> None:
    net = cg.compile(cg.Circuit().add("x", 2, cg.ReLU()))
    assert net(torch.tensor([[-1.0, 1.0]])).tolist() == [[0.0, 1.0]]
    assert net.device == torch.device("cpu")
    assert "2 neurons" in repr(net)


def test_a_batch_of_nothing_teaches_nothing() -> None:
    rule, neuron = cg.BCM(0.1), cg.Homeostatic()
    net = cg.compile(cg.Circuit().add("x", 3).connect("x", "y", cg.Dense(), units=2, neuron=neuron, rule=rule))
    before = net.snapshot()
    net.train().learn(net.step(torch.zeros(0, 3)))
    assert net.snapshot() == before
    net.learn(net.step(torch.ones(4, 3)))
    assert net.snapshot() != before


def test_a_process_without_samples_takes_part_in_the_mean() -> None:
    """It has to be heard by the others, whose sums wait for it, and says what it knew before."""
    summed: list[torch.Tensor] = []
    net = cg.compile(cg.Circuit().add("x", 3).connect("x", "y", cg.Dense(), units=2, rule=cg.BCM(0.1)))
    before = {key: v.clone() for key, v in net.memory["y"].values.items()}
    net.train().learn(net.step(torch.zeros(0, 3)), reduce=summed.append)
    assert summed
    assert all(torch.equal(before[key], v) for key, v in net.memory["y"].values.items())
