"""The training loop: gradient, rules and edits in turn."""

import pytest
import torch
import torch.nn.functional as F

import circuitgraph as cg
from circuitgraph.errors import DataError, NumericError, RuleError
from circuitgraph.structural import SET, Cyclic, Every, Fraction, Magnitude, Moment, Once, Prune, Trainer, rewire


def net(rule: cg.Rule | None = None) -> cg.Network:
    circuit = cg.Circuit().add("x", 6).connect("x", "y", cg.Dense(), units=8, neuron=cg.ReLU(), rule=rule)
    return cg.compile(circuit.connect("y", "z", cg.ErdosRenyi(0.5), units=3))


def data(n: int = 12) -> list[tuple[torch.Tensor, torch.Tensor]]:
    rng = torch.Generator().manual_seed(1)
    x = [torch.randn(10, 6, generator=rng) for _ in range(n)]
    return [(a, a[:, :3].argmax(1)) for a in x]


def trainer(live: cg.Network, *actions: object, **more: object) -> Trainer:
    optimizer = torch.optim.Adam(live.parameters(), 0.02)
    return Trainer(live, optimizer, F.cross_entropy, list(actions), **more)  # type: ignore[arg-type]


def test_without_actions_it_is_an_ordinary_loop_bit_for_bit() -> None:
    ours, hand = net(), net()
    rows = trainer(ours).fit(data())
    optimizer, losses = torch.optim.Adam(hand.parameters(), 0.02), []
    for x, y in data():
        loss = F.cross_entropy(hand(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert [row["loss"] for row in rows] == losses
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), hand.parameters(), strict=True))


def test_pruning_growth_and_rewiring_take_turns_and_training_goes_on() -> None:
    live = net()
    turns = trainer(
        live,
        (Cyclic(5, 2), Prune(Magnitude(), Fraction(0.25), projections=("x->y",))),
        (Once(7), cg.Grow("y", 2, seed=3)),
        (Every(4, begin=4), lambda m: rewire(m.net, "y->z", SET(0.3), rng=m.step)),
    )
    rows = turns.fit(data(), epochs=3)
    assert [row["slots"] for row in rows][3:6] == [60, 48, 48]
    assert live.circuit.population("y").n_units == 10
    table = live.log.to_pandas()
    assert sorted(set(table[table.kind == "remove-slots"].step)) == [5, 10]
    assert sorted(set(table[table.kind == "rewire"].step)) == list(range(4, 37, 4))
    assert rows[-1]["loss"] < rows[0]["loss"]
    held = {id(p) for p in turns.optimizer.param_groups[0]["params"]}  # type: ignore[union-attr]
    assert held == {id(p) for p in live.parameters()}


def test_rules_act_after_the_gradient() -> None:
    live = net(cg.Oja(0.05))
    before = {n: w.detach().clone() for n, w in live.weights.items()}
    trainer(live).fit(data(2))
    assert all(not torch.equal(before[n], w) for n, w in live.weights.items())


def test_rules_alone_need_no_loss() -> None:
    circuit = cg.Circuit().add("x", 6).connect("x", "y", cg.Dense(), units=4, rule=cg.Oja(0.05))
    live = cg.compile(circuit)
    rows = Trainer(live, actions=[(Once(2), cg.RemoveSlots("x->y", [0, 1]))]).fit([x for x, _ in data(4)])
    assert [row["slots"] for row in rows] == [24, 22, 22, 22]
    assert "loss" not in rows[0]


def test_a_callback_that_returns_true_ends_the_training() -> None:
    rows = trainer(net(), callbacks=[lambda trainer, row: row["step"] == 3]).fit(data())
    assert len(rows) == 3


def test_an_action_that_keeps_its_remaps_to_itself_is_refused() -> None:
    def quiet(moment: Moment) -> None:
        moment.net.edit(cg.RemoveSlots("x->y", [0]))

    with pytest.raises(DataError, match="must return"):
        trainer(net(), (Once(1), quiet)).fit(data())


def test_nothing_to_train_with_or_on_is_refused() -> None:
    with pytest.raises(RuleError, match="nothing learns"):
        Trainer(net()).fit(data())
    with pytest.raises(RuleError, match="belong together"):
        Trainer(net(), loss=F.cross_entropy).fit(data())
    with pytest.raises(DataError, match="no batch"):
        trainer(net()).fit([])


def test_a_loss_that_is_no_number_stops_before_it_is_learned() -> None:
    live = net()
    before = [w.detach().clone() for w in live.parameters()]
    loop = Trainer(live, torch.optim.SGD(live.parameters(), 0.1), lambda y, t: y.sum() * float("nan"))
    with pytest.raises(NumericError, match="loss"):
        loop.fit(data())
    assert all(torch.equal(a, b) for a, b in zip(before, live.parameters(), strict=True))
