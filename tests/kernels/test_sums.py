"""Products with a matrix that bits describe, against the matrix written out in float64."""

import numpy as np
import pytest
import torch

import circuitgraph as cg
from circuitgraph.kernels import Masked, Reference, masked
from circuitgraph.kernels.cpu import bits, sums
from circuitgraph.kernels.cpu.entries import Entries

SHAPES = [
    (1, 1, 1),
    (5, 3, 1),
    (130, 77, 1),
    (200, 4400, 1),
    (3, 5, 2),
    (100, 300, 7),
    (9, 140, 8),
    (50, 77, 9),
    (1, 1, 16),
    (5, 3, 17),
    (8, 48, 33),
    (100, 77, 64),
    (513, 1025, 128),
    (300, 2000, sums.MOST_SAMPLES),
]

if not bits.has_bits():
    pytest.skip("this processor has no step for bits", allow_module_level=True)


def draw(rows: int, columns: int, batch: int, share: float = 0.7) -> tuple[Entries, torch.Tensor, torch.Tensor]:
    """Give entries, their weights, and both in a matrix."""
    rng = np.random.default_rng(rows)
    at = np.flatnonzero(rng.random(rows * columns) < share)
    values, matrix = rng.normal(size=len(at)).astype(np.float32), np.zeros(rows * columns)
    matrix[at] = values
    return Entries(at, rows, columns), torch.from_numpy(values), torch.from_numpy(matrix.reshape(rows, columns))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("neuron_major", [False, True])
@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_both_directions_are_products_with_the_matrix(
    shape: tuple[int, int, int], share: float, *, neuron_major: bool
) -> None:
    entries, values, matrix = draw(*shape, share)
    rng = torch.Generator().manual_seed(1)
    for carry, whole in ((entries.push, matrix.t()), (entries.pull, matrix)):
        x = torch.randn(shape[2], len(whole), generator=rng)
        x = x.t().contiguous().t() if neuron_major else x
        assert entries.multiplies(x, values)
        carried = carry(x, values)
        assert carried.dtype == torch.float32
        atol = 2e-6 * 5 * len(whole) ** 0.5
        torch.testing.assert_close(carried.double(), x.double() @ whole, rtol=0, atol=atol)


@pytest.mark.parametrize("columns", [16, 160, 400])
def test_a_dense_copy_holds_each_weight_once_and_zero_between(columns: int) -> None:
    entries, values, matrix = draw(37, columns, 1)
    copy = torch.full((37, columns), torch.nan) if columns % 16 == 0 else torch.zeros(37, columns)
    entries.spread(values, copy)
    assert torch.equal(copy.double(), matrix)


@pytest.mark.parametrize("batch", [1, 3, 20])
def test_weights_that_are_no_numbers_reach_their_own_row_only(batch: int) -> None:
    entries, values, _ = draw(40, 60, batch, 1.0)
    values[:60] = torch.nan
    pushed = entries.push(torch.ones(batch, 60), values)
    assert pushed[:, 0].isnan().all()
    assert pushed[:, 1:].isfinite().all()
    assert entries.pull(torch.zeros(batch, 40), values).isnan().all()  # zero times not a number, as in any product
    assert torch.equal(entries.push(torch.ones(batch, 60), torch.zeros_like(values)), torch.zeros(batch, 40))


@pytest.mark.parametrize("shape", [(70, 100, 1), (70, 100, 5)], ids=str)
def test_strided_activity_is_read_where_it_lies(shape: tuple[int, int, int]) -> None:
    entries, values, matrix = draw(*shape)
    x, g = torch.randn(shape[2], 2 * shape[1])[:, ::2], torch.randn(shape[2], 3 * shape[0])[:, 1::3]
    torch.testing.assert_close(entries.push(x, values).double(), x.double() @ matrix.t(), rtol=0, atol=1e-4)
    torch.testing.assert_close(entries.pull(g, values).double(), g.double() @ matrix, rtol=0, atol=1e-4)
    met = torch.einsum("br,bc->rc", g.double(), x.double())[matrix != 0]
    torch.testing.assert_close(entries.dots(x, g).double(), met, rtol=0, atol=1e-4)


def test_one_sample_meets_no_activity_where_no_synapse_is() -> None:
    entries, values, matrix = draw(70, 100, 1)
    silent = int((matrix != 0).sum(0).argmin())
    x = torch.ones(1, 100)
    x[0, silent] = torch.nan
    reached = matrix[:, silent] != 0
    assert not reached.all()
    assert torch.equal(entries.push(x, values)[0].isnan(), reached)
    assert int(entries.dots(x, torch.ones(1, 70)).isnan().sum()) == int(reached.sum())


def test_one_sample_of_half_width_meets_whole_weights() -> None:
    entries, values, matrix = draw(70, 100, 1)
    x, g = (torch.randn(1, n).bfloat16() for n in (100, 70))
    assert entries.multiplies(x, values)
    assert not entries.multiplies(x.expand(2, 100), values)
    for carried, exact in (
        (entries.push(x, values), x.double() @ matrix.t()),
        (entries.pull(g, values), g.double() @ matrix),
    ):
        assert carried.dtype == torch.bfloat16
        torch.testing.assert_close(carried.double(), exact, rtol=2**-8, atol=1e-5)


def test_long_sums_round_as_short_ones() -> None:
    entries, values, matrix = draw(40_000, 16, 1, 1.0)
    g = torch.randn(1, 40_000, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(entries.pull(g, values).double(), g.double() @ matrix, rtol=0, atol=2e-6 * 200)


@pytest.mark.parametrize("batch", [1, 5, 32])
def test_threads_change_no_bit(batch: int) -> None:
    entries, values, _ = draw(300, 500, batch)
    x, g = torch.randn(batch, 500), torch.randn(batch, 300)
    threads, found = torch.get_num_threads(), []
    try:
        for n in (1, 2, 3):
            torch.set_num_threads(n)
            found.append(torch.cat([entries.push(x, values), entries.pull(g, values)], 1))
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])


def test_a_kernel_with_few_gaps_needs_no_dense_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masked, "FEWEST", 0)
    wiring = cg.ErdosRenyi(0.8, seed=2), (4, 5), (3, 7)
    kernel, reference = Masked(*wiring), Reference(*wiring)
    rng = torch.Generator().manual_seed(3)
    x, g = torch.randn(32, 4, 5, generator=rng), torch.randn(32, 3, 7, generator=rng)
    w = torch.randn(kernel.n_weights, generator=rng)
    for batch in (32, 1, 2):
        torch.testing.assert_close(kernel.push(x[:batch], w), reference.push(x[:batch], w), rtol=0, atol=1e-5)
        torch.testing.assert_close(kernel.pull(g[:batch], w), reference.pull(g[:batch], w), rtol=0, atol=1e-5)
        w.data[3] += 1
    assert kernel._filled is None
    kernel.push(x.double(), w.double())
    assert kernel._filled is not None


def test_gradients_pass_as_through_the_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masked, "FEWEST", 0)
    circuit = cg.Circuit().add("x", 30).connect("x", "y", cg.ErdosRenyi(0.8, seed=1), units=20)
    found = []
    for name in ("masked", "reference"):
        net = cg.compile(circuit, kernels={"x->y": name})
        x = torch.randn(32, 30, generator=torch.Generator().manual_seed(0), requires_grad=True)
        y = net(x)
        assert isinstance(y, torch.Tensor)
        y.square().sum().backward()
        found.append([y, x.grad, *(p.grad for p in net.parameters())])
    for mine, expected in zip(*found, strict=True):
        torch.testing.assert_close(mine, expected, rtol=1e-5, atol=1e-5)
