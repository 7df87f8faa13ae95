"""Lateral inhibition as wiring: centre-surround over sites, over units on a sheet, and learned."""

import math

import numpy as np
import pytest
import torch

import circuitgraph as cg
from circuitgraph.edits import CentreSurround, LateralInhibition, SheetInhibition
from circuitgraph.errors import NumericError, ShapeError, StructureError
from circuitgraph.rules import AntiHebb
from circuitgraph.topologies import Lateral


def sites(*shape: int) -> cg.Circuit:
    return cg.Circuit().add("x", shape).connect("x", "y", cg.OneToOne()).connect("y", "z", cg.OneToOne())


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def surrounded(edit: CentreSurround, u: np.ndarray, beyond: str) -> np.ndarray:
    """Convolve one unit's 2-D map with the edit's kernel, by loops."""
    kernel, out = edit.kernel(2).astype(np.float64), np.zeros_like(u)
    (rows, columns), half = u.shape, len(kernel) // 2
    for r, c, a, b in np.ndindex(rows, columns, *kernel.shape):
        row, column = r + a - half, c + b - half
        if beyond == "reflect":
            row, column = rows - 1 - abs(rows - 1 - abs(row)), columns - 1 - abs(columns - 1 - abs(column))
        out[r, c] += kernel[a, b] * u[row % rows, column % columns]
    return out


@pytest.mark.parametrize("mode", ["reflect", "circular"])
def test_a_following_population_is_the_rectified_convolution(mode: str) -> None:
    edit = CentreSurround("y", 0.6, 1.1, 1.2, 0.8, mode=mode)  # type: ignore[arg-type]
    circuit, remap = edit.apply(sites(2, 6, 7))
    x = noise(3, 2, 6, 7)
    y = cg.compile(circuit, activity_dtype=torch.float64)(x)
    for b, unit in np.ndindex(3, 2):
        u = x[b, unit].numpy()
        np.testing.assert_allclose(y[b, unit], np.maximum(u + surrounded(edit, u, mode), 0), atol=1e-6)
    assert circuit.projection("y->z").pre == "y_inhibited"
    assert remap.is_identity


def test_with_a_delay_the_population_hears_its_own_past() -> None:
    edit = CentreSurround("y", 0.6, 1.1, strength=0.5, delay=1)
    net = cg.compile(edit.apply(sites(1, 5, 5))[0], activity_dtype=torch.float64)
    x = noise(1, 1, 5, 5)
    first = net.step(x)
    second = net.step(x, first)
    expected = x[0, 0].numpy() + surrounded(edit, first["y"][0, 0].numpy(), "reflect")
    np.testing.assert_allclose(second["y"][0, 0], expected, atol=1e-6)


def test_it_runs_as_one_depthwise_convolution() -> None:
    circuit, _ = CentreSurround("y", 0.6, 1.1, lateral_kernel=5).apply(sites(16, 32, 32))
    p = circuit.projection("y_surround")
    assert p.fixed
    assert p.n_slots == 16 * 25
    assert cg.compile(circuit).plan.kernels["y_surround"] == "conv"


@pytest.mark.parametrize("mode", ["reflect", "circular"])
@pytest.mark.parametrize("delay", [0, 1])
def test_what_is_the_same_everywhere_is_not_excited_and_neighbours_are_inhibited(mode: str, delay: int) -> None:
    edit = CentreSurround("y", 0.35, 1.5, 1.1, 0.4, delay=delay, mode=mode)  # type: ignore[arg-type]
    circuit, _ = edit.apply(sites(1, 8, 8))
    name = "y" if delay else "y_inhibited"
    net = cg.compile(circuit, keep=[name])

    def response(x: torch.Tensor) -> torch.Tensor:
        state = net.step(x)
        return net.step(x, state)[name][0, 0]

    even = torch.ones(1, 1, 8, 8)
    torch.testing.assert_close(response(even), torch.full((8, 8), 1 - 0.4 * 0.1))
    bright = even.clone()
    bright[0, 0, 4, 4] = 5
    change = response(bright) - response(even)
    assert change[4, 4] > 4  # the centre excites itself
    assert all(change[r, c] < 0 for r, c in ((3, 4), (5, 4), (4, 3), (4, 5), (2, 4), (3, 3)))


