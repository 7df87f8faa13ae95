"""Layers trained one after the other: what learns, what stays, and what the parts compute together."""

import pytest
import torch

import circuitgraph as cg
from circuitgraph import train
from circuitgraph.errors import ShapeError
from circuitgraph.nets import ConvLayer, hebbian_cnn


def images(n: int = 40) -> torch.Tensor:
    return torch.randint(0, 256, (n, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def two_layers(pool: cg.Pool | None = None) -> cg.Circuit:
    pool = pool or cg.Pool(2)
    blocks = [ConvLayer(n, 3, cg.Triangle(0.7), cg.SoftHebb(0.05), pool) for n in (4, 6)]
    return hebbian_cnn((1, 8, 8), blocks)


def shortcut() -> cg.Circuit:
    """Let a second layer hear the first one twice: through a pool, and past it."""
    circuit = two_layers()
    return circuit.connect("conv1", "conv2", cg.Conv(2, stride=2), rule=cg.Instar(0.01), name="past")


def test_layers_are_grouped_by_how_far_up_they_are() -> None:
    assert train.learning_layers(two_layers()) == (("image->conv1",), ("pool1->conv2",))
    assert train.learning_layers(shortcut()) == (("image->conv1",), ("pool1->conv2", "past"))
    assert train.learning_layers(cg.Circuit().add("image", 4)) == ()


def test_the_outputs_of_layers_are_what_the_next_layer_reads() -> None:
    assert train.layer_outputs(two_layers()) == ("pool1", "pool2")
    assert train.layer_outputs(shortcut()) == ("conv1", "pool1", "pool2")
    assert train.pool_outputs(shortcut()) == ("pool1", "pool2")
    assert train.layer_outputs(cg.Circuit().add("image", 4)) == ("image",)
    assert train.pool_outputs(cg.lagani_cnn(depth="deep", rule=cg.SoftHebb(0.1))) == ("pool1", "pool3", "conv4")
    assert train.pool_outputs(cg.mlp([4, 3, 2], rule=cg.Oja(0.1))) == ("h1", "y")


def test_the_first_layer_learns_what_it_learns_alone() -> None:
    block = ConvLayer(4, 3, cg.Triangle(0.7), cg.SoftHebb(0.05), cg.Pool(2))
    alone = cg.compile(hebbian_cnn((1, 8, 8), [block]))
    train.unsupervised_pass(alone, images(), batch_size=4, rng=seeded())
    net, _ = train.layer_by_layer(cg.compile(two_layers()), images(), batch_size=4, rng=seeded())
    torch.testing.assert_close(net.weights["image->conv1"], alone.weights["image->conv1"])
    for key, value in alone.snapshot().population("image").memory.items():
        torch.testing.assert_close(torch.tensor(net.snapshot().population("image").memory[key]), torch.tensor(value))


def test_every_layer_starts_with_its_full_rate_where_rates_decay() -> None:
    block = ConvLayer(4, 3, cg.Triangle(0.7), cg.SoftHebb(0.05), cg.Pool(2))
    alone = cg.compile(hebbian_cnn((1, 8, 8), [block]))
    train.unsupervised_pass(alone, images(), batch_size=4, passes=2, decay=True, rng=seeded())
    fading, _ = train.layer_by_layer(
        cg.compile(two_layers()), images(), batch_size=4, passes=(2, 1), decay=True, rng=seeded()
    )
    torch.testing.assert_close(fading.weights["image->conv1"], alone.weights["image->conv1"])
    one, same = (
        train.layer_by_layer(cg.compile(two_layers()), images(8), batch_size=8, decay=decay, rng=seeded())[0]
        for decay in (True, False)
    )
    assert torch.equal(one.weights["pool1->conv2"], same.weights["pool1->conv2"])


@pytest.mark.parametrize("build", [two_layers, shortcut])
def test_the_second_layer_learns_from_the_first_one_in_eval_mode(build: object) -> None:
    """Do the same by hand: the lower layer's weights and statistics are fixed, the upper statistics are not."""
    circuit = build()  # type: ignore[operator]
    net, _ = train.layer_by_layer(cg.compile(circuit), images(8), batch_size=8, rng=seeded())
    first, _ = train.layer_by_layer(cg.compile(circuit), images(8), batch_size=8, passes=(1, 1), rng=seeded())
    lower = cg.compile(first.snapshot(), keep=["conv1"]).eval()
    rng = seeded()
    torch.randperm(8, generator=rng)
    order = torch.randperm(8, generator=rng)
    conv1 = lower.step(train.as_activity(images(8)[order]))["conv1"]
    upper = cg.Circuit().add("conv1", conv1.shape[1:]).connect("conv1", "pool1", cg.Pool(2), neuron=cg.BatchNorm())
    for p in circuit.projections:
        if p.post == "conv2":
            if "conv2" not in {q.name for q in upper.populations}:
                upper = upper.add(circuit.population("conv2"))
            upper = upper.connect(p.pre, p.post, p.topology, weight=p.weight, rule=p.rule, name=p.name)
    expected = cg.compile(upper).train()
    with torch.no_grad():
        expected.learn(expected.step(conv1))
    for name in ("pool1->conv2", "past"):
        if name in {p.name for p in circuit.projections}:
            torch.testing.assert_close(net.weights[name], expected.weights[name], msg=name)
            assert not torch.equal(net.weights[name], cg.compile(circuit).weights[name])
    mean = expected.snapshot().population("pool1").memory["mean"]
    torch.testing.assert_close(torch.tensor(net.snapshot().population("pool1").memory["mean"]), torch.tensor(mean))


def test_later_layers_leave_earlier_ones_as_they_were() -> None:
    once, more = (
        train.layer_by_layer(cg.compile(two_layers()), images(), batch_size=4, passes=passes, rng=seeded())[0]
        for passes in ((1, 1), (1, 3))
    )
    assert torch.equal(once.weights["image->conv1"], more.weights["image->conv1"])
    assert once.snapshot().population("image") == more.snapshot().population("image")
    assert not torch.equal(once.weights["pool1->conv2"], more.weights["pool1->conv2"])


def test_the_history_has_every_layers_norm_in_every_row() -> None:
    _, history = train.layer_by_layer(cg.compile(two_layers()), images(), batch_size=4, rng=seeded(), every=5)
    assert [row.get("step", 0) for row in history] == [0, 5, 10, 15, 20]
    assert all(row.keys() >= {"image->conv1", "pool1->conv2"} for row in history)
    assert history[1]["pool1->conv2"] == history[0]["pool1->conv2"]
    assert history[2]["image->conv1"] == history[4]["image->conv1"]


def test_statistics_above_the_last_layer_settle_too() -> None:
    circuit = two_layers().connect("pool2", "last", cg.Pool(2), neuron=cg.BatchNorm())
    net, _ = train.layer_by_layer(cg.compile(circuit), images(), batch_size=4, rng=seeded())
    assert (net.snapshot().population("last").memory["mean"] > 0).any()


def test_another_number_of_passes_than_layers_is_refused() -> None:
    with pytest.raises(ShapeError, match="got 3, expected one, or one for each of 2"):
        train.layer_by_layer(cg.compile(two_layers()), images(), passes=(1, 1, 1), rng=seeded())
