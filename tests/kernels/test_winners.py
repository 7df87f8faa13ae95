"""The strongest neurons of each sample, against sorting."""

import pytest
import torch

from circuitgraph.errors import ShapeError
from circuitgraph.kernels import k_winners

pytest.importorskip("numba")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("batch", "n", "k"),
    [(1, 1, 1), (3, 5, 5), (17, 33, 1), (20, 100, 7), (32, 40, 6), (2, 1000, 999), (33, 1500, 75)],
)
def test_winners_are_the_first_of_a_stable_sort(batch: int, n: int, k: int, dtype: torch.dtype) -> None:
    rng = torch.Generator().manual_seed(n)
    for u in (
        torch.randn(batch, n, generator=rng, dtype=dtype),
        torch.randint(-2, 3, (batch, n), generator=rng).to(dtype),  # many equals
        torch.full((batch, n), -1.5, dtype=dtype),
        (40 * torch.randn(batch, n, generator=rng, dtype=dtype)).exp(),  # many sizes, and infinity
        torch.randn(batch, n, generator=rng, dtype=dtype).clamp(min=0),  # many zeros
    ):
        for given_u in (u, u.t().contiguous().t()):
            best = torch.argsort(u, dim=1, descending=True, stable=True)[:, :k]
            expected = torch.zeros_like(u).scatter_(1, best, u.gather(1, best))
            assert torch.equal(k_winners(given_u, k), expected)


def test_gradients_reach_winners_only() -> None:
    u = torch.tensor([[3.0, -1.0, 2.0, 0.5]], requires_grad=True)
    k_winners(u, 2).sum().backward()
    assert u.grad is not None
    assert u.grad.tolist() == [[1.0, 0.0, 1.0, 0.0]]


@pytest.mark.parametrize("bits", [0x7FC00000, -0x400000, -1])
def test_what_is_no_number_wins_whatever_its_sign(bits: int) -> None:
    u = torch.arange(60.0).view(3, 20)
    u[1, 4] = torch.tensor([bits], dtype=torch.int32).view(torch.float32)[0]
    for given_u in (u, u.t().contiguous().t()):
        kept = k_winners(given_u, 2)[1]
        assert kept[4].isnan()
        assert kept[19] == 39
        assert kept.count_nonzero() == 2


@pytest.mark.parametrize(("u", "k"), [([0.0, -1.0, -2.0], 1), ([0.0, 1.0, 0.0], 2), ([-1.0, 0.0, 3.0], 2)])
def test_gradients_reach_a_winner_that_is_zero(u: list[float], k: int) -> None:
    given = torch.tensor([u], requires_grad=True)
    k_winners(given, k).sum().backward()
    best = torch.argsort(given.detach(), dim=1, descending=True, stable=True)[:, :k]
    assert given.grad is not None
    assert torch.equal(given.grad, torch.zeros(1, 3).scatter_(1, best, 1.0))


def test_samples_of_a_transform_find_the_same() -> None:
    u = torch.randn(3, 4, 9, generator=torch.Generator().manual_seed(0))
    assert torch.equal(torch.vmap(lambda v: k_winners(v, 2))(u), torch.stack([k_winners(v, 2) for v in u]))


@pytest.mark.parametrize(("shape", "k"), [((2, 3), 4), ((2, 3), 0), ((3,), 1), ((1, 2, 3), 1)])
def test_more_winners_than_neurons_are_refused(shape: tuple[int, ...], k: int) -> None:
    with pytest.raises(ShapeError, match="k_winners: got"):
        k_winners(torch.ones(shape), k)
