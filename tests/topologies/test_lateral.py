"""Units on a sheet, and centre-surround weights."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import circuitgraph as cg
from circuitgraph.errors import ShapeError, StructureError
from circuitgraph.topologies import Lateral, difference_of_gaussians

sides, radii = st.integers(1, 5), st.sampled_from([0.5, 1.0, 1.5, 2.3, 9.0])


def apart(a: int, b: int, rows: int, columns: int, wrap: bool) -> float:
    gaps = [abs(a // columns - b // columns), abs(a % columns - b % columns)]
    if wrap:
        gaps = [min(gap, n - gap) for gap, n in zip(gaps, (rows, columns), strict=True)]
    return math.hypot(*gaps)


@given(sides, sides, radii, st.booleans(), st.booleans())
def test_neighbours_are_the_pairs_within_the_radius(
    rows: int, columns: int, radius: float, wrap: bool, loops: bool
) -> None:
    law, n = Lateral((rows, columns), radius, wrap, loops), rows * columns
    expected = [
        (post, pre, apart(pre, post, rows, columns, wrap))
        for post in range(n)
        for pre in range(n)
        if apart(pre, post, rows, columns, wrap) <= radius and (loops or pre != post)
    ]
    table = law.slots((n,), (n,))
    assert law.n_slots((n,), (n,)) == len(expected)
    assert list(zip(table.post.tolist(), table.pre.tolist(), strict=True)) == [e[:2] for e in expected]
    np.testing.assert_allclose(law.distances(), [e[2] for e in expected])


def test_units_at_all_sites_share_the_weights_of_their_sheet() -> None:
    law, x = Lateral((1, 3), 1.0), torch.arange(6.0).view(1, 3, 2)
    net = cg.compile(cg.Circuit().add("x", (3, 2)).connect("x", "y", law, weight=[1.0, 2.0, 3.0, 4.0]))
    a, b, c = x[0]
    torch.testing.assert_close(net(x)[0].double(), torch.stack([b, 2 * a + 3 * c, 4 * b]).double())
    assert law.n_slots((3, 2), (3, 2)) * 2 == law.n_synapses((3, 2), (3, 2))


def test_a_sheet_that_loses_a_unit_becomes_a_list_of_the_pairs_that_are_left() -> None:
    law, keep = Lateral((1, 4), 1.0), np.array([0, 1, 3])
    left, old = law.resized((4,), (4,), keep, keep)
    assert left == cg.Explicit([1, 0], [0, 1])
    assert old.tolist() == [0, 1]
    with pytest.raises(StructureError, match="no sheet to share"):
        law.resized((4, 2), (4, 2), keep, keep)


@given(sides, sides, radii, st.booleans(), st.floats(0.05, 3), st.floats(0.01, 2), st.floats(1, 4), st.floats(0.01, 50))
def test_nobody_on_a_sheet_hears_a_positive_sum_whether_it_hears_itself_or_not(
    rows: int, columns: int, radius: float, wrap: bool, sigma: float, wider: float, surround: float, strength: float
) -> None:
    n = rows * columns
    for loops in (True, False):
        law = Lateral((rows, columns), radius, wrap, loops)
        w = law.centre_surround(sigma, sigma + wider, surround=surround, strength=strength)
        assert len(w) == law.n_slots((n,), (n,))
        assert np.isfinite(w).all()
        for post in range(n):
            assert math.fsum(w[law.slots((n,), (n,)).post == post].tolist()) <= 0


def test_the_difference_of_gaussians_is_its_formula() -> None:
    distance, post = np.array([0.0, 1.0, 2.0, 0.0, 1.5]), np.array([0, 0, 0, 1, 1])
    w = difference_of_gaussians(distance, post, sigma_e=0.7, sigma_i=1.6, surround=1.25, strength=2.0)
    for k in range(5):
        share = {}
        for sigma in (0.7, 1.6):
            mine = [math.exp(-(distance[j] ** 2) / (2 * sigma**2)) for j in range(5) if post[j] == post[k]]
            share[sigma] = math.exp(-(distance[k] ** 2) / (2 * sigma**2)) / sum(mine)
        assert w[k] == pytest.approx(2.0 * (share[0.7] - 1.25 * share[1.6]), abs=1e-6)


@pytest.mark.parametrize(("sigma_e", "sigma_i", "size"), [(1.2, 1.3, 5), (1.0, 1.2, 3), (0.8, 1.1, 3)])
def test_sigmas_of_a_published_network_inhibit_here(sigma_e: float, sigma_i: float, size: int) -> None:
    # Nimmo and Mondragon (2025) divide an unbalanced difference by its centre, which then sums to 1.96, 2.79 and 1.73.
    r2 = ((np.indices((size, size)) - size // 2) ** 2).sum(0).ravel()
    theirs = [np.exp(-r2 / (2 * s**2)) / (2 * np.pi * s**2) for s in (sigma_e, sigma_i)]
    theirs = (theirs[0] - theirs[1]) / (theirs[0] - theirs[1]).max()
    assert theirs.sum() == pytest.approx({1.2: 1.96, 1.0: 2.79, 0.8: 1.73}[sigma_e], abs=0.01)
    w = difference_of_gaussians(np.sqrt(r2), sigma_e=sigma_e, sigma_i=sigma_i)
    assert -1e-6 < math.fsum(w.tolist()) <= 0
    assert w.min() < 0 < w.max() == w[len(w) // 2]


def test_a_unit_without_neighbours_has_no_weights() -> None:
    assert not len(Lateral((1, 1), 1.0).centre_surround(0.5, 1.0))
    assert not len(difference_of_gaussians(np.array([]), sigma_e=0.5, sigma_i=1.0))


@pytest.mark.parametrize("sheet", [(2,), (0, 3), (2.0, 3), "ab", 6, (1, 2, 3)])
def test_what_is_no_sheet_is_refused_at_once(sheet: object) -> None:
    with pytest.raises(ShapeError, match="Lateral: sheet"):
        Lateral(sheet, 1.0)  # type: ignore[arg-type]


@pytest.mark.parametrize("radius", [0, -1.0, math.nan, math.inf, True, "1"])
def test_what_is_no_radius_is_refused_at_once(radius: object) -> None:
    with pytest.raises(ShapeError, match="Lateral: radius"):
        Lateral((2, 2), radius)  # type: ignore[arg-type]


def test_a_population_of_another_size_than_the_sheet_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"got 5, expected 6"):
        cg.Circuit().add("x", 5).connect("x", "y", Lateral((2, 3), 1.0))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sigma_e": 2.0}, "no surround"),
        ({"sigma_e": 0.0}, "sigma_e"),
        ({"sigma_i": math.inf}, "sigma_i"),
        ({"surround": 0.99}, "would not inhibit"),
        ({"strength": -1.0}, "strength"),
    ],
)
def test_numbers_that_would_not_inhibit_are_refused(changes: dict[str, float], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        difference_of_gaussians(np.arange(3.0), **{"sigma_e": 0.5, "sigma_i": 1.0} | changes)  # type: ignore[arg-type]
