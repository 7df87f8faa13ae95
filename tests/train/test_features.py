"""Cached features: which layers, which images, mirror images, one scale."""

import numpy as np
import pytest
import torch

import circuitgraph as cg
from circuitgraph import train
from circuitgraph.errors import ShapeError
from circuitgraph.nets import ConvLayer, hebbian_cnn
from circuitgraph.train.features import pooled


def images(n: int = 23) -> torch.Tensor:
    return torch.randint(0, 256, (n, 1, 12, 12), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def net() -> cg.Network:
    blocks = [ConvLayer(n, 3, cg.Triangle(0.7), cg.SoftHebb(0.05), cg.Pool(2)) for n in (4, 6)]
    return cg.compile(hebbian_cnn((1, 12, 12), blocks), keep=["pool1", "pool2"])


def test_several_layers_are_pooled_and_laid_side_by_side(net: cg.Network) -> None:
    got = train.extract(net, images(), layers=["pool1", "pool2"], most_sites=2, batch_size=7)
    state = net.eval().step(train.as_activity(images()))
    first, second = state["pool1"], state["pool2"]
    assert first.shape[2:] == (6, 6)
    by_hand = torch.stack([first[..., 3 * i : 3 * i + 3, 3 * j : 3 * j + 3].mean((2, 3))
                           for i in range(2) for j in range(2)], dim=2)  # fmt: skip
    assert got.shape == (23, 4 * 4 + 6 * 4)
    torch.testing.assert_close(got[:, :16], by_hand.flatten(1))
    torch.testing.assert_close(got[:, 16:], pooled(second, 2).flatten(1))


def test_features_with_flips_are_those_of_the_mirrored_images_too(net: cg.Network) -> None:
    both = train.extract(net, images(), flips=True, batch_size=9)
    one, other = train.extract(net, images()), train.extract(net, images().flip(-1))
    torch.testing.assert_close(both, (one + other) / 2)
    torch.testing.assert_close(both, train.extract(net, images().flip(-1), flips=True))


def test_features_with_shifts_are_the_mean_over_moved_images_their_border_repeated(net: cg.Network) -> None:
    padded = np.pad(images().numpy(), [(0, 0), (0, 0), (2, 2), (2, 2)], mode="edge")
    moved = [torch.from_numpy(padded[..., i : i + 12, j : j + 12].copy()) for i in range(5) for j in range(5)]
    mean = torch.stack([train.extract(net, each, flips=True) for each in moved]).mean(0)
    torch.testing.assert_close(train.extract(net, images(), flips=True, shifts=2, batch_size=9), mean)
    assert torch.equal(moved[12], images())


@pytest.mark.parametrize("most", [12, 100])
def test_shifts_that_leave_nothing_of_an_image_are_refused(net: cg.Network, most: int) -> None:
    with pytest.raises(ShapeError, match=rf"shifts: .* \(got {most}, images of shape \(1, 12, 12\)\)"):
        train.extract(net, images(), shifts=most)


def test_flat_input_cannot_be_shifted() -> None:
    net = cg.compile(cg.Circuit().add("x", 5).connect("x", "y", cg.Dense(), units=2))
    with pytest.raises(ShapeError, match="shifts"):
        train.extract(net, torch.zeros(3, 5, dtype=torch.uint8), shifts=1)
    assert train.extract(net, torch.zeros(3, 5, dtype=torch.uint8)).shape == (3, 2)


def test_a_linear_answer_to_mean_features_is_the_mean_of_the_answers(net: cg.Network) -> None:
    one, other = train.extract(net, images()), train.extract(net, images().flip(-1))
    weight = torch.randn(3, one.shape[1], generator=torch.Generator().manual_seed(1))
    answer = (one @ weight.T + other @ weight.T) / 2
    torch.testing.assert_close(train.extract(net, images(), flips=True) @ weight.T, answer, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("batch_size", [1, 4, 100])
def test_views_hold_the_rows_that_they_ask_for(net: cg.Network, batch_size: int) -> None:
    views = [train.View(), train.View(("pool1",), 3, 2, 9), train.View(("pool2",), None, 20)]
    whole, part, end = train.extract_views(net, images(), views, batch_size=batch_size)
    assert whole.shape == (23, 6 * 9)
    torch.testing.assert_close(part, train.extract(net, images()[2:9], layers=["pool1"], most_sites=3))
    torch.testing.assert_close(end, whole[20:])


def test_no_images_are_refused(net: cg.Network) -> None:
    with pytest.raises(ShapeError, match="no images"):
        train.extract(net, images()[:0])


@pytest.mark.parametrize(("dtype", "near"), [(torch.float32, 1e-4), (torch.bfloat16, 2e-2)])
def test_standardised_features_have_one_scale_and_others_follow(dtype: torch.dtype, near: float) -> None:
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(500, 6, generator=rng) * torch.tensor([1.0, 10, 0.1, 1, 1, 0]) + torch.tensor([0.0, 5, 1, -3, 2, 7])
    x = x.to(dtype)
    mean, deviation = x.float().mean(0), x.float().std(0, correction=0)
    other = x[:50].clone()
    train.standardize(x, other, rows=64)
    assert x.float().mean(0).abs().max() < near
    torch.testing.assert_close(x.float().std(0, correction=0)[:5], torch.ones(5), atol=near, rtol=near)
    assert (x[:, 5] == 0).all()
    assert deviation[5] == 0
    assert torch.equal(other, x[:50])
    assert mean[1] > 4


def test_a_large_mean_does_not_drown_a_small_spread() -> None:
    x = 1000 + torch.randn(4000, 1, generator=torch.Generator().manual_seed(0))
    train.standardize(x)
    assert abs(x.std().item() - 1) < 1e-2
