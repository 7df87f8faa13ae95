"""Energy paths: shapes, what is fitted to images, and what does not fit."""

import dataclasses

import numpy as np
import pytest
import torch

import circuitgraph as cg
from circuitgraph.errors import DataError, ShapeError
from circuitgraph.nets import EnergyPath, energy_cnn, fit_energy_cnn

PATH = EnergyPath(words=6, kept=5, components=8, codes=10)
SHORT = EnergyPath(4, words=7, codes=0)


def pictures(n: int = 60, size: int = 16) -> np.ndarray:
    """Blurred noise, so that neighbours are alike."""
    noise = np.random.default_rng(0).normal(size=(n, 3, size + 2, size + 2))
    blurred = sum(noise[:, :, i : i + size, j : j + size] for i in range(3) for j in range(3))
    return np.clip(128 + 20 * np.asarray(blurred), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def fitted() -> cg.Circuit:
    return fit_energy_cnn(energy_cnn((3, 16, 16), [PATH, SHORT], rng=0), [PATH, SHORT], pictures(), rng=1)


def activity(circuit: cg.Circuit, *names: str) -> list[torch.Tensor]:
    net = cg.compile(circuit, keep=names).eval()
    with torch.no_grad():
        state = net.step(torch.from_numpy(pictures()).float() / 255)
    return [state[name] for name in names]


def test_paths_stand_side_by_side_and_a_short_one_pools_its_words(fitted: cg.Circuit) -> None:
    shapes = {p.name: p.shape for p in fitted.populations}
    assert shapes["pool1"] == (10, 2, 2)
    assert shapes["pool2"] == (14, 2, 2)
    assert "codes2" not in shapes
    assert not any(p.rule for p in fitted.projections)
    free = ["white1->words1", "parts1->codes1", "white2->words2"]
    assert [p.name for p in fitted.projections if not p.fixed] == free


def test_fitting_changes_weights_only_and_is_the_same_for_the_same_seed(fitted: cg.Circuit) -> None:
    blank = energy_cnn((3, 16, 16), [PATH, SHORT], rng=0)
    assert [p.topology for p in blank.projections] == [p.topology for p in fitted.projections]
    assert fit_energy_cnn(blank, [PATH, SHORT], pictures(), rng=1) == fitted
    assert fit_energy_cnn(blank, [PATH, SHORT], pictures(), rng=2) != fitted


def test_words_come_with_their_opposites_and_have_norm_one(fitted: cg.Circuit) -> None:
    words = fitted.projection("white1->words1").weight.reshape(12, -1)
    np.testing.assert_array_equal(words[:6], -words[6:])
    np.testing.assert_allclose(np.linalg.norm(words, axis=1), 1, rtol=1e-5)
    bias = fitted.population("words1").memory["bias"]
    assert (bias < 0).all()
    assert len(set(bias.tolist())) == 1


def test_components_have_no_correlations_and_parts_have_norm_one(fitted: cg.Circuit) -> None:
    even, parts = activity(fitted, "even1", "parts1")
    rows = even.movedim(1, -1).flatten(0, 2).double()
    covariance = torch.cov(rows.T)
    off = covariance - covariance.diag().diag()
    assert off.abs().max() < 0.1 * covariance.diag().mean()
    assert rows.mean(0).abs().max() < 0.1 * rows.std()
    torch.testing.assert_close(parts.norm(dim=1), torch.ones_like(parts[:, 0]), atol=2e-3, rtol=0)


def test_codes_are_energies_of_the_likeness_to_parts_that_were_seen(fitted: cg.Circuit) -> None:
    parts, codes = activity(fitted, "parts1", "codes1")
    w = torch.tensor(fitted.projection("parts1->codes1").weight).view(10, 8)
    torch.testing.assert_close(codes, torch.einsum("uk,bkhw->buhw", w, parts).square())
    assert codes.max() <= 1 + 1e-3
    torch.testing.assert_close(w.norm(dim=1), torch.ones(10))


def test_averaging_over_neighbours_leaves_a_constant_as_it_is() -> None:
    circuit = energy_cnn((1, 20, 20), [dataclasses.replace(PATH, step=3)])
    weight = circuit.projection("words1->blurred1").weight.reshape(12, -1)
    np.testing.assert_allclose(weight.sum(1), 1, rtol=1e-6)
    np.testing.assert_array_equal(weight[0].reshape(6, 6), weight[0].reshape(6, 6)[::-1, ::-1])


@pytest.mark.parametrize(
    ("shape", "paths", "message"),
    [
        ((3, 16, 16), [], "no paths"),
        ((3, 16, 16), [dataclasses.replace(PATH, size=17)], "layer 1 does not fit"),
        ((3, 8, 8), [dataclasses.replace(PATH, cells=3)], "cells"),
        ((16,), [PATH], "expected images"),
    ],
)
def test_a_path_that_does_not_fit_is_named(shape: tuple[int, ...], paths: list[EnergyPath], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        energy_cnn(shape, paths)


def test_too_few_images_or_components_that_are_not_there_are_refused() -> None:
    blank = energy_cnn((3, 16, 16), [PATH])
    with pytest.raises(DataError, match="too few images"):
        fit_energy_cnn(blank, [PATH], pictures(19))
    greedy = dataclasses.replace(PATH, kept=13)
    with pytest.raises(ShapeError, match="at most 12"):
        fit_energy_cnn(energy_cnn((3, 16, 16), [greedy]), [greedy], pictures())
