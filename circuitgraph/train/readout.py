"""A linear read-out on cached features."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from circuitgraph.train.loop import Report, batches, silent


@dataclass(frozen=True)
class ReadoutSettings:
    """How a linear read-out is fitted: cross-entropy, Adam with decoupled weight decay, dropout on the features.

    The rate halves at 20, 35, 50, 60, 70, 80 and 90 % of the epochs (Journe et al. 2023).
    """

    epochs: int = 50
    batch_size: int = 256
    learning_rate: float = 1e-3
    dropout: float = 0.5
    weight_decay: float = 0.0
    label_smoothing: float = 0.0


class Readout(nn.Module):
    """A linear classifier on features, zero at the start.  Shape: (N, features) -> (N, classes), float32."""

    def __init__(self, n_features: int, n_classes: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(n_classes, n_features))
        self.bias = nn.Parameter(torch.zeros(n_classes))

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x.float(), self.weight, self.bias)

    def contrast(self, dtype: torch.dtype) -> Tensor:
        """Give the weights less their mean over classes, which softmax does not see, in a narrower type.

        What all classes share is some thousand times what tells them apart when features are never negative; rounded
        to 8 bits with it, the difference would be lost.
        """
        return (self.weight.detach() - self.weight.detach().mean(0)).to(dtype)

    @torch.no_grad()
    def accuracy(self, x: Tensor, labels: Tensor, *, batch_size: int = 1000) -> float:
        """Give the share of right answers, in percent."""
        right = [
            (self(a).argmax(1) == b).sum() for a, b in zip(x.split(batch_size), labels.split(batch_size), strict=True)
        ]
        return 100.0 * int(sum(right)) / max(len(labels), 1)


def fit_readout(
    features: Tensor, labels: Tensor, n_classes: int, settings: ReadoutSettings, *, rng: torch.Generator,
    validation: tuple[Tensor, Tensor] | None = None, report: Report = silent,
) -> tuple[Readout, list[dict[str, float]]]:  # fmt: skip
    """Fit a linear read-out on cached features; the validation accuracy, if asked for, is read after every fifth epoch.

    Shape: features (N, D), labels (N,).
    """
    readout = Readout(features.shape[1], n_classes).to(features.device)
    optimizer = torch.optim.AdamW(readout.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
    drop, history = Dropout(settings.dropout, features, rng), []
    for epoch in range(1, settings.epochs + 1):
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate * _halvings(epoch - 1, settings.epochs)
        losses = []
        for batch in batches(len(features), settings.batch_size, rng):
            at = batch.to(features.device)
            x = drop(features.index_select(0, at))
            losses.append(_readout_step(readout, x, labels[at], settings.label_smoothing, drop.gain))
            optimizer.step()
        row = {"epoch": float(epoch), "loss": float(torch.stack(losses).mean())}
        if validation is not None and (epoch % 5 == 0 or epoch == settings.epochs):
            row["validation"] = readout.accuracy(*validation)
        history.append(row)
        report(epoch, settings.epochs, {k: v for k, v in row.items() if k != "epoch"})
    return readout, history


def _readout_step(readout: Readout, x: Tensor, labels: Tensor, smoothing: float, gain: float) -> Tensor:
    """Set the gradients by hand: the features need none, and the products stay in their narrow type."""
    with torch.no_grad():
        logits = F.linear(x, readout.contrast(x.dtype)).float() * gain + readout.bias
    logits.requires_grad_()
    loss = F.cross_entropy(logits, labels, label_smoothing=smoothing)
    (g,) = torch.autograd.grad(loss, logits)
    readout.weight.grad = (g.to(x.dtype).t() @ x).float() * gain
    readout.bias.grad = g.sum(0)
    return loss.detach()


class Dropout:
    """Silence features at random; what remains is to be multiplied by `gain`.

    On CPUs torch draws one number per feature, which costs many times the read-out's arithmetic; here one random
    byte serves eight features (probability one half) or one (others, in steps of 1/256).
    """

    def __init__(self, probability: float, like: Tensor, rng: torch.Generator) -> None:
        self.probability, self.gain = probability, 1 / (1 - probability)
        width = {2: np.int16, 4: np.int32}.get(like.element_size())
        self._bits = like.device.type == "cpu" and probability == 0.5 and width is not None and like.shape[1] % 8 == 0
        self._rng = np.random.default_rng(int(torch.randint(2**31, (), generator=rng)))
        self._masks = np.array([[-(b >> k & 1) for k in range(8)] for b in range(256)], dtype=width).view(np.int64)

    def __call__(self, x: Tensor) -> Tensor:
        if not self.probability:
            return x
        if self._bits:
            drawn = np.frombuffer(self._rng.bytes(x.numel() // 8), dtype=np.uint8)
            mask = torch.from_numpy(self._masks.take(drawn, axis=0)).view(len(x), -1)
            return torch.bitwise_and(x.view(torch.int64), mask).view(x.dtype)
        if x.device.type == "cpu":
            drawn = np.frombuffer(self._rng.bytes(x.numel()), dtype=np.uint8).reshape(x.shape)
            return x * torch.from_numpy(drawn >= round(256 * self.probability))
        return F.dropout(x, self.probability) * (1 - self.probability)


def _halvings(epoch: int, epochs: int) -> float:
    return float(0.5 ** sum(epoch >= share * epochs for share in (0.2, 0.35, 0.5, 0.6, 0.7, 0.8, 0.9)))
