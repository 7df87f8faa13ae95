"""End-to-end training by gradient, and the accuracy of a network whose output is labels."""

import torch
import torch.nn.functional as F
from torch import Tensor

from circuitgraph.compiler import Network
from circuitgraph.train.loop import Report, as_activity, batches, silent


def fit_end_to_end(
    net: Network,
    images: Tensor,
    labels: Tensor,
    *,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    weight_decay: float,
    rng: torch.Generator,
    validation: tuple[Tensor, Tensor] | None = None,
    report: Report = silent,
) -> list[dict[str, float]]:
    """Train every gradient projection by cross-entropy on the network's output, with AdamW and a one-cycle rate.

    Shape: images (N, *input) uint8, labels (N,).
    """
    optimizer = torch.optim.AdamW(net.parameters(), lr=learning_rate, weight_decay=weight_decay)
    per_epoch = sum(1 for _ in batches(len(images), batch_size, torch.Generator().manual_seed(0)))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, total_steps=epochs * per_epoch)
    history, done = [], 0
    for epoch in range(1, epochs + 1):
        net.train()
        losses = []
        for batch in batches(len(images), batch_size, rng):
            at = batch.to(images.device)
            state = net.step(as_activity(images[at]))
            loss = F.cross_entropy(state[net.plan.outputs[0]].flatten(1).float(), labels[at])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            net.learn(state)
            losses.append(loss.detach())
            done += 1
            if done % 10 == 0:
                report(done, epochs * per_epoch, {"loss": float(losses[-1])})
        row = {"epoch": float(epoch), "loss": float(torch.stack(losses).mean())}
        if validation is not None:
            row["validation"] = accuracy(net, *validation)
        history.append(row)
        report(done, epochs * per_epoch, {k: v for k, v in row.items() if k != "epoch"})
    return history


@torch.no_grad()
def accuracy(net: Network, images: Tensor, labels: Tensor, *, batch_size: int = 100) -> float:
    """Give the share of images, in percent, whose label is the network's strongest output, in eval mode."""
    net.eval()
    right = [
        (net(as_activity(a)).flatten(1).argmax(1) == b).sum()
        for a, b in zip(images.split(batch_size), labels.split(batch_size), strict=True)
    ]
    return 100.0 * int(sum(right)) / max(len(labels), 1)
