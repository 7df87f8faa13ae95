"""Amounts: exactly as many as asked, the lowest first, ties by index."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from circuitgraph.errors import NumericError, ShapeError, StructureError
from circuitgraph.structural import Count, ErdosRenyiKernel, Fraction, Global, Threshold, ToDensity
from circuitgraph.structural.amounts import Amount, Candidates, lowest, share_out

# Few different numbers make ties.
SCORES = st.lists(st.sampled_from([0.0, -0.0, 0.5, 1.0, 2.0, math.inf]), min_size=1, max_size=30)
LAYERS = st.lists(SCORES, min_size=1, max_size=5)


def parts(layers: list[list[float]], whole: int = 2) -> list[Candidates]:
    return [Candidates(str(i), torch.tensor(s), (len(s), whole)) for i, s in enumerate(layers)]


def gone(amount: Amount, layers: list[list[float]], whole: int = 2) -> list[list[int]]:
    return [mask.nonzero()[:, 0].tolist() for mask in amount.select(parts(layers, whole))]


def first(scores: list[float], n: int) -> list[int]:
    """Choose by sorting: the lowest, and of equal ones those with the lower index."""
    return sorted(sorted(range(len(scores)), key=lambda k: (scores[k], k))[:n])


@settings(deadline=None)
@given(SCORES, st.integers(0, 30), st.sampled_from([torch.float32, torch.float64, torch.bfloat16, torch.int64]))
def test_the_lowest_are_those_that_sorting_finds(scores: list[float], n: int, dtype: torch.dtype) -> None:
    n, scores = min(n, len(scores)), [3.0 if dtype == torch.int64 and math.isinf(s) else s for s in scores]
    given = torch.tensor(scores, dtype=dtype)
    assert lowest(given, n).nonzero()[:, 0].tolist() == first(given.tolist(), n)


def test_a_large_vector_full_of_ties_is_cut_exactly() -> None:
    score = torch.randint(0, 5, (100_000,), generator=torch.Generator().manual_seed(0)).float()
    order = np.argsort(score.numpy(), kind="stable")
    for n in (1, 777, 50_000, 99_999):
        assert np.array_equal(np.flatnonzero(lowest(score, n).numpy()), np.sort(order[:n]))


@settings(deadline=None)
@given(LAYERS, st.integers(0, 30))
def test_count_removes_so_many_of_each_or_is_refused(layers: list[list[float]], n: int) -> None:
    if n > min(map(len, layers)):
        with pytest.raises(ShapeError, match=f"got {n}"):
            gone(Count(n), layers)
    else:
        assert gone(Count(n), layers) == [first(s, n) for s in layers]


@settings(deadline=None)
@given(LAYERS, st.floats(0, 1))
def test_a_fraction_is_of_what_is_there_and_leaves_one(layers: list[list[float]], share: float) -> None:
    expected = [len(s) if share == 1 else min(round(share * len(s)), len(s) - 1) for s in layers]
    assert gone(Fraction(share), layers) == [first(s, n) for s, n in zip(layers, expected, strict=True)]


@settings(deadline=None)
@given(LAYERS, st.floats(0, 1), st.integers(1, 4))
def test_a_density_is_of_the_whole_law(layers: list[list[float]], density: float, whole: int) -> None:
    left = [len(s) - len(g) for s, g in zip(layers, gone(ToDensity(density), layers, whole), strict=True)]
    keep = [round(density * len(s) * whole) for s in layers]
    assert left == [min(len(s), max(k, 1) if density else k) for s, k in zip(layers, keep, strict=True)]


@settings(deadline=None)
@given(LAYERS, st.sampled_from([-1.0, 0.5, 1.0, 3.0]))
def test_a_threshold_removes_what_is_below_but_the_best(layers: list[list[float]], bound: float) -> None:
    below = [sum(s < bound for s in scores) for scores in layers]
    expected = [first(s, min(n, len(s) - 1)) for s, n in zip(layers, below, strict=True)]
    assert gone(Threshold(bound), layers) == expected


@settings(deadline=None)
@given(LAYERS, st.floats(0, 1))
def test_a_global_budget_is_exact_and_leaves_each_its_best(layers: list[list[float]], share: float) -> None:
    total = sum(map(len, layers))
    n = total if share == 1 else min(round(share * total), total - 1)
    if total > n > total - len(layers):
        with pytest.raises(StructureError, match="empty"):
            gone(Global(Fraction(share)), layers)
        return
    found = gone(Global(Fraction(share)), layers)
    assert sum(map(len, found)) == n
    everyone = [(s, layer, k) for layer, scores in enumerate(layers) for k, s in enumerate(scores)]
    plain = {(layer, k) for _, layer, k in sorted(everyone)[:n]}
    if all(any((layer, k) not in plain for k in range(len(s))) for layer, s in enumerate(layers)) or n == total:
        assert {(layer, k) for layer, ks in enumerate(found) for k in ks} == plain
    else:
        for scores, ks in zip(layers, found, strict=True):
            left = [s for k, s in enumerate(scores) if k not in ks]
            assert left
            assert max(left) == max(scores)


def test_a_global_threshold_spares_the_best_of_each() -> None:
    layers = [[0.1, 0.3, 0.2], [1.0, 3.0], [0.0]]
    assert gone(Global(Threshold(2.0)), layers) == [[0, 2], [0], []]


def test_normalised_scores_are_compared_within_their_projection() -> None:
    layers = [[1.0, 2.0, 3.0], [10.0, 20.0, 60.0]]
    assert gone(Global(Count(2)), layers) == [[0, 1], []]
    for normalize in ("sum", "max", "norm"):
        assert gone(Global(Count(2), normalize=normalize), layers) == [[0], [0]]
    assert gone(Global(Count(1), normalize="sum"), [[0.0, 0.0], [1.0, 2.0]]) == [[0], []]


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40), st.floats(0, 1)), min_size=1, max_size=5),
    st.floats(0.001, 1),
)
def test_erdos_renyi_densities_follow_the_formula_and_their_total_is_exact(
    shapes: list[tuple[int, int, float]], density: float
) -> None:
    have = [max(1, round(a * b * present)) for a, b, present in shapes]
    candidates = [Candidates(str(i), torch.rand(k), s[:2]) for i, (k, s) in enumerate(zip(have, shapes, strict=True))]
    budget = round(density * sum(a * b for a, b, _ in shapes))
    if budget < len(shapes):
        with pytest.raises(StructureError, match="empty"):
            ErdosRenyiKernel(density).select(candidates)
        return
    left = [int((~mask).sum()) for mask in ErdosRenyiKernel(density).select(candidates)]
    assert sum(left) == min(budget, sum(have))
    assert all(1 <= n <= k for n, k in zip(left, have, strict=True))
    # One factor for all that were not capped: found by bisection.
    low, high = 0.0, float(sum(have))
    for _ in range(100):
        factor = (low + high) / 2
        much = sum(min(k, factor * (a + b)) for k, (a, b, _) in zip(have, shapes, strict=True)) > min(budget, sum(have))
        low, high = (low, factor) if much else (factor, high)
    for n, k, (a, b, _) in zip(left, have, shapes, strict=True):
        assert abs(n - min(k, high * (a + b))) < 1 + 1e-6 or n == 1 or any(m == 1 for m in left)


def test_convolutions_count_their_kernel() -> None:
    candidates = [
        Candidates("conv", torch.rand(16 * 32 * 9), (16, 32, 3, 3)),
        Candidates("fc", torch.rand(1000), (100, 10)),
    ]
    conv, fc = (int((~mask).sum()) for mask in ErdosRenyiKernel(0.1).select(candidates))
    assert conv + fc == round(0.1 * (16 * 32 * 9 + 1000))
    assert conv / fc == pytest.approx((16 + 32 + 3 + 3) / (100 + 10), rel=0.01)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 20)), min_size=1, max_size=6), st.integers(0, 130))
def test_a_number_is_shared_out_exactly(rows: list[tuple[int, int]], budget: int) -> None:
    sizes, most = (np.array(column) for column in zip(*rows, strict=True))
    shares = share_out(budget, sizes.astype(float), most)
    assert shares.sum() == min(budget, most.sum())
    assert (shares <= most).all()
    assert (shares >= 0).all()


def test_a_ramp_sets_the_density_of_amounts_that_have_one() -> None:
    assert ToDensity(0.5).to(0.25) == ToDensity(0.25)
    assert ErdosRenyiKernel(0.5).to(0.25) == ErdosRenyiKernel(0.25)
    assert Global(ToDensity(0.5), normalize="max").to(0.25) == Global(ToDensity(0.25), normalize="max")
    for amount in (Count(3), Fraction(0.5), Global(Count(3))):
        with pytest.raises(StructureError, match="no amount of density"):
            amount.to(0.25)


def test_what_has_no_whole_has_no_density() -> None:
    units = [Candidates("h", torch.rand(5))]
    for amount in (ToDensity(0.5), ErdosRenyiKernel(0.5), Global(ToDensity(0.5))):
        with pytest.raises(StructureError, match="density of what has no whole"):
            amount.select(units)


def test_nan_is_refused_wherever_it_is() -> None:
    with pytest.raises(NumericError, match="NaN"):
        lowest(torch.tensor([1.0, math.inf, -math.inf, math.nan]), 0)
    with pytest.raises(NumericError, match="x->y"):
        Count(1).select([Candidates("x->y", torch.tensor([math.nan, 1.0]))])


@pytest.mark.parametrize(
    "make",
    [
        lambda: Count(-1),
        lambda: Count(True),
        lambda: Count(0.5),
        lambda: Fraction(1.5),
        lambda: Fraction(math.nan),
        lambda: Fraction("half"),
        lambda: Threshold(math.inf),
        lambda: ToDensity(-0.1),
        lambda: ErdosRenyiKernel(2),
        lambda: Global(0.5),
        lambda: Global(Global(Count(1))),
        lambda: Global(Count(1), normalize="median"),
    ],
)
def test_bad_amounts_are_refused_at_once(make: object) -> None:
    with pytest.raises(ShapeError, match="got"):
        make()  # type: ignore[operator]
