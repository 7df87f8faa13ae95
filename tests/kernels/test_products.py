"""Tiles of a product: every entry as a loop over samples gives it, whatever the processor and the shape."""

import numpy as np
import pytest
import torch

from circuitgraph.kernels.cpu import entries as listed
from circuitgraph.kernels.cpu import products
from circuitgraph.kernels.cpu.entries import Entries
from circuitgraph.kernels.cpu.registers import Shape

TILES = {
    "short registers": Shape(4, 3, 8),
    "long registers": Shape(8, 3, 16),
}
SHAPES = [
    (1, 1, 1),
    (130, 77, 1),
    (70, 1000, 1),
    (5, 3, 2),
    (8, 48, 4),
    (40, 64, 32),
    (100, 77, 3),
    (300, 1000, 37),
    (9, 2000, products.MOST_SAMPLES),
]


@pytest.fixture(autouse=True, params=TILES)
def tile(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Shape:
    """Compute as a processor with these registers would."""
    shape = TILES[request.param]
    for module in (products, listed):
        monkeypatch.setattr(module, "tile_shape", lambda: shape)
    if shape.width < 16:
        monkeypatch.setattr(products, "has_pairs", lambda: False)
    return shape


def draw(rows: int, columns: int, batch: int, dtype: torch.dtype, *, share: float = 0.7) -> tuple:
    """Give entries, their rows, pre- and postsynaptic activity, and what a loop over samples finds for each entry."""
    rng = np.random.default_rng(rows)
    at = np.flatnonzero(rng.random(rows * columns) < share)
    x, g = (torch.from_numpy(rng.normal(size=(batch, n))).to(dtype) for n in (columns, rows))
    met = np.zeros((rows, columns))
    for a, b in zip(x.double().numpy(), g.double().numpy(), strict=True):
        met += np.outer(b, a)
    return Entries(at, rows, columns), torch.from_numpy(at // columns), x, g, torch.from_numpy(met.ravel()[at])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("neuron_major", [False, True])
def test_entries_are_those_of_the_product(
    shape: tuple[int, int, int], dtype: torch.dtype, *, neuron_major: bool
) -> None:
    entries, _, x, g, found = draw(*shape, dtype)
    if neuron_major:
        x, g = (t.t().contiguous().t() for t in (x, g))
    assert products.fits(x, g)
    torch.testing.assert_close(entries.dots(x, g).double(), found, rtol=0, atol=2e-6 * shape[2] ** 0.5 * 8)


@pytest.mark.parametrize("share", [0.02, 0.3, 1.0])
@pytest.mark.parametrize("threads", [1, 3])
def test_entries_keep_to_their_places(share: float, threads: int) -> None:
    entries, _, x, g, found = draw(200, 900, 16, torch.float32, share=share)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        met = entries.dots(x, g)
    finally:
        torch.set_num_threads(before)
    torch.testing.assert_close(met.double(), found, rtol=0, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("unit_norm", [False, True])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_weights_change_by_what_is_found(shape: tuple[int, int, int], dtype: torch.dtype, *, unit_norm: bool) -> None:
    entries, row, x, g, found = draw(*shape, dtype)
    rng = torch.Generator().manual_seed(1)
    w, (gain, keep, shift) = torch.randn(len(row), generator=rng), torch.rand(3, shape[0], generator=rng)
    expected = (keep[row] * w + shift[row]).double() + gain[row].double() * found
    if unit_norm:
        squares = torch.zeros(shape[0], dtype=torch.float64).index_add_(0, row, expected**2)
        expected /= squares.sqrt()[row]
    before = w.clone()
    change = entries.changed(x, g, w, gain, keep, shift, unit_norm=unit_norm)
    assert torch.equal(w, before)
    change()
    torch.testing.assert_close(w.double(), expected, rtol=1e-5, atol=2e-6 * shape[2] ** 0.5 * 8)


def test_rows_without_entries_and_rows_of_zeros_stay() -> None:
    entries = Entries(np.array([3, 4]), 4, 3)
    assert entries.dots(torch.ones(2, 3), torch.arange(8.0).view(2, 4)).tolist() == [6.0, 6.0]
    w, factor = torch.zeros(2), torch.zeros(4)
    entries.changed(torch.ones(2, 3), torch.ones(2, 4), w, factor, factor, factor, unit_norm=True)()
    assert w.tolist() == [0.0, 0.0]


def test_what_is_not_a_number_reaches_its_own_entries_only() -> None:
    entries, _, x, g, found = draw(20, 60, 5, torch.float32, share=1.0)
    x[2, 59], g[1, 0] = torch.inf, torch.nan
    met = entries.dots(x, g).view(20, 60)
    touched = torch.zeros(20, 60, dtype=torch.bool)
    touched[0], touched[:, 59] = True, True
    assert not met[touched].isfinite().any()
    torch.testing.assert_close(met[~touched].double(), found.view(20, 60)[~touched], rtol=0, atol=1e-5)


@pytest.mark.parametrize("batch", [1, 16])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_threads_change_no_bit(dtype: torch.dtype, batch: int) -> None:
    entries, _, x, g, _ = draw(300, 500, batch, dtype)
    threads, found = torch.get_num_threads(), []
    try:
        for n in (1, 2, 3):
            torch.set_num_threads(n)
            found.append(entries.dots(x, g))
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("batch", [0, products.MOST_SAMPLES + 1])
def test_other_batches_and_types_go_through_the_whole_product(batch: int, dtype: torch.dtype) -> None:
    entries, row, x, g, found = draw(20, 30, batch, dtype)
    assert not products.fits(x, g)
    atol = {torch.float64: 1e-12, torch.float32: 1e-3}.get(dtype, 0.5)
    met = entries.dots(x, g)
    torch.testing.assert_close(met.double(), found, rtol=0, atol=atol)
    w, one = torch.zeros(len(row), dtype=met.dtype), torch.ones(20, dtype=met.dtype)
    entries.changed(x, g, w, one, one, one * 0, unit_norm=False)()
    torch.testing.assert_close(w, met, rtol=0, atol=0)


@pytest.mark.parametrize("batch", [1, 16])
def test_a_change_prepared_by_one_thread_is_made_by_one(batch: int) -> None:
    entries, row, x, g, found = draw(300, 500, batch, torch.float32)
    threads, ones = torch.get_num_threads(), torch.ones(300)
    w = torch.zeros(len(row))
    try:
        torch.set_num_threads(1)
        change = entries.changed(x, g, w, ones, ones, ones * 0, unit_norm=False)
        torch.set_num_threads(4)  # there is room for one
        change()
    finally:
        torch.set_num_threads(threads)
    torch.testing.assert_close(w.double(), found, rtol=0, atol=1e-4)


def test_activity_of_two_types_is_refused_as_by_any_product() -> None:
    entries, _, x, g, _ = draw(20, 30, 8, torch.float32)
    with pytest.raises(RuntimeError, match="same dtype"):
        entries.dots(x.bfloat16(), g)
