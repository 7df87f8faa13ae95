"""Convolution against torch's own operator and autograd, and the ways to pair against each other."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import circuitgraph as cg
from circuitgraph.ir import Shape
from circuitgraph.kernels import ConvKernel, Reference, conv
from circuitgraph.kernels.cpu import windows
from circuitgraph.kernels.cpu.windows import pair_windows

LAWS = [
    (cg.Conv(3, padding=1, mode="reflect"), (2, 7), 3),
    (cg.Conv(3, stride=2, dilation=2), (2, 9), 4),
    (cg.Conv(3, padding=1, mode="reflect"), (3, 5, 6), 4),
    (cg.Conv(5, padding=2, mode="reflect"), (2, 6, 6), 3),
    (cg.Conv((3, 2), stride=(2, 1), padding=1), (2, 6, 5), 3),
    (cg.Conv(3, padding=2, mode="circular", dilation=2), (1, 5, 7), 2),
    (cg.Conv(3, padding=1, groups=2), (4, 5, 5), 6),
    (cg.Conv(3, padding=1, groups=4), (4, 5, 5), 4),
    (cg.Conv(1), (3, 4, 4), 2),
    (cg.Conv(2, stride=2), (2, 4, 4, 6), 3),
    (cg.Conv(3, padding=1, mode="reflect"), (1, 3, 4, 3), 2),
]


def operands(law: cg.Conv, pre: Shape, units: int, batch: int = 3, dtype: torch.dtype = torch.float64) -> tuple:
    rng, post = torch.Generator().manual_seed(0), law.post_shape(pre, units)
    x = torch.randn(batch, *pre, generator=rng, dtype=torch.float64).to(dtype)
    w = torch.randn(law.n_slots(pre, post), generator=rng, dtype=torch.float64).to(dtype)
    return post, x, w, torch.randn(batch, *post, generator=rng, dtype=torch.float64).to(dtype)


def torch_conv(law: cg.Conv, x: Tensor, w: Tensor, units: int) -> Tensor:
    rank = x.ndim - 2
    window = law.window(rank)
    mode = "constant" if law.mode == "zeros" else law.mode
    padded = F.pad(x, [p for axis in reversed(window["padding"]) for p in (axis, axis)], mode=mode)
    filters = w.view(units, *window["kernel"], -1).movedim(-1, 1)
    convolve = (F.conv1d, F.conv2d, F.conv3d)[rank - 1]
    return convolve(padded, filters, stride=window["stride"], dilation=window["dilation"], groups=law.groups)


@pytest.mark.parametrize(("law", "pre", "units"), LAWS, ids=str)
def test_push_pull_and_pair_are_torch_convolution_and_its_gradients(law: cg.Conv, pre: Shape, units: int) -> None:
    post, x, w, g = operands(law, pre, units)
    kernel = ConvKernel(law, pre, post)
    leaves = x.clone().requires_grad_(), w.clone().requires_grad_()
    y = torch_conv(law, *leaves, units)
    to_x, to_w = torch.autograd.grad(y, leaves, g)
    torch.testing.assert_close(kernel.push(x, w), y.detach(), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(kernel.pull(g, w), to_x, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(kernel.pair(x, g), to_w, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("law", "pre", "units"), LAWS, ids=str)
def test_a_loss_behind_the_kernel_has_the_gradients_of_torch(law: cg.Conv, pre: Shape, units: int) -> None:
    post, x, w, _ = operands(law, pre, units)
    ours, theirs = ((x.clone().requires_grad_(), w.clone().requires_grad_()) for _ in range(2))
    ConvKernel(law, pre, post)(*ours).square().sum().backward()
    torch_conv(law, *theirs, units).square().sum().backward()
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize(("law", "pre", "units"), [w for w in LAWS if w[0].groups == 1], ids=str)
def test_the_three_ways_to_pair_agree(law: cg.Conv, pre: Shape, units: int, monkeypatch: pytest.MonkeyPatch) -> None:
    post, x, _, g = operands(law, pre, units, dtype=torch.float32)
    g = g * (torch.rand(g.shape, generator=torch.Generator().manual_seed(1)) < 0.3)
    kernel = ConvKernel(law, pre, post)
    calls: list[str] = []
    monkeypatch.setattr(windows, "pair_windows", lambda *a: calls.append("events") or pair_windows(*a))
    monkeypatch.setattr(ConvKernel, "_unfold", _spy(ConvKernel._unfold, calls, "im2col"))
    found = {}
    # (fan-in from which im2col is used, density below which events are): each choice forces one way.
    for way, (fan_in, density) in {"gradient": (10**9, 0.0), "im2col": (0, 0.0), "events": (0, 1.1)}.items():
        monkeypatch.setattr(conv, "IM2COL_FAN_IN", fan_in)
        monkeypatch.setattr(conv, "EVENT_DENSITY", density)
        calls.clear()
        with torch.no_grad():
            found[way] = kernel.pair(x, g)
        assert calls == {"gradient": [], "im2col": ["im2col"], "events": ["events"]}[way]
    expected = Reference(law, pre, post).pair(x.double(), g.double()).float()
    for way, dw in found.items():
        torch.testing.assert_close(dw, expected, rtol=1e-4, atol=1e-4, msg=way)


def _spy(method: object, calls: list[str], name: str) -> object:
    def spied(self: ConvKernel, padded: Tensor) -> Tensor:
        calls.append(name)
        return method(self, padded)  # type: ignore[operator]

    return spied


def test_events_pair_in_bfloat16_with_sums_in_float32() -> None:
    x, g = torch.ones(40, 3, 10, 10).bfloat16(), torch.ones(40, 2, 10, 10).bfloat16()
    met = pair_windows(x, g, [1, 1], [1, 1], [1, 1])
    assert met.dtype == torch.float32
    assert met.tolist() == [4000.0] * 6


def test_units_without_an_event_get_no_change() -> None:
    x, g = torch.ones(1, 3, 5), torch.zeros(1, 3, 5)
    g[0, 1, 2] = 2.0
    assert pair_windows(x, g, [1], [1], [1]).tolist() == [0, 0, 0, 2, 2, 2, 0, 0, 0]


@pytest.mark.parametrize("units", [1, 16, 37])
@pytest.mark.parametrize("pre", [1, 30, 130])
def test_events_fill_windows_of_any_width(units: int, pre: int) -> None:
    rng = torch.Generator().manual_seed(0)
    x, g = torch.randn(3, pre, 7, generator=rng), torch.randn(3, units, 5, generator=rng)
    g = g * (torch.rand(g.shape, generator=rng) < 0.2)
    expected = torch.stack([torch.einsum("bis,bos->oi", x[:, :, t : t + 5], g) for t in range(3)], dim=1)
    torch.testing.assert_close(pair_windows(x, g, [3], [1], [1]), expected.flatten(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("law", "pre", "units"), LAWS, ids=str)
def test_an_empty_batch_pushes_pulls_and_pairs_nothing(law: cg.Conv, pre: Shape, units: int) -> None:
    post, x, w, g = operands(law, pre, units, batch=0)
    kernel = ConvKernel(law, pre, post)
    assert kernel.push(x, w).shape == (0, *post)
    assert kernel.pull(g, w).shape == (0, *pre)
    assert not kernel.pair(x, g).any()


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_layout_of_activity_does_not_matter(layout: torch.memory_format) -> None:
    law, pre, units = LAWS[2]
    post, x, w, g = operands(law, pre, units)
    kernel = ConvKernel(law, pre, post)
    x_laid, g_laid = x.contiguous(memory_format=layout)[:, :, :], g.contiguous(memory_format=layout)
    assert torch.equal(kernel.push(x_laid, w), kernel.push(x, w))
    torch.testing.assert_close(kernel.pull(g_laid, w), kernel.pull(g, w))
    torch.testing.assert_close(kernel.pair(x_laid, g_laid), kernel.pair(x, g))


def test_a_slice_of_a_larger_batch_is_read_where_it_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    # The unfolded view is built from strides, and must start at the slice's own offset.
    monkeypatch.setattr(conv, "IM2COL_FAN_IN", 0)
    monkeypatch.setattr(conv, "EVENT_DENSITY", 0.0)
    law, pre = cg.Conv(3), (2, 5, 5)
    post, x, _, g = operands(law, pre, 3, batch=4, dtype=torch.float32)
    x = x.contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        got = ConvKernel(law, pre, post).pair(x[2:], g[2:])
    torch.testing.assert_close(got, Reference(law, pre, post).pair(x[2:], g[2:]), rtol=1e-5, atol=1e-5)


def test_bfloat16_activity_meets_float32_weights() -> None:
    law, pre, units = LAWS[2]
    post, x, w, g = operands(law, pre, units, dtype=torch.float32)
    kernel, x16, g16 = ConvKernel(law, pre, post), x.bfloat16(), g.bfloat16()
    assert kernel.push(x16, w).dtype == kernel.pull(g16, w).dtype == torch.bfloat16
    assert kernel.pair(x16, g16).dtype == torch.float32
    torch.testing.assert_close(kernel.push(x16, w).float(), kernel.push(x, w), rtol=3e-2, atol=1e-1)
