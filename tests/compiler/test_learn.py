"""Learning: all or nothing, delayed activity, shards, gradients beside rules."""

import copy
import threading

import pytest
import torch
from torch import Tensor

import circuitgraph as cg
from circuitgraph.errors import NumericError, RuleError, StateError, UnknownNameError
from circuitgraph.rules import HomeostaticWinners, TemporalWinners


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def two_layers() -> cg.Circuit:
    circuit = (
        cg.Circuit()
        .add("x", 4, cg.BatchNorm())
        .connect("x", "h", cg.Dense(), units=3, neuron=cg.Triangle(), rule=cg.SoftHebb(0.1))
    )
    return circuit.connect("h", "y", cg.Dense(), units=2, rule=cg.Oja(0.05))


def copies(net: cg.Network) -> dict[str, Tensor]:
    return copy.deepcopy(dict(net.state_dict()))


def changed(net: cg.Network, before: dict[str, Tensor]) -> set[str]:
    return {k for k, v in net.state_dict().items() if not torch.equal(v, before[k])}


def test_learning_changes_what_has_a_rule_and_memory() -> None:
    net = cg.compile(two_layers(), dtype=torch.float64)
    before = copies(net)
    net.learn(net.step(noise(5, 4)))
    assert changed(net, before) == {"weights.x->h", "weights.h->y", "memory.x.mean", "memory.x.variance"}


def test_learning_only_some_projections_leaves_the_rest_and_memory() -> None:
    net, whole = (cg.compile(two_layers(), dtype=torch.float64) for _ in range(2))
    before, x = copies(net), noise(5, 4)
    net.learn(net.step(x), only=["h->y", "h->y"])
    whole.learn(whole.step(x))
    assert changed(net, before) == {"weights.h->y"}
    assert torch.equal(net.weights["h->y"], whole.weights["h->y"])
    net.learn(net.step(x), only=[])
    assert changed(net, before) == {"weights.h->y"}


def test_scale_multiplies_every_rate() -> None:
    net = cg.compile(cg.Circuit().add("x", 2).connect("x", "y", cg.Dense(), units=1, weight=0.5, rule=cg.Hebb(0.1)))
    net.learn(net.step(torch.ones(1, 2)), scale=2.0)
    torch.testing.assert_close(net.weights["x->y"].detach(), torch.full((2,), 0.7))


def test_learning_in_eval_mode_is_refused() -> None:
    net = cg.compile(two_layers())
    state = net.step(noise(5, 4))
    before = copies(net)
    with pytest.raises(RuleError, match=r"eval mode.*call train\(\)"):
        net.eval().learn(state)
    assert not changed(net, before)


def test_learning_where_there_is_no_rule_is_refused() -> None:
    net = cg.compile(two_layers().replace_projection("h->y", rule=None))
    state, before = net.step(noise(5, 4)), copies(net)
    with pytest.raises(RuleError, match="'h->y' has no rule"):
        net.learn(state, only=["x->h", "h->y"])
    with pytest.raises(UnknownNameError, match="'y->z'"):
        net.learn(state, only=["y->z"])
    for scale in (float("nan"), float("inf")):
        with pytest.raises(NumericError, match="scale"):
            net.learn(state, scale=scale)
    assert not changed(net, before)


def test_a_change_that_is_not_finite_leaves_everything_as_it_was() -> None:
    net = cg.compile(two_layers(), dtype=torch.float64)
    state, before = net.step(noise(5, 4)), copies(net)
    state.columns["y", "y"][0, 0] = float("nan")  # the last projection to learn
    with pytest.raises(NumericError, match="projection 'h->y'"):
        net.learn(state)
    assert not changed(net, before)


def test_memory_that_would_not_be_finite_leaves_everything_as_it_was() -> None:
    net = cg.compile(two_layers(), dtype=torch.float64)
    state, before = net.step(noise(5, 4)), copies(net)
    state.columns["x", "variance"][0, 0] = float("inf")
    with pytest.raises(NumericError, match="population 'x': memory 'variance'"):
        net.learn(state)
    assert not changed(net, before)


def test_a_state_that_lacks_what_a_rule_reads_is_refused() -> None:
    circuit = (
        cg.Circuit()
        .add("x", (2, 4))
        .connect("x", "y", cg.Conv(1), units=2, neuron=cg.ReLU())
        .connect("y", "p", cg.Pool(2))
    )
    fused = cg.compile(circuit).step(noise(1, 2, 4))
    with pytest.raises(StateError, match="got no y, which Oja"):
        cg.compile(circuit.replace_projection("x->y", rule=cg.Oja(0.1))).learn(fused)


