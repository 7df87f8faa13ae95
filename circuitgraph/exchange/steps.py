"""A module that steps through time, for circuits whose loops are no layer of torch."""

import torch
from torch import Tensor, nn


class Steps(nn.Module):
    """Call a module of one time step again and again, and hand it what was said before.

    `step` takes the inputs and then, for each population of `late`, its outputs one step ago, two steps ago and so on;
    it returns the outputs and the present outputs of those populations.  Shape: xs (T, B, *shape) -> (T, B, *shape).
    """

    def __init__(self, step: nn.Module, late: dict[str, tuple[int, ...]], depth: dict[str, int]) -> None:
        super().__init__()
        self.step, self.late, self.depth = step, late, depth

    def forward(self, *xs: Tensor) -> Tensor:
        batch = xs[0].shape[1]
        past = {n: [xs[0].new_zeros(batch, *shape)] * self.depth[n] for n, shape in self.late.items()}
        outputs = []
        for now in zip(*xs, strict=True):
            y, said = self.step(*now, *(ago for name in self.late for ago in past[name]))
            outputs.append(y)
            past = {name: [said[name], *past[name]][: self.depth[name]] for name in self.late}
        return torch.stack(outputs)
