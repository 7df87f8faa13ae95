"""The compiled search for the strongest loser against selection by torch and by sorting."""

import pytest
import torch
from torch import Tensor

from circuitgraph.kernels import units
from circuitgraph.kernels.nearest import nearest_winners

pytest.importorskip("numba")
SHAPES = [(600, 16), (100, 130), (40, 2048), (5000, 2), (2000, 7), (2, 33, 16, 10)]
DTYPES = [torch.float32, torch.bfloat16]
LOOKS = {
    "normal": lambda u: u,
    "skewed": lambda u: (3 * u).exp(),
    "equal": lambda u: torch.full_like(u, -2.0),
    "few values, zeros of both signs": lambda u: (2 * u).round(),
    "negative": lambda u: -u.abs(),
    "of all sizes": lambda u: torch.where(u > 0, u * 1e30, u * 1e-30),
}


def activity(shape: tuple[int, ...], look: str = "normal", dtype: torch.dtype = torch.float32) -> Tensor:
    u = LOOKS[look](torch.randn(*shape, generator=torch.Generator().manual_seed(0))).to(dtype)
    return u.to(memory_format=torch.channels_last) if len(shape) == 4 else u


def by_sorting(u: Tensor, k: int, *, rectified: bool) -> Tensor:
    rows = u.movedim(1, -1)
    passed = rows - rows.sort(-1, descending=True).values[..., k : k + 1]
    return (passed.clamp(min=0) if rectified else (passed > 0).to(u.dtype)).movedim(-1, 1)


@pytest.mark.parametrize("rectified", [False, True])
@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_pass_finds_those_who_pass_the_strongest_loser(
    shape: tuple[int, ...], dtype: torch.dtype, look: str, rectified: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    u = activity(shape, look, dtype)
    assert units.rows_of(u, (dtype,)) is not None, "not taken by the compiled pass"
    for k in {1, max(1, round(0.4 * shape[1])), shape[1] - 1}:
        found = nearest_winners(u, k, rectified=rectified)
        assert found.stride() == u.stride()
        torch.testing.assert_close(found, by_sorting(u, k, rectified=rectified), rtol=0, atol=0)
        with monkeypatch.context() as patch:
            patch.setattr(units, "LEAST", 1 << 60)
            torch.testing.assert_close(nearest_winners(u, k, rectified=rectified), found, rtol=0, atol=0)


@pytest.mark.parametrize("rectified", [False, True])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_what_is_not_a_number_stays_so_and_takes_a_place(dtype: torch.dtype, rectified: bool) -> None:
    u = activity((100, 130), dtype=dtype)
    u[5, 7] = float("nan")
    found = nearest_winners(u, 10, rectified=rectified)
    assert found[5, 7].isnan()
    assert int(found.isnan().sum()) == 1
    assert int((found[5] > 0).sum()) <= 9


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_infinities_are_ordered_as_numbers_are(dtype: torch.dtype) -> None:
    u = activity((100, 130), dtype=dtype)
    u[3, 2], u[4, :20], u[6] = float("inf"), -float("inf"), -float("inf")
    torch.testing.assert_close(nearest_winners(u, 50, rectified=False), (u > threshold(u, 50)).to(dtype))


def threshold(u: Tensor, k: int) -> Tensor:
    return u.sort(1, descending=True).values[:, k : k + 1]


def test_the_pass_does_not_depend_on_the_number_of_threads() -> None:
    u, before, found = activity((2, 33, 16, 10)), torch.get_num_threads(), []
    try:
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            found.append(nearest_winners(u, 9, rectified=True))
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(found[0], other) for other in found[1:])
