"""Neurons whose channels open and close with their voltage."""

from functools import cache
from numbers import Real
from typing import Any, NamedTuple

import torch
from torch import Tensor

from circuitgraph.errors import ShapeError
from circuitgraph.ir import value
from circuitgraph.neurons.neuron import Columns, Neuron
from circuitgraph.neurons.pointwise import need_positive
from circuitgraph.registry import neurons

REST_MV = -65.0
LOWEST_MV, HIGHEST_MV = -120.0, 80.0
"""Beyond these the gates stay as they are there: nothing is left to open or close, and no exponential overflows."""
INTERVALS = 1024
"""Of a table for narrow types; its error, below 1e-9, is less than the rounding of float32."""
SODIUM, POTASSIUM, LEAK = 120.0, 36.0, 0.3
"""Largest conductances in mS/cm2 (Hodgkin and Huxley 1952, table 3)."""


class Rates(NamedTuple):
    """How fast a gate opens (alpha) and closes (beta), in 1/ms, and how these change with voltage, in 1/(ms mV)."""

    alpha: Tensor
    beta: Tensor
    alpha_slope: Tensor
    beta_slope: Tensor


@neurons.register("hodgkin-huxley")
@value
class HodgkinHuxley(Neuron):
    """Pass the input on as far as sodium channels open before potassium channels do (Hodgkin and Huxley 1952).

    V = -65 mV + offset_mv + gain_mv * u, held for `time_ms` at gates that were in their steady state at -65 mV:
    g(t) = g_inf + (g_rest - g_inf) * exp(-(alpha_g + beta_g) * t),   g_inf = alpha_g / (alpha_g + beta_g),  g = n, m, h
    y = u * 120 m^3 h / (120 m^3 h + 36 n^4 + 0.3)

    That is dg/dt = alpha_g * (1 - g) - beta_g * g solved under voltage clamp: one step of exponential Euler is exact.
    Rates are those of 1952 in today's sign of voltage; 0 / 0 of alpha_n at -55 mV and of alpha_m at -40 mV are their
    limits.  Gates follow the voltage between -120 and 80 mV and stay as they are beyond.  Nothing is kept: in eval and
    in training the same input gives the same output, whatever came before.

    Raises:
        ShapeError: for a gain or a time that is not positive, or an offset that is no number from -50 to 50 mV.

    Example:
        >>> import torch
        >>> z, _ = HodgkinHuxley().drive({"in": torch.tensor([[-1.0, 0.0, 1.0, 2.0]])}, {}, training=False)
        >>> [[round(y, 3) for y in row] for row in z.tolist()]
        [[-0.0, 0.0, 0.556, 1.773]]
    """

    gain_mv: float = 20.0
    offset_mv: float = 0.0
    time_ms: float = 0.5

    def __post_init__(self) -> None:
        need_positive(self, "gain_mv", self.gain_mv)
        need_positive(self, "time_ms", self.time_ms)
        if isinstance(self.offset_mv, bool) or not (isinstance(self.offset_mv, Real) and -50 <= self.offset_mv <= 50):
            raise ShapeError(f"HodgkinHuxley: offset_mv (got {self.offset_mv!r}, expected a number from -50 to 50)")

    def drive(self, ports: Columns, memory: Columns, *, training: bool) -> tuple[Tensor, dict[str, Tensor]]:
        u = ports["in"]
        y: Tensor = _Gated.apply(u, float(self.gain_mv), REST_MV + float(self.offset_mv), float(self.time_ms))
        return y, {}

    @classmethod
    def examples(cls) -> list[Neuron]:
        return [cls(), cls(25.0, 10.0, 1.0), cls(100.0, -20.0)]


class _Gated(torch.autograd.Function):
    """Keep dy/du, which costs little on the way, in place of the eighty tensors behind it."""

    @staticmethod
    def forward(ctx: Any, u: Tensor, gain: float, zero: float, time: float) -> Tensor:
        wide = u if u.dtype == torch.float64 else u.float()
        exact = u.dtype == torch.float64 or torch.compiler.is_compiling()  # the compiler makes one loop of all
        y, slope = (_response if exact else _looked_up)(wide, gain, zero, time)
        ctx.save_for_backward(u, slope.to(u.dtype))
        ctx.clamp = gain, zero, time
        return y.to(u.dtype)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, None, None, None]:
        u, slope = ctx.saved_tensors
        if torch.is_grad_enabled():  # somebody asks for second derivatives
            slope = _response(u, *ctx.clamp)[1]
        return g * slope, None, None, None


def _response(u: Tensor, gain: float, zero: float, time: float) -> tuple[Tensor, Tensor]:
    """Give y = u * share(V) and dy/du = share + u * gain * share'(V)."""
    v = u * gain + zero
    share, slope = sodium_share(v.clamp(LOWEST_MV, HIGHEST_MV), time)
    inside = (v >= LOWEST_MV) & (v <= HIGHEST_MV)
    return u * share, share + u * gain * torch.where(inside, slope, 0)


