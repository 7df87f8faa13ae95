"""A dictionary of whitened patches: against loops, mirrored, learning, wrong input."""

from typing import Any

import numpy as np
import pytest
import torch

import circuitgraph as cg
from circuitgraph.errors import DataError, ShapeError


def photographs(n: int = 60, units: int = 2, size: int = 10) -> np.ndarray:
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(n, units, size + 1, size + 1))
    smooth = sum(noise[:, :, a : a + size, b : b + size] for a in range(2) for b in range(2))
    return np.clip(128 + 30 * smooth, 0, 255).astype(np.uint8)


def activity(images: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(images.copy()).double() / 255


def test_the_nearest_words_of_each_patch_fire_and_their_shares_come_out() -> None:
    images = photographs()
    circuit = cg.patch_dictionary(images, 10, size=3, pool=cg.Pool(4, how="mean"))
    found = cg.compile(circuit, dtype=torch.float64)(activity(images[:2])).detach().numpy()
    white = circuit.projection("image->white").weight.reshape(18, 18).astype(np.float64)
    words = circuit.projection("white->words").weight.reshape(10, 18).astype(np.float64)
    assert np.linalg.norm(words, axis=1) == pytest.approx(1)
    for b in range(2):
        fired = np.zeros((10, 8, 8))
        for r, c in np.ndindex(8, 8):
            v = white @ (images[b, :, r : r + 3, c : c + 3].transpose(1, 2, 0).ravel() / 255)
            v /= np.sqrt((v**2).sum() + 1e-5)
            distance = ((words - v) ** 2).sum(1)
            fired[np.argsort(distance)[:4], r, c] = 1
        pooled = fired.reshape(10, 2, 4, 2, 4).mean((2, 4))
        np.testing.assert_allclose(found[b], pooled, atol=1e-9)


def test_words_are_whitened_patches_of_the_images() -> None:
    images = photographs(40)
    circuit = cg.patch_dictionary(images, 5, size=3, pool=cg.Pool(2))
    white = circuit.projection("image->white").weight.reshape(18, 18)
    seen = np.lib.stride_tricks.sliding_window_view(images, (3, 3), axis=(2, 3)) / 255
    patches = seen.transpose(0, 2, 3, 4, 5, 1).reshape(-1, 18) @ white.T
    patches /= np.linalg.norm(patches, axis=1, keepdims=True)
    for word in circuit.projection("white->words").weight.reshape(5, 18):
        assert float((patches @ word).max()) == pytest.approx(1, abs=1e-4)


def test_mirrored_words_make_the_code_of_a_mirrored_image_that_of_the_image() -> None:
    images = photographs()
    images[..., :5] //= 2
    circuit = cg.patch_dictionary(images, 12, size=3, pool=cg.Pool(2, how="mean"), mirror=True)
    net = cg.compile(circuit, dtype=torch.float64)
    y, mirrored = net(activity(images[:8])), net(activity(images[:8, :, :, ::-1]))
    exchanged = y.flip(3).roll(6, dims=1)
    assert not torch.allclose(mirrored, y.flip(3))
    assert (mirrored - exchanged).abs().mean() < 1e-3  # a tie may fall either way


def test_it_learns_by_a_rule_and_is_edited() -> None:
    images = photographs()
    net = cg.compile(cg.patch_dictionary(images, 12, size=3, rule=cg.HardWTA(0.1), pool=cg.Pool(4, how="mean")))
    before = net.weights["white->words"].detach().clone()
    net.learn(net.step(activity(images[:8]).float()))
    assert not torch.equal(before, net.weights["white->words"])
    net.edit(cg.RemoveUnits("words", [3, 4]))
    assert net(activity(images[:8]).float()).shape == (8, 10, 2, 2)


def test_another_code_may_take_the_place_of_the_nearest() -> None:
    circuit = cg.patch_dictionary(photographs(), 6, size=3, neuron=cg.Triangle(), pool=cg.Pool(4))
    assert circuit.population("words").neuron == cg.Triangle()


def test_the_same_seed_draws_the_same_words_and_another_others() -> None:
    one, same, other = (cg.patch_dictionary(photographs(), 6, size=3, pool=cg.Pool(4), rng=s) for s in (1, 1, 2))
    assert one == same != other


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"units": 0}, ShapeError, "units"),
        ({"units": 2.0}, ShapeError, "units"),
        ({"units": 7, "mirror": True}, ShapeError, "expected an even"),
        ({"size": 11}, ShapeError, "from 2 to 10"),
        ({"pool": cg.Pool(9)}, ShapeError, "patch_dictionary: layer 2 does not fit on 4 units of 8x8 sites"),
        ({"units": 10_000}, DataError, "too few patches"),
        ({"images": photographs(1)}, DataError, "too few images"),
        ({"images": np.zeros((60, 2, 10, 10), np.uint8)}, DataError, "without contrast"),
    ],
)
def test_what_does_not_fit_is_refused(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    given = {"images": photographs(), "units": 4, "size": 3} | arguments
    with pytest.raises(error, match=message):
        cg.patch_dictionary(given.pop("images"), given.pop("units"), **given)
