"""Whitening kernels: against explicit sums, what they make of correlated images, what they refuse."""

from typing import Any

import numpy as np
import pytest
import torch

import circuitgraph as cg
from circuitgraph.errors import DataError, ShapeError, StructureError
from circuitgraph.nets.whitening import sample_patches


def photographs(n: int = 80, units: int = 2, size: int = 12, seed: int = 0) -> np.ndarray:
    """Images whose neighbours, and units, are alike: running means of noise."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(n, units, size + 2, size + 2))
    noise[:, 1:] += noise[:, :1]
    smooth = sum(noise[:, :, a : a + size, b : b + size] for a in range(3) for b in range(3))
    return np.clip(128 + 20 * smooth, 0, 255).astype(np.uint8)


def windows(images: np.ndarray, size: int) -> list[np.ndarray]:
    """List every patch, units last, in units of pixels from 0 to 1."""
    high, wide = images.shape[2] - size + 1, images.shape[3] - size + 1
    return [
        image[:, r : r + size, c : c + size].transpose(1, 2, 0).ravel() / 255
        for image in images
        for r in range(high)
        for c in range(wide)
    ]


def inverse_root(second: np.ndarray, eps: float) -> np.ndarray:
    strength, directions = np.linalg.eigh(second)
    matrix: np.ndarray = sum(
        np.outer(e, e) / np.sqrt(max(s, 0) + eps) for s, e in zip(strength, directions.T, strict=True)
    )
    return matrix


def test_the_kernel_is_the_centre_of_zca_over_all_patches() -> None:
    images = photographs(20)
    patches = np.array(windows(images, 3))
    matrix = inverse_root(np.cov(patches.T, bias=True), 0.01)
    kernel = cg.whitening(images, 3, 0.01)
    for unit in range(2):
        np.testing.assert_allclose(kernel[unit].ravel(), matrix[4 * 2 + unit], rtol=1e-3, atol=1e-3)


def test_patches_are_whitened_by_zca_without_their_means() -> None:
    images = photographs(20)
    patches = np.array([p - p.mean() for p in windows(images, 3)])
    matrix = inverse_root(patches.T @ patches / len(patches), 1e-3)
    weights = cg.whitened_patches(images, 3, 1e-3).reshape(18, 18)
    np.testing.assert_allclose(patches @ weights.T, patches @ matrix.T, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(weights.sum(1), 0, atol=1e-4)


def test_white_patches_have_unit_covariance_but_for_the_mean() -> None:
    images = photographs(300)
    weights = cg.whitened_patches(images, 3, 1e-7).reshape(18, 18)
    white = np.array(windows(images[:100], 3)) @ weights.T
    flat = np.full((18, 18), 1 / 18)
    np.testing.assert_allclose(white.T @ white / len(white), np.eye(18) - flat, atol=0.1)


@pytest.mark.parametrize("fit", [cg.whitening, cg.whitened_patches])
def test_counting_mirror_images_makes_whitening_commute_with_mirroring(fit: Any) -> None:
    images = photographs(40)
    images[:, :, :, 6:] //= 2
    lopsided, even = (fit(images, 3, mirror=mirror) for mirror in (False, True))
    if fit is cg.whitening:
        np.testing.assert_allclose(even, even[:, :, ::-1], rtol=1e-5, atol=1e-4)
        assert abs(lopsided - lopsided[:, :, ::-1]).max() > 0.01
        return
    by_unit = even.reshape(3, 3, 2, 3, 3, 2)
    np.testing.assert_allclose(by_unit, by_unit[:, ::-1, :, :, ::-1], rtol=1e-5, atol=1e-3)


def test_tensors_floats_and_bytes_are_the_same_images() -> None:
    images = photographs(20)
    expected = cg.whitening(images, 3)
    np.testing.assert_array_equal(cg.whitening(torch.from_numpy(images), 3), expected)
    np.testing.assert_allclose(cg.whitening(images / 255, 3), expected, rtol=1e-4, atol=1e-4)


def test_of_many_patches_some_are_drawn_none_twice_and_the_same_by_the_same_seed() -> None:
    images = np.arange(3 * 25, dtype=np.float64).reshape(3, 1, 5, 5) / 75
    every = sample_patches("here", np.repeat(images, 4, 0)[::4], 2, 1000, 0)
    assert len(every) == 3 * 16
    np.testing.assert_allclose(every, np.array(windows(images * 255, 2)), rtol=1e-6)
    few, same, others = (sample_patches("here", images, 2, 10, seed) for seed in (1, 1, 2))
    assert len(np.unique(few, axis=0)) == 10
    assert {tuple(p) for p in few} <= {tuple(p) for p in every}
    assert np.array_equal(few, same)
    assert not np.array_equal(few, others)


def small() -> cg.Circuit:
    layers = [cg.ConvLayer(4, 3, cg.Triangle(), cg.SoftHebb(0.05), cg.Pool(2))]
    return cg.hebbian_cnn((2, 12, 12), layers)


def test_white_takes_over_what_the_input_projected_to_and_its_neuron() -> None:
    plain, images = small(), photographs()
    circuit = cg.whitened(plain, images, 5)
    assert [p.name for p in circuit.populations] == ["image", "white", "conv1", "pool1"]
    assert circuit.population("image").neuron is None
    assert circuit.population("white").neuron == cg.BatchNorm()
    assert [(p.name, p.pre, p.post) for p in circuit.projections] == [
        ("image->white", "image", "white"),
        ("image->conv1", "white", "conv1"),
        ("conv1->pool1", "conv1", "pool1"),
    ]
    assert circuit.projection("image->white").fixed
    assert np.array_equal(circuit.projection("image->conv1").weight, plain.projection("image->conv1").weight)
    bare = cg.Circuit().add("image", (2, 12, 12)).connect("image", "y", cg.Conv(1), units=1)
    assert cg.whitened(bare, images, 5).population("white").neuron == cg.BatchNorm()


def test_a_network_sees_each_pixel_without_what_its_neighbours_tell() -> None:
    images = photographs(200)
    net = cg.compile(cg.whitened(small(), images, 5, 1e-4), keep=["white"])
    x = torch.from_numpy(images).float() / 255

    def alike(y: torch.Tensor) -> list[float]:
        y = y - y.mean((0, 2, 3), keepdim=True)
        beside, across = (y[..., 1:] * y[..., :-1]).mean(), (y[:, 0] * y[:, 1]).mean()
        return [abs(float(v / y.square().mean())) for v in (beside, across)]

    white = net.step(x)["white"]
    assert min(alike(x)) > 0.5
    assert max(alike(white)) < 0.1
    torch.testing.assert_close(white.mean((0, 2, 3)), torch.zeros(2), atol=1e-4, rtol=0)
    before = net.weights["image->white"].detach().clone()
    net.learn(net.step(x[:10]))
    assert torch.equal(net.weights["image->white"], before)


def test_a_whitened_circuit_is_edited_and_saved_as_any(tmp_path: Any) -> None:
    circuit = cg.whitened(small(), photographs(), 5)
    cg.save(circuit, tmp_path / "white.safetensors")
    assert cg.load(tmp_path / "white.safetensors") == circuit
    net = cg.compile(circuit)
    net.edit(cg.RemoveUnits("conv1", [0]))
    assert net(torch.zeros(2, 2, 12, 12)).shape == (2, 3, 6, 6)


@pytest.mark.parametrize(
    ("work", "message"),
    [
        (lambda: cg.whitening(photographs(), 4), "size has no centre"),
        (lambda: cg.whitening(photographs(), 13), "from 2 to 12"),
        (lambda: cg.whitening(photographs(), 3.0), "size"),
        (lambda: cg.whitening(photographs(), 3, 0), "eps"),
        (lambda: cg.whitening(photographs(), 3, float("nan")), "eps"),
        (lambda: cg.whitening(photographs()[0], 3), r"\(N, C, H, W\)"),
        (lambda: cg.whitening(photographs().astype(np.int64), 3), "images"),
        (lambda: cg.whitened_patches(photographs(), 13), "from 2 to 12"),
        (lambda: cg.whitened(small(), photographs(), 6), "size has no centre"),
        (lambda: cg.whitened(small(), photographs(units=3), 5), r"expected \(2, 12, 12\)"),
    ],
)
def test_sizes_and_images_that_do_not_fit_are_refused(work: Any, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        work()


@pytest.mark.parametrize(
    ("work", "message"),
    [
        (lambda: cg.whitening(photographs(12), 5), "got 12, expected at least 13 for 50 numbers a patch, 4 side by"),
        (lambda: cg.whitened_patches(photographs(0), 3), "too few images"),
        (lambda: cg.whitening(np.full_like(photographs(), 9), 3), "without contrast"),
        (lambda: cg.whitened_patches(np.full_like(photographs(), 9), 3), "without contrast"),
        (lambda: cg.whitening(np.full((80, 1, 8, 8), np.nan), 3), "NaN"),
        (lambda: cg.whitened(small(), photographs(3), 5), "too few images"),
    ],
)
def test_images_that_say_too_little_are_refused(work: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        work()


def test_circuits_without_one_input_or_with_a_white_already_are_refused() -> None:
    with pytest.raises(StructureError, match="one input"):
        cg.whitened(small().add("other", (2, 12, 12)), photographs(), 5)
    with pytest.raises(StructureError, match="white"):
        cg.whitened(cg.whitened(small(), photographs(), 5), photographs(), 5)
