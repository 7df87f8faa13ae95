"""Directions for newborn units, triggers, and whether newcomers learn."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import circuitgraph as cg
from circuitgraph.errors import DataError, NumericError, ShapeError, StateError, StructureError
from circuitgraph.structural import (
    Every,
    Newborns,
    Novelty,
    Once,
    Plateau,
    Trainer,
    gradmax_directions,
    newborn_report,
    residual_directions,
)

DIRECTIONS = ["random", "split", "residual", "gradmax"]


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def flat() -> cg.Circuit:
    circuit = cg.Circuit().add("x", 7).connect("x", "y", cg.Dense(), units=3)
    return circuit.connect("y", "z", cg.Dense(), units=4)


def conv() -> cg.Circuit:
    circuit = cg.Circuit().add("x", (2, 5, 5)).connect("x", "y", cg.Conv(3, padding=1), units=3)
    return circuit.connect("y", "z", cg.Conv(3, stride=2), units=2)


def pooled() -> cg.Circuit:
    circuit = cg.Circuit().add("x", (2, 4, 4)).connect("x", "y", cg.Conv(3, padding=1, mode="reflect"), units=3)
    circuit = circuit.connect("y", "p", cg.Pool(2, how="mean"))
    return circuit.connect("p", "z", cg.Dense(), units=5).connect("y", "v", cg.Conv(1), units=1)


def graph() -> cg.Circuit:
    circuit = cg.Circuit().add("x", (4, 3)).connect("x", "y", cg.GraphConv([0, 1], [1, 2]), units=2)
    return circuit.connect("y", "z", cg.GraphConv([0, 1], [1, 2], "sum"), units=3)


def pruned() -> cg.Circuit:
    circuit = cg.Circuit().add("x", 8).connect("x", "y", cg.Pruned(cg.Dense(), np.arange(0, 40, 2)), units=5)
    return circuit.connect("y", "z", cg.Dense(), units=3)


def listed() -> cg.Circuit:
    circuit = cg.Circuit().add("x", 6).connect("x", "y", cg.ErdosRenyi(0.5), units=4)
    return circuit.connect("y", "z", cg.Explicit([0, 1, 2, 3, 3], [0, 1, 2, 0, 1]), units=3)


def recurrent() -> cg.Circuit:
    circuit = cg.Circuit().add("x", 6).connect("x", "y", cg.Dense(), units=2).connect("y", "y", cg.Dense(), delay=1)
    return circuit.connect("y", "z", cg.Dense(), units=3)


WHOLE = [flat, conv, pooled, graph]
EVERY = [*WHOLE, pruned, listed, recurrent]


def compiled(circuit: cg.Circuit) -> cg.Network:
    return cg.compile(circuit, dtype=torch.float64)


def batches(circuit: cg.Circuit, n: int = 3) -> list[Tensor]:
    return [draw(6, *circuit.population("x").shape, seed=k) for k in range(n)]


def loss(y: Tensor | dict[str, Tensor]) -> Tensor:
    outputs = list(y.values()) if isinstance(y, dict) else [y]
    return sum(((a - 1).square().flatten(1) * torch.arange(1, 1 + a[0].numel())).sum(1).mean() for a in outputs)  # type: ignore[return-value]


@pytest.mark.parametrize("make", EVERY, ids=lambda f: f.__name__)
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_no_output_changes_and_newcomers_are_as_long_as_the_others(make, direction) -> None:  # type: ignore[no-untyped-def]
    net = compiled(make())
    x = batches(net.circuit)
    before = net.run([x[0], x[0]])[0]
    incumbents, n = net.snapshot(), net.circuit.population("y").n_units
    remap = Newborns("y", 2, direction, seed=1)(net, x, loss=loss)
    after = net.run([x[0], x[0]])[0]
    for a, b in zip(*(y.values() if isinstance(y, dict) else [y] for y in (before, after)), strict=True):
        assert torch.allclose(a, b, rtol=0, atol=1e-13)
    squares = np.zeros(n + 2)
    for p in net.snapshot().projections:
        if p.post == "y":
            slots, (_, post) = net.circuit.slots(p), net.circuit.shapes(p.name)
            unit = slots.post // (np.prod(post[1:], dtype=int) if slots.post_end == "neuron" else 1)
            np.add.at(squares, unit, p.weight**2)
    assert (remap.units["y"] < 0).sum() == 2
    assert np.allclose(np.sqrt(squares[n:]), np.sqrt(squares[:n]).mean())
    assert incumbents.population("y").n_units == n


def unfolded(net: cg.Network, x: Tensor) -> Tensor:
    """Find by loops over synapses what unit 0 of y hears at each site.  Shape: (B, *pre) -> (B, S, F)."""
    circuit = net.circuit
    (pre, post), p = circuit.shapes("x->y"), circuit.projection("x->y")
    table, sites = p.topology.synapses(pre, post), int(np.prod(post[1:], dtype=int))
    out = torch.zeros(len(x), sites, p.n_slots // post[0], dtype=torch.float64)
    for a, b, k, c in zip(table.pre, table.post, table.slot, table.coef, strict=True):
        if b < sites:
            out[:, b, k] += c * x.flatten(1)[:, a]
    return out


@pytest.mark.parametrize("make", WHOLE, ids=lambda f: f.__name__)
def test_residual_directions_are_principal_components_of_what_is_not_explained(make) -> None:  # type: ignore[no-untyped-def]
    net = compiled(make())
    data = batches(net.circuit)
    found = residual_directions(net, "y", data, 2)
    patches = torch.cat([unfolded(net, x) for x in data]).flatten(0, 1)
    rows = net.weights["x->y"].detach().view(net.circuit.population("y").n_units, -1)
    solved = torch.linalg.lstsq(rows.T, patches.T).solution
    rest = patches - (rows.T @ solved).T
    _, size, vectors = torch.linalg.svd(rest - rest.mean(0), full_matrices=False)
    assert torch.allclose((found * vectors[:2]).sum(1).abs(), torch.ones(2, dtype=torch.float64), atol=1e-8)
    assert size[0] > size[1] > size[2]
    assert torch.allclose(found @ rows.T, torch.zeros(2, len(rows), dtype=torch.float64), atol=1e-10)


@pytest.mark.parametrize("make", WHOLE, ids=lambda f: f.__name__)
def test_a_gradmax_newcomer_has_the_gradient_that_was_promised_and_no_other_has_more(make) -> None:  # type: ignore[no-untyped-def]
    def gradient(row: Tensor) -> float:
        """Grow by one unit that hears by this row, and give the norm of the gradient to what it speaks through."""
        net = compiled(make())
        net.edit(cg.Grow("y", 1, [(row / row.norm()).tolist()]))
        batch = torch.cat(batches(net.circuit))
        loss(net(batch)).backward()
        total = 0.0
        for p in net.circuit.projections:
            if p.pre in ("y", "p") and net.weights[p.name].requires_grad:
                slots, (pre, _) = net.circuit.slots(p), net.circuit.shapes(p.name)
                unit = slots.pre // (np.prod(pre[1:], dtype=int) if slots.pre_end == "neuron" else 1)
                total += float(net.weights[p.name].grad[torch.tensor(unit == pre[0] - 1)].square().sum())  # type: ignore[index]
        return total**0.5

    net = compiled(make())
    found = gradmax_directions(net, "y", batches(net.circuit), loss, 2)
    best, second = gradient(found[0]), gradient(found[1])
    assert best > second
    others = draw(200, found.shape[1], seed=9)
    others -= (others @ found[0])[:, None] * found[0]
    assert max(gradient(row) for row in others[:20]) <= second * (1 + 1e-8) < best
    mixed = (0.6 * found[0] + 0.8 * found[1]) / 1
    assert gradient(mixed) == pytest.approx(np.hypot(0.6 * best, 0.8 * second), rel=1e-8)


def test_max_pools_on_the_way_are_taken_for_mean_pools() -> None:
    def circuit(how: str) -> cg.Circuit:
        start = cg.Circuit().add("x", (2, 4, 4)).connect("x", "y", cg.Conv(3, padding=1), units=3, neuron=cg.ReLU())
        return start.connect("y", "p", cg.Pool(2, how=how)).connect("p", "z", cg.Dense(), units=5)  # type: ignore[arg-type]

    net = compiled(circuit("max"))
    x = [draw(6, 2, 4, 4)]
    assert gradmax_directions(net, "y", x, lambda y: y.sum(1).mean(), 1).shape == (1, 18)
    a, b = (gradmax_directions(compiled(circuit(how)), "y", x, lambda y: y.sum(1).mean(), 1) for how in ("max", "mean"))
    assert torch.allclose(a, b)  # the errors of a linear loss do not depend on what the pools passed on


def test_looking_for_directions_leaves_the_network_as_it_was() -> None:
    net = compiled(flat()).train()
    before, asked = net.snapshot(), [w.requires_grad for w in net.parameters()]
    for direction in DIRECTIONS:
        Newborns("y", 1, direction).rows(net, batches(net.circuit), loss=loss)  # type: ignore[arg-type]
    assert net.snapshot() == before
    assert net.training
    assert [w.requires_grad for w in net.parameters()] == asked
    assert all(w.grad is None for w in net.parameters())


def test_split_rows_are_those_of_present_units() -> None:
    net = compiled(flat())
    rows = Newborns("y", 5, "split", noise=0.0).rows(net)
    present = net.weights["x->y"].detach().view(3, 7).numpy()
    near = [int(np.argmax(present @ row / np.linalg.norm(present, axis=1))) for row in rows]
    assert sorted(near[:3]) == [0, 1, 2]
    assert near[3:] == near[:2]
    cosines = [present[k] @ row / np.linalg.norm(present[k]) / np.linalg.norm(row) for k, row in zip(near, rows)]  # noqa: B905
    assert np.allclose(cosines, 1)


def test_an_edit_with_directions_replays_from_the_log() -> None:
    net = compiled(flat())
    start = net.circuit
    Newborns("y", 2, "residual")(net, batches(start))
    assert net.log.replay(start).fingerprint == net.circuit.fingerprint
    assert "Newborns" in net.log.entries[0].reason


def test_directions_that_do_not_exist_are_refused() -> None:
    net, x = compiled(flat()), batches(flat())
    with pytest.raises(StructureError, match=r"got 4, expected at least 5"):
        Newborns("y", 5, "residual")(net, x)
    with pytest.raises(StructureError, match=r"got 4, expected at least 5"):
        Newborns("y", 5, "gradmax")(net, x, loss=loss)
    with pytest.raises(DataError, match="no data"):
        Newborns("y", 1, "residual")(net)
    with pytest.raises(DataError, match="no loss"):
        Newborns("y", 1, "gradmax")(net, x)
    with pytest.raises(DataError, match="no samples"):
        Newborns("y", 1, "residual")(net, iter([]))
    with pytest.raises(StructureError, match="no incoming weights"):
        Newborns("x", 1)(net)
    with pytest.raises(StructureError, match="gives no gradient"):
        Newborns("y", 1, "gradmax")(net, x, loss=lambda y: y)
    for bad in ({"units": 0}, {"units": 1, "direction": "up"}, {"units": 1, "scale": 0.0}):
        with pytest.raises(ShapeError):
            Newborns("y", **bad)  # type: ignore[arg-type]
    assert len(net.log.entries) == 0


def test_what_hears_newcomers_alone_is_grown_where_it_hears_data() -> None:
    circuit = (
        cg.Circuit().add("x", (2, 4)).connect("x", "y", cg.Conv(1), units=3).connect("y", "d", cg.Conv(3, groups=3))
    )
    net = compiled(circuit.connect("d", "z", cg.Dense(), units=2))
    for name in ("d", "y"):
        with pytest.raises(StructureError, match=r"hear newcomers|weights not yet known"):
            Newborns(name, 1, "gradmax")(net, [draw(3, 2, 4)], loss=loss)
    Newborns("d", 1)(net)
    assert [net.circuit.population(n).n_units for n in "yd"] == [4, 4]


def test_a_newcomer_that_would_hear_nothing_is_refused() -> None:
    circuit = cg.Circuit().add("x", 3).connect("x", "y", cg.Explicit([0, 1], [0, 1]), units=2)
    net = compiled(circuit.connect("y", "z", cg.Dense(), units=2))
    x = torch.zeros(5, 3, dtype=torch.float64)
    x[:, 2] = draw(5)

    def refused(seed: int) -> bool:
        try:
            Newborns("y", 1, "residual", seed=seed).rows(net, [x])
        except NumericError as error:
            return "carry nothing" in str(error)
        return False

    assert {refused(seed) for seed in range(20)} == {True, False}


def classes(n: int = 256) -> list[tuple[Tensor, Tensor]]:
    x = draw(n, 12, seed=4).float()
    target = (x[:, 0] * x[:, 1] > 0).long() + 2 * (x[:, 2] > 0).long()
    return list(zip(x.split(32), target.split(32), strict=True))


def learner(units: int = 8) -> cg.Network:
    circuit = cg.Circuit().add("x", 12).connect("x", "y", cg.Dense(), units=units, neuron=cg.ReLU())
    return cg.compile(circuit.connect("y", "z", cg.Dense(), units=4))


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_newcomers_are_not_starved(direction: str) -> None:
    net, data = learner(), classes()
    trainer = Trainer(net, torch.optim.Adam(net.parameters(), 0.01), F.cross_entropy, probe=data)
    trainer.fit(data, epochs=10)
    trainer.actions = [(Once(trainer.step + 1), Newborns("y", 3, direction))]  # type: ignore[arg-type]
    trainer.fit(data[:1])
    since = net.snapshot()
    trainer.actions = []
    trainer.fit(data, epochs=5)
    table = newborn_report(net, since).set_index("side")
    assert table.loc["in", "n_newborns"] == 3
    assert table.loc["out", "n_incumbents"] == 8
    assert (table["update_ratio"] > 0.4).all(), table
    assert (table["gradient_ratio"] > 0.2).all(), table


def test_the_report_counts_gradient_and_change_of_each_side_by_hand() -> None:
    net = cg.compile(
        cg.Circuit().add("x", 2).connect("x", "y", cg.Dense(), units=1).connect("y", "z", cg.Dense(), units=1)
    )
    net.edit(cg.Grow("y", 1, [[3.0, 4.0]]))
    since = net.snapshot()
    with torch.no_grad():
        net.weights["x->y"] += torch.tensor([3.0, 4.0, 6.0, 8.0])
        net.weights["y->z"] += torch.tensor([1.0, 2.0])
    net.weights["x->y"].grad = torch.tensor([0.0, 2.0, 1.0, 0.0])
    remap = net.edit(cg.RemoveSlots("y->z", [0]))
    assert remap.slots["y->z"].tolist() == [1]
    table = newborn_report(net, since).set_index("side")
    assert table.loc["in", ["update", "update_incumbents", "update_ratio"]].tolist() == pytest.approx([10, 5, 2])
    assert table.loc["in", "gradient_ratio"] == 0.5
    assert table.loc["out", "update"] == pytest.approx(2)
    assert np.isnan(table.loc["out", "gradient_ratio"])
    named = newborn_report(net, since, born={"y": np.array([0])}).set_index("side")
    assert named.loc["in", "update_ratio"] == pytest.approx(0.5)


def test_a_report_without_newcomers_is_refused() -> None:
    net = learner()
    with pytest.raises(StateError, match="no newcomers"):
        newborn_report(net, net.snapshot())


def test_a_plateau_waits_for_the_loss_to_stand_still_and_then_for_a_new_window() -> None:
    net, data = learner(), classes()
    grow = Plateau(cg.Grow("y", 1), window=6, least=0.1)
    losses = iter([10, 9, 8, 7, 6, 5, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 1, 1, 1, 1])

    def scripted(y: Tensor, target: Tensor) -> Tensor:
        return 0 * y.sum() + float(next(losses))

    loop = Trainer(net, torch.optim.SGD(net.parameters(), 0.1), scripted, [(Every(1), grow)])
    loop.fit(data, epochs=3)
    # 6 5 4 | 4 4 4 falls by a fifth, 5 4 4 | 4 4 4 by a thirteenth; the window from step 18 on sees the fall to 1.
    assert grow.fired == [11, 17]
    assert net.circuit.population("y").n_units == 10


def test_a_metric_that_is_not_there_is_refused() -> None:
    net, data = learner(), classes()
    trigger = Plateau(cg.Grow("y", 1), window=2, metric="accuracy")
    with pytest.raises(DataError, match="accuracy"):
        Trainer(net, torch.optim.SGD(net.parameters(), 0.1), F.cross_entropy, [(Every(1), trigger)]).fit(data)
    for bad in (0, 1):
        with pytest.raises(ShapeError, match="window"):
            Plateau(cg.Grow("y", 1), window=bad)


def test_novelty_grows_when_nobody_responds() -> None:
    net = cg.compile(
        cg.Circuit().add("x", 2).connect("x", "y", cg.Dense(), units=1, weight=[1.0, 0.0], neuron=cg.ReLU())
        .connect("y", "z", cg.Dense(), units=1)
    )  # fmt: skip
    known, new = torch.tensor([[1.0, 0.0]] * 4), torch.tensor([[0.0, 1.0]] * 2 + [[1.0, 0.0]] * 2)
    grow = Novelty(cg.Grow("y", 1), window=2, population="y", threshold=0.5, share=0.3)
    loop = Trainer(net, torch.optim.SGD(net.parameters(), 0.0), lambda y: y.mean(), [(Every(1), grow)])
    loop.fit([known, known, new, known, new, new])
    # Windows of 8 samples with 0, 2, 2, 2 strangers are no novelty (at most 0.3 of 8); the last has 4.
    assert grow.fired == [6]
    assert net.circuit.population("y").n_units == 2


def test_novelty_of_activity_that_a_fusion_removed_is_refused() -> None:
    circuit = cg.Circuit().add("x", (1, 4)).connect("x", "y", cg.Conv(1), units=2, neuron=cg.ReLU())
    net = cg.compile(circuit.connect("y", "p", cg.Pool(2)).connect("p", "z", cg.Dense(), units=1))
    grow = Novelty(cg.Grow("y", 1), window=1, population="y", threshold=0.5)
    loop = Trainer(net, torch.optim.SGD(net.parameters(), 0.0), lambda y: y.mean(), [(Every(1), grow)])
    with pytest.raises(StateError, match="keep="):
        loop.fit([torch.ones(2, 1, 4)])
