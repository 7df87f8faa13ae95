"""Compiled passes over rows of units against torch's operators."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import circuitgraph as cg
from circuitgraph.kernels import units
from circuitgraph.kernels.units import rows_of

pytest.importorskip("numba")
SHAPES = [(3000, 7), (100, 130), (5, 33, 9, 10), (2, 16, 40, 40), (1, 1, 100, 100)]
POOLS = [((4, 4), (2, 2), (1, 1)), ((2, 3), (3, 1), (0, 1)), ((1, 1), (1, 1), (0, 0)), ((3, 3), (4, 5), (1, 1))]


def activity(*shape: int, seed: int = 0) -> Tensor:
    u = 3 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) + 1
    return u.to(memory_format=torch.channels_last) if len(shape) == 4 else u


def by_torch(monkeypatch: pytest.MonkeyPatch, work: Callable[[], object]) -> object:
    with monkeypatch.context() as patch:
        patch.setattr(units, "LEAST", 1 << 60)
        return work()


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_passes_equal_torch_to_rounding(shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    u = activity(*shape)
    assert rows_of(u) is not None, "not taken by the compiled pass"
    works: list[Callable[[], object]] = [
        lambda: units.centre(u),
        lambda: units.mean_and_variance(u),
        lambda: units.total(u) / 100,
        lambda: units.shares(u, 0.7, 0.0, anti=True),
        lambda: units.shares(u, 1.0, 0.1, anti=False),
        lambda: units.shares(u, 2.0, 0.2, anti=True),
    ]
    for work in works:
        torch.testing.assert_close(work(), by_torch(monkeypatch, work), rtol=1e-5, atol=3e-6)


def test_a_share_too_small_for_float32_is_nothing_and_one_too_strong_does_not_overflow() -> None:
    u = activity(600, 16)
    u[:, 3] = 1e30
    y, product = units.shares(u, 1.0, 0.0, anti=True)
    assert torch.equal(y[:, 3], torch.ones(600))
    assert float(y[:, :3].abs().max()) < 1e-37
    assert torch.equal(product[:, 3], -u[:, 3])


def test_among_equals_the_first_wins() -> None:
    y, _ = units.shares(torch.zeros(600, 16), 1.0, 0.0, anti=True)
    assert torch.equal(y[0].sign(), torch.tensor([1.0] + [-1.0] * 15))
    negative, _ = units.shares(torch.full((600, 16), -2.0), 1.0, 0.0, anti=True)
    torch.testing.assert_close(negative, y)


@pytest.mark.parametrize("window", POOLS, ids=str)
@pytest.mark.parametrize("shape", [(3, 20, 15, 13), (1, 128, 9, 8)], ids=str)
def test_pooling_is_torch_pooling(window: tuple[tuple[int, ...], ...], shape: tuple[int, ...]) -> None:
    x = activity(*shape)
    x = torch.where(x > 4, float("inf"), torch.where(x < -4, -float("inf"), x)).to(memory_format=torch.channels_last)
    x[0, 0, 3, 3] = float("nan")
    found, (kernel, stride, padding) = units.max_pool(x, *window), window
    torch.testing.assert_close(found, F.max_pool2d(x, kernel, stride, padding), rtol=0, atol=0, equal_nan=True)
    assert found.is_contiguous(memory_format=torch.channels_last)


def test_what_is_not_a_number_stays_so() -> None:
    u = activity(100, 130)
    u[5, 7] = float("nan")
    for found in (units.centre(u)[5], *(part[5] for part in units.shares(u, 1.0, 0.0, anti=True))):
        assert found.isnan().any()
    assert units.total(u)[7].isnan()
    assert units.mean_and_variance(u)[1][7].isnan()


def test_variance_far_from_zero_is_exact() -> None:
    u = activity(4000, 5) + 3000
    mean, variance = units.mean_and_variance(u)
    torch.testing.assert_close(mean, u.double().mean(0).float(), rtol=1e-7, atol=0)
    torch.testing.assert_close(variance, u.double().var(0, correction=0).float(), rtol=1e-5, atol=0)


def test_gradients_other_types_and_other_layouts_are_left_to_torch() -> None:
    u = activity(2, 16, 40, 40)
    assert rows_of(u.contiguous()) is None
    assert rows_of(u.double()) is None
    assert rows_of(u.clone().requires_grad_()) is None
    with torch.no_grad():
        assert rows_of(u.clone().requires_grad_()) is not None
    seen: list[bool] = []
    torch.func.vjp(lambda a: seen.append(rows_of(a) is None) or a * 2, u)  # type: ignore[func-returns-value]
    torch.func.vmap(lambda a: seen.append(rows_of(a) is None) or a * 2, out_dims=0)(u[None])  # type: ignore[func-returns-value]
    with torch.autograd.forward_ad.dual_level():
        seen.append(rows_of(u) is None)
    assert seen == [True, True, True]


def test_passes_do_not_depend_on_the_number_of_threads() -> None:
    u, before, found = activity(2, 16, 40, 40), torch.get_num_threads(), []
    try:
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            found.append([
                units.centre(u), *units.mean_and_variance(u), units.total(u), *units.shares(u, 1.0, 0.0, anti=True),
                units.max_pool(u, (4, 4), (2, 2), (1, 1)),
            ])  # fmt: skip
    finally:
        torch.set_num_threads(before)
    for others in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], others, strict=True))


def test_a_network_learns_the_same_by_compiled_passes_and_by_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = torch.Generator().manual_seed(0)
    circuit = (
        cg.Circuit()
        .add("image", (3, 16, 16), neuron=cg.BatchNorm())
        .connect("image", "a", cg.Conv(3, padding=1), units=32, neuron=cg.Triangle(0.7), rule=cg.SoftHebb(0.05))
        .connect("a", "p", cg.Pool(4, 2, 1), neuron=cg.BatchNorm())
        .connect("p", "b", cg.Conv(3, padding=1), units=48, neuron=cg.Triangle(), rule=cg.SoftHebb(0.05, cutoff=0.01))
    )
    x, circuit = torch.rand(8, 3, 16, 16, generator=rng), cg.compile(circuit).snapshot()

    def learned() -> list[Tensor]:
        net = cg.compile(circuit).train()
        for _ in range(3):
            net.learn(net.step(x))
        return [*(w.detach() for w in net.weights.values()), net.eval()(x)]

    torch.testing.assert_close(learned(), by_torch(monkeypatch, learned), rtol=1e-4, atol=1e-5)