def test_a_delayed_projection_learns_from_the_activity_that_it_pushed() -> None:
    circuit = cg.Circuit().add("x", 2).add("y", 1)
    net = cg.compile(circuit.connect("x", "y", cg.Dense(), delay=2, weight=1.0, rule=cg.Hebb(1.0)))
    xs = torch.tensor([[1.0, 0], [0, 5], [7, 7], [9, 9]]).view(4, 1, 2)
    state, w = None, net.weights["x->y"]
    for t, expected in enumerate(([1, 1], [1, 1], [2, 1], [2, 26])):
        state = net.step(xs[t], state)
        net.learn(state)
        # y at t=2 is 1 * 1, met by x of t=0; at t=3 it is 1 * 5, met by x of t=1.
        assert w.tolist() == expected, t


def test_a_recurrent_projection_learns_from_the_step_before() -> None:
    circuit = cg.Circuit().add("x", 1).connect("x", "x", cg.Dense(), delay=1, weight=0.5, rule=cg.Hebb(0.1))
    net = cg.compile(circuit)
    state = net.step(torch.full((1, 1), 2.0))
    net.learn(state)
    assert net.weights["x->x"].item() == 0.5
    net.learn(net.step(torch.zeros(1, 1), state))
    assert net.weights["x->x"].item() == pytest.approx(0.5 + 0.1 * 2.0 * 1.0)


class Exchange:
    """Add tensors up over threads, in place, as torch.distributed.all_reduce does over processes."""

    def __init__(self, n: int) -> None:
        self.barrier, self.given = threading.Barrier(n), [torch.empty(0)] * n

    def of(self, rank: int) -> object:
        def reduce(t: Tensor) -> None:
            self.given[rank] = t.clone()
            self.barrier.wait(timeout=20)
            total = torch.stack(self.given).sum(0)
            self.barrier.wait(timeout=20)
            t.copy_(total)

        return reduce


