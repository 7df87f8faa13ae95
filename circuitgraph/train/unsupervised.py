"""Passes without labels: rules act after every batch."""

import torch
from torch import Tensor

from circuitgraph.compiler import Network
from circuitgraph.compiler.parts import ends_of
from circuitgraph.train.loop import Report, as_activity, batches, silent


def unsupervised_pass(
    net: Network,
    images: Tensor,
    *,
    batch_size: int = 10,
    passes: int = 1,
    decay: bool = False,
    rng: torch.Generator,
    report: Report = silent,
    every: int = 50,
) -> list[dict[str, float]]:
    """Show images to a network and let its rules act after every batch.  Returns the mean weight norms on the way.

    With `decay` the changes shrink linearly from batch to batch, the last one to nearly nothing.

    Shape: images (N, *input) uint8, 0 to 255.
    """
    net.train()
    total, done, history = passes * (len(images) // batch_size or 1), 0, [weight_norms(net)]
    with torch.no_grad():
        for _ in range(passes):
            for batch in batches(len(images), batch_size, rng, least=batch_size if len(images) >= batch_size else 2):
                scale = 1 - done / total if decay else 1.0
                net.learn(net.step(as_activity(images[batch.to(images.device)])), scale=scale)
                done += 1
                if done % every == 0 or done == total:
                    history.append({"step": done} | weight_norms(net))
                    report(done, total, weight_norms(net))
    return history


def settle_memory(net: Network, images: Tensor, *, batch_size: int = 100, n: int = 5000) -> None:
    """Let running statistics settle on some images while no weight changes (for untrained networks)."""
    if not any(True for _ in net.memory.buffers()):
        return
    net.train()
    with torch.no_grad():
        for batch in images[:n].split(batch_size):
            net.learn(net.step(as_activity(batch)), scale=0.0)


def weight_norms(net: Network) -> dict[str, float]:
    """Give the mean norm of a postsynaptic unit's weights, for each projection with a rule."""
    return {
        p.name: float(ends_of(net.ends, p.name).norm(net.weights[p.name].detach()).mean())
        for p in net.circuit.projections
        if p.rule is not None
    }
