"""SoftHebb on CIFAR-10 shapes: circuitgraph against the published formulation and against hand-written torch.

Three things are timed in one process, interleaved, median of rounds, on random images of CIFAR-10's shape:
  step     one unsupervised step (forward and weight change of all three layers, batch 10)
  readout  one epoch of the read-out over 50,000 images
The published formulation is written plainly from Journe et al. (2023) and their released code's description: float32,
contiguous tensors, the weight change as a convolution of transposed tensors, a head that runs the trunk again for every
batch of 64 in every epoch.  Hand-written torch is the same maths and layout as circuitgraph's fast path, without it.

    python benchmarks/softhebb.py [--rounds 15]        writes benchmarks/results/softhebb_step.jsonl
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

import circuitgraph as cg
from circuitgraph.bench.cifar10 import RECIPE
from circuitgraph.bench.report import environment
from circuitgraph.train import ReadoutSettings, extract, fit_readout

RESULTS = Path(__file__).parent / "results" / "softhebb_step.jsonl"
# Units in and out, kernel, gain, rate, power, pool.
LAYERS = [(3, 96, 5, 1.0, 0.08, 0.7), (96, 384, 3, 0.65, 0.005, 1.4), (384, 1536, 3, 0.25, 0.01, 1.0)]


def pool(i: int, a: Tensor) -> Tensor:
    return F.avg_pool2d(a, 2) if i == 2 else F.max_pool2d(a, 4, 2, 1)


class Published:
    """The published formulation, plainly."""

    def __init__(self) -> None:
        self.weights = [torch.randn(o, i, k, k) * 25 / (i * k * k) ** 0.5 for i, o, k, *_ in LAYERS]
        self.norms = [torch.nn.BatchNorm2d(i, affine=False) for i, *_ in LAYERS]

    def layer(self, n: int, x: Tensor, *, learn: bool) -> Tensor:
        _, _, k, gain, rate, power = LAYERS[n]
        w, p = self.weights[n], k // 2
        x = F.pad(self.norms[n](x), (p, p, p, p), mode="reflect")
        u = F.conv2d(x, w)
        if learn:
            flat = u.transpose(0, 1).reshape(u.shape[1], -1)
            y = torch.softmax(gain * flat, dim=0)
            winner = y.argmax(0)
            signed = -y
            at = torch.arange(y.shape[1])
            signed[winner, at] = y[winner, at]
            y = signed.view(u.shape[1], u.shape[0], *u.shape[2:]).transpose(0, 1)
            yx = F.conv2d(x.transpose(0, 1), y.transpose(0, 1)).transpose(0, 1)
            yu = (y * u).sum((0, 2, 3))
            dw = yx - yu.view(-1, 1, 1, 1) * w
            dw = dw / (dw.abs().amax() + 1e-30)
            norm = w.view(len(w), -1).norm(dim=1)
            w += (rate * ((norm - 1).abs() + 1e-10) ** 0.5).view(-1, 1, 1, 1) * dw
        a = F.relu(u - u.mean(1, keepdim=True)) ** power
        return pool(n, a)

    def forward(self, x: Tensor, *, learn: bool) -> Tensor:
        for n in range(3):
            x = self.layer(n, x, learn=learn)
        return x

    def train(self, mode: bool) -> None:
        for norm in self.norms:
            norm.train(mode)


class HandWritten:
    """Plain torch with every trick by hand: channels last, one layout for weight, update and norm, pool first."""

    def __init__(self, dtype: torch.dtype) -> None:
        self.dtype = dtype
        self.weights = [torch.randn(o, k * k * i) * 25 / (i * k * k) ** 0.5 for i, o, k, *_ in LAYERS]
        self.means = [torch.zeros(i) for i, *_ in LAYERS]
        self.variances = [torch.ones(i) for i, *_ in LAYERS]

    @torch.no_grad()
    def step(self, images: Tensor) -> None:
        x = images.float().div_(255).to(self.dtype)
        for n, (i, o, k, gain, rate, power) in enumerate(LAYERS):
            w = self.weights[n]
            variance, mean = torch.var_mean(x.float(), (0, 2, 3), correction=0)
            count = x.numel() // i
            self.means[n].lerp_(mean, 0.1)
            self.variances[n].lerp_(variance * count / (count - 1), 0.1)
            r = (variance + 1e-5).rsqrt()
            x = torch.addcmul((-mean * r).to(x.dtype).view(1, -1, 1, 1), x, r.to(x.dtype).view(1, -1, 1, 1))
            p = k // 2
            padded = F.pad(x, (p, p, p, p), mode="reflect").contiguous(memory_format=torch.channels_last)
            filters = w.to(x.dtype).view(o, k, k, i).permute(0, 3, 1, 2)
            u = F.conv2d(padded, filters)
            b, _, h, v = u.shape
            rows = u.permute(0, 2, 3, 1).reshape(-1, o)
            y = torch.softmax(rows if gain == 1 else rows * gain, 1)
            won, best = y.max(1, keepdim=True)
            y = y.neg_().scatter_(1, best, won)
            yu = (y * rows).sum(0, dtype=torch.float32)
            if i == 384:
                s = padded.permute(0, 2, 3, 1).stride()
                windows = padded.permute(0, 2, 3, 1).as_strided(
                    (b, h, v, k, k, i), (s[0], s[1], s[2], s[1], s[2], s[3])
                )
                dw = (y.t() @ windows.reshape(b * h * v, k * k * i)).float()
            else:
                g = y.view(b, h, v, o).permute(0, 3, 1, 2)
                grad = torch.ops.aten.convolution_backward(
                    g, padded, filters, None, [1, 1], [0, 0], [1, 1], False, [0, 0], 1, [False, True, False]
                )[1]
                dw = grad.permute(0, 2, 3, 1).reshape(o, -1).float()
            dw.addcmul_(w, yu.view(-1, 1), value=-1)
            eta = rate * ((torch.linalg.vector_norm(w, dim=1) - 1).abs() + 1e-10).sqrt()
            w.addcmul_(dw, (eta / (dw.abs().amax() + 1e-30)).view(-1, 1))
            z = u - u.mean(1, keepdim=True)
            x = pool(n, z.relu()) if n == 2 else pool(n, z).relu_()
            x = x if power == 1 else x.pow_(power)


def ours(dtype: torch.dtype) -> tuple[cg.Network, Callable[[Tensor], None]]:
    preset = RECIPE.presets["softhebb"]
    net = cg.compile(preset.build((3, 32, 32), 10, preset.settings, 0), activity_dtype=dtype)

    @torch.no_grad()
    def step(images: Tensor) -> None:
        net.learn(net.step(images.float().div_(255)))

    return net, step


def interleaved(variants: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in variants}
    for r in range(rounds + 2):
        for name, run in variants.items():
            start = time.perf_counter()
            run()
            if r >= 2:
                times[name].append(time.perf_counter() - start)
    return times


def measure_steps(images: Tensor, rounds: int) -> dict[str, list[float]]:
    published = Published()
    variants: dict[str, Callable[[], object]] = {}

    def publish() -> None:
        with torch.no_grad():
            published.forward(images.float() / 255, learn=True)

    variants["published fp32"] = publish
    for dtype in (torch.bfloat16, torch.float32):
        short = {torch.bfloat16: "bf16", torch.float32: "fp32"}[dtype]
        by_hand, (_, step) = HandWritten(dtype), ours(dtype)
        variants[f"hand-written {short}"] = lambda h=by_hand: h.step(images)
        variants[f"circuitgraph {short}"] = lambda s=step: s(images)
    return interleaved(variants, rounds)


def measure_readout(images: Tensor, rounds: int) -> dict[str, list[float]]:
    """Seconds for 50 epochs over 50,000 images, from a part of them: everything here is linear in images and epochs."""
    n, epochs = 50_000, 50
    published = Published()
    published.train(False)
    head = torch.nn.Linear(24576, 10)
    optimizer = torch.optim.Adam(head.parameters(), lr=1e-3)
    labels = torch.randint(0, 10, (len(images),))

    def publish() -> None:
        with torch.no_grad():
            x = published.forward(images[:64].float() / 255, learn=False)
        loss = F.cross_entropy(head(F.dropout(x.flatten(1), 0.5)), labels[:64])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    net, _ = ours(torch.bfloat16)
    cached = extract(net, images)
    one = ReadoutSettings(epochs=1)
    rng = torch.Generator().manual_seed(0)
    times = interleaved(
        {
            "published": publish,
            "features": lambda: extract(net, images),
            "epoch": lambda: fit_readout(cached, labels, 10, one, rng=rng),
        },
        rounds,
    )
    scale = n / len(images)
    return {
        "published fp32": [t * epochs * n / 64 for t in times["published"]],
        "circuitgraph bf16": [scale * (f + epochs * e) for f, e in zip(times["features"], times["epoch"], strict=True)],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    torch.set_flush_denormal(True)
    cg.tune_allocator()
    torch.manual_seed(0)
    lines = []
    for what, times in (
        ("step, batch 10", measure_steps(torch.randint(0, 256, (10, 3, 32, 32), dtype=torch.uint8), rounds)),
        (
            "read-out, 50 epochs of 50,000 (extrapolated)",
            measure_readout(torch.randint(0, 256, (2000, 3, 32, 32), dtype=torch.uint8), max(3, rounds // 5)),
        ),
    ):
        base = statistics.median(times["published fp32"])
        for name, values in times.items():
            median = statistics.median(values)
            paired = [
                a / b
                for a, b in zip(values, times.get(name.replace("circuitgraph", "hand-written"), values), strict=True)
            ]
            lines.append(
                {
                    "what": what,
                    "variant": name,
                    "seconds": round(median, 5),
                    "min": round(min(values), 5),
                    "max": round(max(values), 5),
                    "rounds": len(values),
                    "times_faster_than_published": round(base / median, 2),
                    "ratio_to_hand_written": round(statistics.median(paired), 3)
                    if name.startswith("circuitgraph") and "step" in what
                    else None,
                }
                | environment(torch.device("cpu"))
            )
            print(
                f"{what:<48}{name:<22}{median:10.4f} s   {base / median:6.2f} x published"
                f"   to hand-written {lines[-1]['ratio_to_hand_written']}"
            )
    RESULTS.write_text("".join(json.dumps(line) + "\n" for line in lines))


if __name__ == "__main__":
    main()