def _looked_up(u: Tensor, gain: float, zero: float, time: float) -> tuple[Tensor, Tensor]:
    """Do what `_response` does from a table, closer to the truth than its formula in float32.

    A tenth of the time: 10 against 140 ns a number on one core of a server that is busy, float32.
    """
    step = (HIGHEST_MV - LOWEST_MV) / INTERVALS
    at = u * (gain / step) + (zero - LOWEST_MV) / step
    within = at.clamp(0, INTERVALS * (1 - 1e-7))
    interval = within.int()
    s, index = within - interval, interval.flatten()
    c0, c1, c2, c3 = (c.index_select(0, index).view_as(s) for c in _table(time, u.device))
    share, slope = ((c3 * s + c2) * s + c1) * s + c0, (3 * c3 * s + 2 * c2) * s + c1
    return u * share, share + u * (gain / step) * torch.where(at == within, slope, 0)


@cache
def _table(time_ms: float, device: torch.device) -> tuple[Tensor, ...]:
    """Give the coefficients of cubics that meet sodium's share and its slope at the ends of equal intervals."""
    with torch.inference_mode(False):  # what was made in that mode could not be used outside it
        v = torch.linspace(LOWEST_MV, HIGHEST_MV, INTERVALS + 1, dtype=torch.float64)
        share, slope = sodium_share(v, time_ms)
        slope = slope * (v[1] - v[0])
        a, b, da, db = share[:-1], share[1:], slope[:-1], slope[1:]
        return tuple(c.float().to(device) for c in (a, da, 3 * (b - a) - 2 * da - db, 2 * (a - b) + da + db))


def sodium_share(v: Tensor, time_ms: float) -> tuple[Tensor, Tensor]:
    """Give sodium's share of a clamped membrane's conductance, and how it changes with voltage, in 1/mV.

    Shape: v in mV -> same, twice.

    Example:
        >>> share, slope = sodium_share(torch.tensor([-65.0, -40.0, 20.0], dtype=torch.float64), 0.5)
        >>> [round(s, 4) for s in share.tolist()]
        [0.0157, 0.7057, 0.9252]
    """
    rest = rates(v.new_full((), REST_MV))
    (n, dn), (m, dm), (h, dh) = (_relaxed(now, was, time_ms) for now, was in zip(rates(v), rest, strict=True))
    m_squared, n_cubed = m * m, n * n * n  # torch's pow takes ten times as long
    sodium, others = SODIUM * m_squared * m * h, POTASSIUM * n_cubed * n + LEAK
    sodium_slope, others_slope = SODIUM * m_squared * (3 * dm * h + m * dh), 4 * POTASSIUM * n_cubed * dn
    total = sodium + others
    return sodium / total, (sodium_slope * others - sodium * others_slope) / total.square()


def rates(v: Tensor) -> tuple[Rates, Rates, Rates]:
    """Give the rates of n, m and h at a voltage in mV (Hodgkin and Huxley 1952, equations 12, 13, 20, 21, 23, 24).

    Example:
        >>> n, m, h = rates(torch.tensor(-55.0))
        >>> n.alpha.item(), round(h.beta.item(), 4)
        (0.10000000149011612, 0.1192)
    """
    alpha_n, slope_n = _ramp((v + 55) / 10)
    alpha_m, slope_m = _ramp((v + 40) / 10)
    beta_n, beta_m = 0.125 * torch.exp((v + 65) / -80), 4 * torch.exp((v + 65) / -18)
    alpha_h, beta_h = 0.07 * torch.exp((v + 65) / -20), torch.sigmoid((v + 35) / 10)
    return (
        Rates(0.1 * alpha_n, beta_n, 0.01 * slope_n, beta_n / -80),
        Rates(alpha_m, beta_m, 0.1 * slope_m, beta_m / -18),
        Rates(alpha_h, beta_h, alpha_h / -20, beta_h * (1 - beta_h) / 10),
    )


def _ramp(x: Tensor) -> tuple[Tensor, Tensor]:
    """Give x / (1 - exp(-x)) and its slope; around 0, where that is 0 / 0, their series, good to 1e-14 there."""
    near = x.abs() < 0.1
    far, small = torch.where(near, 1, x), torch.where(near, x, 0)
    gap, square = -torch.expm1(-far), small.square()
    ratio = far / gap
    series = 1 + small / 2 + square / 12 * (1 - square / 60 * (1 - square / 42))
    slope = 0.5 + small / 6 * (1 - square / 30 * (1 - square / 28))
    return torch.where(near, series, ratio), torch.where(near, slope, (1 + far - ratio) / gap)


def _relaxed(now: Rates, was: Rates, time_ms: float) -> tuple[Tensor, Tensor]:
    """Give a gate that was in one steady state and has had some time at another voltage, and its slope."""
    total = now.alpha + now.beta
    begin, end, left = was.alpha / (was.alpha + was.beta), now.alpha / total, torch.exp(total * -time_ms)
    end_slope = (now.alpha_slope * now.beta - now.alpha * now.beta_slope) / total.square()
    return (
        end + (begin - end) * left,
        end_slope * (1 - left) - (begin - end) * left * time_ms * (now.alpha_slope + now.beta_slope),
    )
