"""Pruning live networks and circuits: exact, carried, and gone."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import circuitgraph as cg
from circuitgraph.errors import DataError, ShapeError, StructureError, UnknownNameError
from circuitgraph.structural import (
    Activity,
    Amount,
    Count,
    Cubic,
    ErdosRenyiKernel,
    Fraction,
    Global,
    HebbianTrace,
    Magnitude,
    Prune,
    Random,
    Saliency,
    Threshold,
    ToDensity,
)


def chain(**how: object) -> cg.Network:
    circuit = cg.Circuit().add("x", 6).connect("x", "h", cg.Dense(), units=5, neuron=cg.ReLU())
    return cg.compile(circuit.connect("h", "y", cg.Dense(), units=3), **how)


def conv() -> cg.Network:
    circuit = cg.Circuit().add("x", (2, 6, 6)).connect("x", "a", cg.Conv(3, padding=1), units=4, neuron=cg.ReLU())
    circuit = circuit.connect("a", "b", cg.Conv(3, padding=1, groups=4), neuron=cg.ReLU()).connect("b", "p", cg.Pool(2))
    return cg.compile(circuit.connect("p", "y", cg.Dense(), units=3))


def data() -> list[torch.Tensor]:
    return [torch.randn(8, 6, generator=torch.Generator().manual_seed(s)) for s in (0, 1)]


def weights(net: cg.Network) -> dict[str, torch.Tensor]:
    return {n: w.detach().clone() for n, w in net.weights.items()}


AMOUNTS = st.one_of(
    st.builds(Count, st.integers(0, 14)),
    st.builds(Fraction, st.floats(0, 0.99)),
    st.builds(ToDensity, st.floats(0.1, 1)),
    st.builds(Global, st.builds(Fraction, st.floats(0, 0.95))),
    st.builds(Global, st.builds(Count, st.integers(0, 40)), normalize=st.sampled_from(["sum", "max", "norm"])),
    st.builds(ErdosRenyiKernel, st.floats(0.1, 1)),
)


@settings(max_examples=60, deadline=None)
@given(AMOUNTS, st.integers(0, 5))
def test_a_pruned_network_has_the_count_asked_for_and_survivors_bit_for_bit(amount: Amount, seed: int) -> None:
    net = chain()
    before, prune = weights(net), Prune(Random(seed), amount)
    expected = prune.apply(net.circuit)[0]
    remap = prune(net)
    assert net.snapshot() == expected
    for name, w in net.weights.items():
        keep = remap.slots.get(name, np.arange(len(before[name])))
        assert torch.equal(w, before[name][torch.tensor(keep)])
        assert len(w) == len(keep) == net.circuit.projection(name).n_slots
    if isinstance(amount, Count):
        assert [len(w) for w in net.weights.values()] == [30 - amount.n, 15 - amount.n]
    elif isinstance(amount, Global) and isinstance(amount.amount, Count):
        assert net.circuit.n_slots == 45 - amount.amount.n
    elif isinstance(amount, ErdosRenyiKernel):
        assert net.circuit.n_slots == round(amount.density * 45)


def test_the_weakest_go_and_the_output_is_that_of_zeroed_weights() -> None:
    net = chain()
    zeroed = chain()
    with torch.no_grad():
        w = zeroed.weights["x->h"]
        w[w.abs().argsort()[:10]] = 0
    Prune(Magnitude(), Count(10), projections="x->h")(net)
    x = data()[0]
    torch.testing.assert_close(net(x), zeroed(x))
    assert net.circuit.projection("x->h").n_slots == 20
    assert net.circuit.projection("h->y").n_slots == 15


@pytest.mark.parametrize("score", [Magnitude(), Random(3), Activity(), HebbianTrace(), Saliency()])
def test_the_same_pruning_twice_is_the_same(score: object) -> None:
    remaps = []
    for _ in range(2):
        net = chain()
        remaps.append(Prune(score, Fraction(0.5))(net, data(), loss=lambda y: y.square().mean()))  # type: ignore[arg-type]
    assert remaps[0] == remaps[1]
    assert not remaps[0].is_identity


def test_another_generator_makes_another_choice() -> None:
    first, second, third = (Prune(Random(), Count(7))(chain(), rng=rng) for rng in (1, 2, np.random.default_rng(2)))
    assert first != second
    assert second != third


def test_what_is_removed_is_what_the_score_values_least_on_data() -> None:
    net = chain()
    with torch.no_grad():
        net.weights["x->h"].view(5, 6)[2] = -net.weights["x->h"].view(5, 6)[2].abs()
    positive = [x.abs() for x in data()]
    Prune(Activity(), Threshold(1e-9), units=True)(net, positive)
    assert 2 not in net.circuit.population("h").unit_ids
    x = positive[0]
    silent = [u for u in range(5) if u not in net.circuit.population("h").unit_ids]
    assert not chain().step(x)["h"][:, [u for u in silent if u != 2]].any()


def test_an_optimiser_goes_on_after_several_projections_were_pruned_at_once() -> None:
    net = chain()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    net(data()[0]).square().mean().backward()
    optimizer.step()
    moments = {n: optimizer.state[w]["exp_avg"].clone() for n, w in net.weights.items()}
    remap = Prune(Magnitude(), Global(Fraction(0.5)))(net)
    cg.carry(optimizer, remap)
    for name, w in net.weights.items():
        assert torch.equal(optimizer.state[w]["exp_avg"], moments[name][torch.tensor(remap.slots[name])])
    optimizer.zero_grad()
    net(data()[0]).square().mean().backward()
    optimizer.step()
    assert len(net.log.entries) == 1


def test_removing_nothing_says_so_and_compiles_nothing() -> None:
    net = chain()
    before = copy.copy(dict(net.weights.items())), net.plan, dict(net.kernels.items())
    for prune in (Prune(Magnitude(), Count(0)), Prune(Magnitude(), Fraction(0.0), units=True)):
        assert prune(net).is_identity
        assert prune.apply(net.circuit) == (net.circuit, cg.Remap())
    assert all(net.weights[n] is w for n, w in before[0].items())
    assert net.plan is before[1]
    assert all(net.kernels[n] is k for n, k in before[2].items())
    assert [e.changed for e in net.log.entries] == [False, False]


def test_the_log_says_what_pruned() -> None:
    net = chain()
    Prune(Magnitude(), Count(1))(net)
    Prune(Magnitude(), Count(1))(net, reason="thrift")
    assert [e.reason for e in net.log.entries] == ["Prune(score=Magnitude(), amount=Count(n=1))", "thrift"]
    assert net.log.replay(chain().circuit).fingerprint == net.circuit.fingerprint


def test_fixed_weights_are_left_alone_unless_named() -> None:
    net = conv()
    Prune(Magnitude(), Fraction(0.5))(net)
    assert net.circuit.projection("b->p").n_slots == 4
    Prune(Magnitude(), Count(1), projections=("b->p",))(net)
    assert net.circuit.projection("b->p").n_slots == 3


def test_units_go_with_all_their_slots_and_with_those_tied_to_them() -> None:
    net = conv()
    w = net.weights["x->a"].detach().view(4, -1).abs().sum(1) + net.weights["a->b"].detach().view(4, -1).abs().sum(1)
    keep = sorted(w.argsort()[2:].tolist())
    Prune(Magnitude(), Count(2), units=True)(net)
    for name in "abp":
        assert net.circuit.population(name).unit_ids.tolist() == keep
    assert net.circuit.population("y").n_units == 3
    assert net.circuit.projection("a->b").n_slots == 2 * 9
    assert net(torch.randn(2, 2, 6, 6)).shape == (2, 3)


def test_units_of_outputs_go_only_when_named() -> None:
    net = chain()
    Prune(Magnitude(), Count(1), units=True)(net)
    assert [p.n_units for p in net.circuit.populations] == [6, 4, 3]
    Prune(Magnitude(), Count(1), projections=["h->y"], units=True)(net)
    assert [p.n_units for p in net.circuit.populations] == [6, 4, 2]


def test_a_ramp_reaches_its_density_and_no_less() -> None:
    net, ramp = chain(), Cubic(0, 40, 10, final=0.2)
    prune, densities = Prune(Magnitude(), Global(ToDensity(1.0))), []
    for step in range(50):
        if ramp.due(step):
            prune(net, density=ramp.at(step))
            densities.append(net.circuit.n_slots)
    assert densities == [round(ramp.at(step) * 45) for step in (0, 10, 20, 30, 40)]


def test_the_shape_of_a_conv_is_pruned_slot_by_slot() -> None:
    net = conv()
    x = torch.randn(2, 2, 6, 6, generator=torch.Generator().manual_seed(0))
    twin = cg.compile(Prune(Magnitude(), Fraction(0.7)).apply(net.circuit)[0])
    Prune(Magnitude(), Fraction(0.7))(net)
    torch.testing.assert_close(net(x), twin(x), rtol=0, atol=0)
    assert net.circuit.projection("x->a").n_slots == 72 - round(0.7 * 72)


def refused(prune: Prune, net: cg.Network, error: type[Exception], match: str, *given: object) -> None:
    before, circuit = weights(net), net.circuit
    with pytest.raises(error, match=match):
        prune(net, *given)  # type: ignore[arg-type]
    assert net.circuit is circuit
    assert all(torch.equal(w, before[n]) for n, w in net.weights.items())


def test_what_cannot_be_removed_is_an_error_and_the_network_as_it_was() -> None:
    net = chain()
    refused(Prune(Magnitude(), Count(31)), net, ShapeError, "more than 'x->h' has")
    refused(Prune(Magnitude(), Count(16)), net, ShapeError, "more than 'h->y' has")
    refused(Prune(Magnitude(), Fraction(1.0)), net, StructureError, "disconnect an output")
    refused(Prune(Magnitude(), Global(Count(44))), net, StructureError, "empty")
    refused(Prune(Magnitude(), Count(5), units=True), net, StructureError, "no unit would be left")
    refused(Prune(Magnitude(), ToDensity(0.5), units=True), net, StructureError, "no whole")
    refused(Prune(Magnitude(), Count(1), projections="x->w"), net, UnknownNameError, "x->w")
    refused(Prune(HebbianTrace(), Count(1)), net, DataError, "no data")
    refused(Prune(Saliency(), Count(1)), net, DataError, "no loss", data())
    with pytest.raises(DataError, match="shows no activity"):
        Prune(Activity(), Count(1)).apply(net.circuit)


def test_a_projection_may_be_emptied_where_another_reaches_the_output() -> None:
    circuit = chain().circuit.connect("x", "y", cg.Dense(), name="skip")
    pruned, _ = Prune(Magnitude(), Fraction(1.0), projections="skip").apply(circuit)
    assert pruned.projection("skip").n_slots == 0
    assert cg.compile(pruned)(data()[0]).shape == (8, 3)


@pytest.mark.parametrize("parts", [("magnitude", Count(1)), (Magnitude(), 0.5), (Magnitude, Count(1))])
def test_what_is_no_score_or_amount_is_refused_at_once(parts: tuple[object, object]) -> None:
    with pytest.raises(StructureError, match="Prune: "):
        Prune(*parts)  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_weights_of_any_type_are_pruned(dtype: torch.dtype) -> None:
    net = chain(dtype=dtype)
    Prune(Magnitude(), Fraction(0.5))(net)
    assert [len(w) for w in net.weights.values()] == [15, 7]
    assert {w.dtype for w in net.weights.values()} == {dtype}