def learn_in_shards(nets: list[cg.Network], shards: list[Tensor]) -> None:
    exchange, errors = Exchange(len(nets)), []

    def work(rank: int) -> None:
        try:
            nets[rank].learn(nets[rank].step(shards[rank]), reduce=exchange.of(rank))
        except Exception as error:  # noqa: BLE001 - told to the test, which fails with it
            exchange.barrier.abort()
            errors.append(error)

    threads = [threading.Thread(target=work, args=(rank,)) for rank in range(len(nets))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors, errors


@pytest.mark.parametrize(
    "rule", [cg.SoftHebb(0.1), cg.SoftHebb(0.1, normalize="neuron"), cg.HardWTA(0.1), cg.Oja(0.1, normalize="neuron")]
)
@pytest.mark.parametrize("sizes", [(3, 3), (1, 5), (2, 2, 2)])
def test_a_sharded_batch_gives_the_update_of_one_process(rule: cg.Rule, sizes: tuple[int, ...]) -> None:
    circuit = (
        cg.Circuit()
        .add("x", (2, 4, 4))
        .connect("x", "y", cg.Conv(3, padding=1, mode="reflect"), units=3, rule=rule, name="c")
    )
    circuit = circuit.connect("y", "z", cg.Dense(), units=2, rule=cg.Hebb(0.01))
    x = noise(6, 2, 4, 4)
    whole, *nets = (cg.compile(circuit, dtype=torch.float64) for _ in range(1 + len(sizes)))
    whole.learn(whole.step(x))
    learn_in_shards(nets, list(x.split(sizes)))
    for net in nets:
        for name, w in whole.weights.items():
            torch.testing.assert_close(net.weights[name], w, rtol=1e-12, atol=1e-12)


def test_memory_stays_the_same_on_all_processes() -> None:
    circuit = cg.Circuit().add("x", 3, cg.BatchNorm())
    whole, *nets = (cg.compile(circuit, dtype=torch.float64) for _ in range(3))
    x = noise(8, 3) + 2
    whole.learn(whole.step(x))
    learn_in_shards(nets, list(x.split(4)))
    a, b, one = (net.memory["x"].values for net in (*nets, whole))
    assert all(torch.equal(a[k], b[k]) for k in a)
    torch.testing.assert_close(a["mean"], one["mean"])


THINKERS = [
    cg.BCM(0.1, winners=HomeostaticWinners(mu=0.2)),
    cg.HardWTA(0.1, winners=TemporalWinners(), normalize="neuron"),
    cg.HardWTA(0.1, winners=HomeostaticWinners(2, 0.5), normalize="activity"),
    cg.Covariance(0.1, 0.5),
    cg.Sanger(0.01, normalize="layer"),
]


def kept(net: cg.Network) -> dict[str, Tensor]:
    return {key: v.clone() for key, v in net.memory["y"].values.items()}


@pytest.mark.parametrize("rule", THINKERS, ids=repr)
def test_processes_agree_on_weights_and_on_the_mean_of_what_each_would_keep(rule: cg.Rule) -> None:
    circuit = cg.Circuit().add("x", (2, 4)).connect("x", "y", cg.Conv(3, padding=1), units=3, rule=rule)
    whole, single, *nets = (cg.compile(circuit, dtype=torch.float64) for _ in range(4))
    for round_ in range(3):
        x = noise(8, 2, 4, seed=round_)
        alone: list[dict[str, Tensor]] = []
        for shard in x.split(4):
            single.load_state_dict(nets[0].state_dict())
            single.learn(single.step(shard))
            alone.append(kept(single))
        learn_in_shards(nets, list(x.split(4)))
        for key in alone[0]:
            mean = torch.stack([each[key] for each in alone]).mean(0)
            torch.testing.assert_close(kept(nets[0])[key], mean, rtol=1e-12, atol=1e-12)
        assert not changed(nets[1], copies(nets[0]))
        if round_ == 0:  # all start alike: the change is that of one process with the whole batch
            whole.learn(whole.step(x))
            torch.testing.assert_close(nets[0].weights["x->y"], whole.weights["x->y"], rtol=1e-11, atol=1e-12)


def test_means_over_processes_of_equal_shares_are_those_of_the_whole_batch() -> None:
    circuit = cg.Circuit().add("x", 4).connect("x", "y", cg.Dense(), units=3, rule=THINKERS[0])
    whole, *nets = (cg.compile(circuit, dtype=torch.float64) for _ in range(3))
    x = noise(8, 4)
    whole.learn(whole.step(x))
    learn_in_shards(nets, list(x.split(4)))
    for key, v in kept(whole).items():
        torch.testing.assert_close(kept(nets[0])[key], v, rtol=1e-12, atol=1e-12)


def test_a_gradient_readout_trains_beside_a_hebbian_body() -> None:
    circuit = (
        cg.Circuit()
        .add("x", 4)
        .connect("x", "h", cg.Dense(), units=6, neuron=cg.Triangle(), rule=cg.SoftHebb(0.01), weight=cg.normal(2.0))
    )
    net = cg.compile(circuit.connect("h", "y", cg.Dense(), units=2), dtype=torch.float64)
    assert [n for n, p in net.named_parameters() if p.requires_grad] == ["weights.h->y"]
    optimizer = torch.optim.Adam(net.parameters(), lr=0.05)
    x, body = noise(32, 4), net.weights["x->h"].detach().clone()
    labels = (x[:, 0] > 0).long()
    losses = []
    for _ in range(40):
        state = net.step(x)
        loss = torch.nn.functional.cross_entropy(state["y"], labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        net.learn(state)
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]
    assert not torch.equal(net.weights["x->h"], body)


def test_rule_and_gradient_can_share_a_projection() -> None:
    net = cg.compile(cg.Circuit().add("x", 2).connect("x", "y", cg.Dense(), units=1, weight=1.0, rule=cg.Hebb(0.1)))
    w = net.weights["x->y"].requires_grad_()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    state = net.step(torch.tensor([[1.0, 2.0]]))
    state["y"].sum().backward()
    optimizer.step()  # minus 0.01 * x
    net.learn(state)  # plus 0.1 * y * x, y = 3
    torch.testing.assert_close(w.detach(), torch.tensor([1 - 0.01 + 0.3, 1 - 0.02 + 0.6]))
    assert w.requires_grad


def test_learning_between_forward_and_backward_is_caught() -> None:
    net = cg.compile(
        cg.Circuit()
        .add("x", 2)
        .connect("x", "h", cg.Dense(), units=2, rule=cg.Hebb(0.1))
        .connect("h", "y", cg.Dense(), units=1)
    )
    net.weights["x->h"].requires_grad_()
    x = torch.ones(1, 2, requires_grad=True)
    state = net.step(x)
    net.learn(state)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        state["y"].sum().backward()


def test_gradients_pass_through_time() -> None:
    circuit = cg.Circuit().add("x", 2).connect("x", "h", cg.Dense(), units=2).connect("h", "h", cg.Dense(), delay=1)
    net = cg.compile(circuit, dtype=torch.float64)
    w_in, w_back = (net.weights[n].detach().view(2, 2) for n in ("x->h", "h->h"))
    xs = noise(3, 1, 2)
    ys, _ = net.run(xs)
    ys[-1].sum().backward()
    a, b = w_in.clone().requires_grad_(), w_back.clone().requires_grad_()
    h = torch.zeros(1, 2, dtype=torch.float64)
    for x in xs:
        h = x @ a.t() + h @ b.t()
    h.sum().backward()
    torch.testing.assert_close(net.weights["x->h"].grad, a.grad.flatten())
    torch.testing.assert_close(net.weights["h->h"].grad, b.grad.flatten())
