"""Training loops: the read-out's gradient, dropout, cached features, determinism."""

import pytest
import torch
import torch.nn.functional as F

import circuitgraph as cg
from circuitgraph import train
from circuitgraph.nets import ConvLayer, hebbian_cnn


def images(n: int = 40) -> torch.Tensor:
    return torch.randint(0, 256, (n, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def small_net() -> cg.Network:
    block = ConvLayer(6, 3, cg.Triangle(0.7), cg.SoftHebb(0.05), cg.Pool(2))
    return cg.compile(hebbian_cnn((1, 8, 8), [block]))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_batches_cover_every_index_once_and_leave_out_a_lonely_last_one() -> None:
    assert sorted(torch.cat(list(train.batches(10, 3, seeded(), least=1))).tolist()) == list(range(10))
    assert sum(len(b) for b in train.batches(10, 3, seeded())) == 9


@pytest.mark.parametrize(("dtype", "probability"), [(torch.bfloat16, 0.5), (torch.float32, 0.5), (torch.float32, 0.25)])
def test_dropout_silences_the_asked_share_and_passes_the_rest_unchanged(dtype: torch.dtype, probability: float) -> None:
    x = torch.rand(64, 1024).add(1).to(dtype)
    drop = train.Dropout(probability, x, seeded())
    y = drop(x)
    silent = y == 0
    assert torch.equal(y[~silent], x[~silent])
    assert abs(silent.float().mean().item() - probability) < 0.01
    assert (silent.float().mean(0) > 0).float().mean() > 0.99, "some features are never silenced"
    assert not torch.equal(drop(x), y)


def test_the_read_outs_gradient_is_that_of_cross_entropy() -> None:
    x, labels = torch.rand(8, 16), torch.arange(8) % 3
    readout = train.Readout(16, 3)
    loss = train.readout._readout_step(readout, x, labels, 0.1, 2.0)
    got = readout.weight.grad, readout.bias.grad
    readout.zero_grad()
    expected = F.cross_entropy(F.linear(x * 2, readout.weight, readout.bias), labels, label_smoothing=0.1)
    expected.backward()
    torch.testing.assert_close(loss, expected.detach())
    torch.testing.assert_close(got, (readout.weight.grad, readout.bias.grad))


def test_what_all_classes_share_does_not_drown_what_tells_them_apart() -> None:
    rng = seeded()
    x = (16 * torch.rand(200, 2048, generator=rng)).bfloat16()
    readout = train.Readout(2048, 4)
    readout.weight.data = 1 + 0.001 * torch.randn(4, 2048, generator=rng)
    logits = F.linear(x, readout.contrast(torch.bfloat16)).float()
    exact = readout(x)
    assert exact.mean() > 1000
    assert exact.std(1).max() < 5
    assert (logits.argmax(1) == exact.argmax(1)).float().mean() > 0.97


def test_a_read_out_learns_separable_classes() -> None:
    labels = torch.arange(200) % 4
    x = F.one_hot(labels, 4).float().repeat(1, 4) + 0.1 * torch.rand(200, 16, generator=seeded())
    settings = train.ReadoutSettings(epochs=40, batch_size=20, learning_rate=0.05)
    readout, history = train.fit_readout(x, labels, 4, settings, rng=seeded(), validation=(x, labels))
    assert readout.accuracy(x, labels) == 100
    assert history[-1]["validation"] == 100
    assert history[-1]["loss"] < history[0]["loss"]


def test_features_are_the_networks_output_in_eval_mode() -> None:
    net = small_net()
    got = train.extract(net, images(), batch_size=7)
    torch.testing.assert_close(got, net.eval()(train.as_activity(images())).flatten(1))


def test_an_unsupervised_pass_is_determined_by_its_seed_and_changes_weights() -> None:
    nets = [small_net() for _ in range(3)]
    for net, seed in zip(nets, (1, 1, 2), strict=True):
        history = train.unsupervised_pass(net, images(), batch_size=4, rng=seeded(seed), every=5)
    assert history[-1]["step"] == 10
    a, b, c = (net.weights["image->conv1"] for net in nets)
    assert torch.equal(a, b)
    assert not torch.equal(a, c)
    assert not torch.equal(a, small_net().weights["image->conv1"])


def test_rates_that_decay_shrink_from_batch_to_batch() -> None:
    net, hand = small_net(), small_net().train()
    train.unsupervised_pass(net, images(), batch_size=4, passes=2, decay=True, rng=seeded())
    rng, per_pass = seeded(), len(images()) // 4
    with torch.no_grad():
        for step in range(2 * per_pass):
            if step % per_pass == 0:
                order = torch.randperm(len(images()), generator=rng).split(4)
            hand.learn(hand.step(train.as_activity(images()[order[step % per_pass]])), scale=1 - step / (2 * per_pass))
    assert torch.equal(net.weights["image->conv1"], hand.weights["image->conv1"])


def test_settling_memory_leaves_weights_as_they_were() -> None:
    net = small_net()
    before = {k: v.clone() for k, v in net.weights.items()}
    train.settle_memory(net, images())
    assert all(torch.equal(before[k], v) for k, v in net.weights.items())
    assert net.snapshot().population("image").memory["mean"][0] > 0


def test_without_memory_nothing_has_to_settle(monkeypatch: pytest.MonkeyPatch) -> None:
    net = cg.compile(cg.mlp([64, 4], rule=cg.Oja(0.1)))
    monkeypatch.setattr(net, "step", lambda x: pytest.fail("the network ran"))
    train.settle_memory(net, images().flatten(1))


def test_end_to_end_training_lowers_the_loss_and_settles_statistics() -> None:
    block = ConvLayer(6, 3, cg.ReLU(), None, cg.Pool(2))
    circuit = hebbian_cnn((1, 8, 8), [block], init=cg.normal(2**0.5)).connect("pool1", "label", cg.Dense(), units=2)
    net, labels = cg.compile(circuit), (images().float().mean((1, 2, 3)) > 127).long()
    history = train.fit_end_to_end(
        net,
        images(),
        labels,
        epochs=15,
        batch_size=8,
        learning_rate=0.01,
        weight_decay=0.0,
        rng=seeded(),
        validation=(images(), labels),
    )
    assert history[-1]["loss"] < 0.5 * history[0]["loss"]
    assert net.snapshot().population("image").memory["mean"][0] > 0.2