def test_every_neuron_hears_weights_whose_sum_is_at_most_zero() -> None:
    for edit in (
        CentreSurround("y", 0.4, 0.9),
        CentreSurround("y", 1.2, 1.3, lateral_kernel=5, strength=7.3),
        CentreSurround("y", 0.4, 1.5, 3.0, mode="zeros"),
    ):
        circuit, _ = edit.apply(sites(2, 7, 6))
        table, w = circuit.synapses("y_surround"), circuit.projection("y_surround").weight.astype(float)
        sums = [math.fsum(w[table.slot[table.post == n]].tolist()) for n in range(2 * 7 * 6)]
        assert -50 < max(sums) <= 0


def test_a_border_that_would_excite_is_refused() -> None:
    with pytest.raises(StructureError, match=r"excite at a border .*reflect"):
        CentreSurround("y", 0.6, 1.1, mode="zeros").apply(sites(1, 9, 9))


def test_gradients_pass_through_and_leave_fixed_weights_alone() -> None:
    circuit, _ = CentreSurround("y", 0.35, 1.0, strength=0.5).apply(sites(1, 5, 5))
    net = cg.compile(circuit)
    x = torch.ones(1, 1, 5, 5, requires_grad=True)
    net(x)[0, 0, 2, 2].backward()
    assert x.grad is not None
    assert x.grad[0, 0, 2, 2] > 1
    assert x.grad[0, 0, 1, 2] < 0
    assert net.weights["y_surround"].grad is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sigma_e": 1.0}, "no surround"),
        ({"surround": 0.5}, "would not inhibit"),
        ({"strength": 0.0}, "strength"),
        ({"lateral_kernel": 4}, "odd"),
        ({"lateral_kernel": 1}, "odd"),
        ({"delay": -1}, "delay"),
        ({"mode": "edge"}, "mode"),
    ],
)
def test_bad_numbers_are_refused_at_once(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        CentreSurround(**{"population": "y", "sigma_e": 0.5, "sigma_i": 1.0} | changes)  # type: ignore[arg-type]


def test_populations_without_room_for_a_surround_are_refused() -> None:
    with pytest.raises(ShapeError, match="SheetInhibition"):
        CentreSurround("x", 0.5, 1.0).apply(cg.Circuit().add("x", 4))
    with pytest.raises(ShapeError, match="padding too wide"):
        CentreSurround("x", 0.5, 1.0).apply(cg.Circuit().add("x", (1, 2, 2)))
    once, _ = CentreSurround("y", 0.5, 1.0).apply(sites(1, 5, 5))
    with pytest.raises(StructureError, match="taken"):
        CentreSurround("y", 0.5, 1.0).apply(once)


def test_units_on_a_sheet_inhibit_those_around_and_know_their_place() -> None:
    edit = SheetInhibition("y", (3, 4), 0.5, 1.0, wrap=True, strength=0.5)
    circuit, _ = edit.apply(cg.Circuit().add("x", 12).connect("x", "y", cg.OneToOne()))
    y, p = circuit.population("y"), circuit.projection("y_lateral")
    assert y.attributes["row"].tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert y.attributes["column"].tolist() == [0, 1, 2, 3] * 3
    net, x = cg.compile(circuit, activity_dtype=torch.float64), noise(2, 12)
    second = net.step(x, net.step(x))["y"]
    law = Lateral((3, 4), 2.0, wrap=True)
    w = law.centre_surround(0.5, 1.0, strength=0.5).astype(float)
    expected = x.numpy().copy()
    for k, (pre, post) in enumerate(zip(*law.listed((12,), (12,)), strict=True)):  # type: ignore[misc]
        expected[:, post] += w[k] * x.numpy()[:, pre]
    np.testing.assert_allclose(second, expected, atol=1e-6)
    assert p.fixed
    assert p.weight.max() <= 0  # a narrow centre is all in the unit itself, which does not hear itself


def test_a_sheet_of_another_size_is_refused() -> None:
    with pytest.raises(ShapeError, match="got 5, expected 6"):
        SheetInhibition("x", (2, 3), 0.5, 1.0).apply(cg.Circuit().add("x", 5))
    with pytest.raises(ShapeError, match="delay"):
        SheetInhibition("x", (2, 3), 0.5, 1.0, delay=0)


def test_learned_inhibition_connects_every_unit_to_all_others_at_the_same_site() -> None:
    flat, _ = LateralInhibition("x").apply(cg.Circuit().add("x", 3))
    assert flat.slots("x_lateral").pre.tolist() == [1, 2, 0, 2, 0, 1]
    conv, _ = LateralInhibition("x").apply(cg.Circuit().add("x", (3, 4, 4)))
    assert conv.projection("x_lateral").n_slots == 6
    table = conv.synapses("x_lateral")
    assert len(table) == 6 * 16
    assert (table.pre % 16 == table.post % 16).all()


@pytest.mark.parametrize("rule", [AntiHebb(0.05, 0.3), cg.Hebb(-0.05), cg.Hebb(0.05), cg.Hebb(-0.1, normalize="layer")])
def test_learned_inhibition_never_excites_whatever_the_rule(rule: cg.Rule) -> None:
    circuit = cg.Circuit().add("x", 4, cg.ReLU())
    net = cg.compile(LateralInhibition("x", rule, strength=0.05).apply(circuit)[0])
    state, start = None, net.weights["x_lateral"].clone()
    for step in range(20):
        state = net.step(torch.randn(8, 4, generator=torch.Generator().manual_seed(step)), state)
        net.learn(state)
        assert net.weights["x_lateral"].max() <= 0
    assert not torch.equal(net.weights["x_lateral"], start)
    assert net.snapshot().projection("x_lateral").sign == -1


def test_inhibition_trained_by_gradient_stays_inhibition_once_learn_has_been_called() -> None:
    edit = LateralInhibition("x", topology=Lateral((2, 2), 1.0), strength=0.05)
    net = cg.compile(edit.apply(cg.Circuit().add("x", 4, cg.ReLU()))[0])
    optimiser = torch.optim.SGD(net.parameters(), lr=1.0)
    x = torch.rand(2, 8, 4, generator=torch.Generator().manual_seed(0))
    y, state = net.run(x)
    (-y.sum()).backward()  # asks for excitation
    optimiser.step()
    assert net.weights["x_lateral"].max() > 0
    with pytest.raises(NumericError, match=r"against its sign .*learn"):
        net.snapshot()
    net.learn(state.detach())
    assert net.weights["x_lateral"].max() == 0
    net.snapshot()


def test_a_neuron_that_would_inhibit_itself_is_refused() -> None:
    start = cg.Circuit().add("x", 3)
    for law in (cg.Dense(), Lateral((1, 3), 1.0, self_loops=True)):
        with pytest.raises(StructureError, match="inhibit itself"):
            LateralInhibition("x", topology=law).apply(start)
    with pytest.raises(StructureError, match="inhibit itself"):
        LateralInhibition("x", topology=cg.Conv(1)).apply(cg.Circuit().add("x", (2, 3)))
    LateralInhibition("x", topology=cg.ErdosRenyi(0.5, self_loops=False)).apply(start)


@pytest.mark.parametrize(
    ("changes", "error"),
    [({"strength": -1.0}, ShapeError), ({"delay": 0}, ShapeError), ({"topology": Lateral}, StructureError)],
)
def test_bad_arguments_of_learned_inhibition_are_refused_at_once(
    changes: dict[str, object], error: type[Exception]
) -> None:
    with pytest.raises(error, match="LateralInhibition"):
        LateralInhibition("x", **changes)  # type: ignore[arg-type]
