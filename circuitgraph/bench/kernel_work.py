"""What the kernel benchmark times: five pieces of work, by every engine and by dense products."""

import importlib.util
from collections.abc import Callable, Mapping
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from circuitgraph.ir import Shape, Topology, n_neurons
from circuitgraph.kernels import Kernel, Setting
from circuitgraph.kernels.rows import by_slot
from circuitgraph.kernels.tune import draw, operands, update_call

Work = Mapping[str, Callable[[], object]]
"""One call of each method, by name."""

METHODS: dict[str, str] = {
    "push": "activity forward",
    "pull": "error backward",
    "pair": "pre times post, for every synapse",
    "update": "Oja's rule in place: pair, decay and write",
    "train": "push, pull, pair and a step of SGD",
}
RATE = 1e-9
"""Too small to change anything: weights stay the same however often a method is timed."""


def engine_work(kernel: Kernel, setting: Setting) -> Work:
    """Give the work as a kernel does it, weights as one flat vector, activity laid out as the kernel leaves it."""
    x, g, w = operands(kernel, setting)
    trained, update = w.clone(), update_call(kernel, x, g, w.clone(), rate=RATE)

    def train() -> Tensor:
        kernel.push(x, trained)
        kernel.pull(g, trained, x)
        return trained.add_(kernel.pair(x, g), alpha=-RATE)

    every = partial(kernel.push, x, w), partial(kernel.pull, g, w, x), partial(kernel.pair, x, g), update, train
    return dict(zip(METHODS, every, strict=True))


def dense_work(topology: Topology, pre: Shape, post: Shape, setting: Setting) -> Work:
    """Give the work as dense products do it; update and train keep weights zero by a mask.

    Written out by hand, without autograd and with as few passes over the weights as there can be.
    """
    x, g, flat = draw(topology, pre, post, setting)
    x, g, m = x.flatten(1), g.flatten(1), n_neurons(post)
    w, mask = (matrix(topology, pre, post, values) for values in (flat, torch.ones_like(flat)))
    narrow, trained, updated = w.to(setting.dtype), w.clone(), w.clone()
    keep = torch.full((m, 1), 1 - RATE, device=setting.device)

    def update() -> Tensor:
        return _add_masked(updated.mul_(keep), g, x, mask, RATE)

    def train() -> Tensor:
        live = trained.to(setting.dtype)
        F.linear(x, live)
        torch.mm(g, live)
        return _add_masked(trained, g, x, mask, -RATE)

    every = partial(F.linear, x, narrow), partial(torch.mm, g, narrow), partial(torch.mm, g.t(), x), update, train
    return dict(zip(METHODS, every, strict=True))


def matrix(topology: Topology, pre: Shape, post: Shape, w: Tensor) -> Tensor:
    """Write one number per slot into a matrix (post, pre), zero where there is no synapse."""
    pres, posts, _ = (None if a is None else torch.tensor(a, device=w.device) for a in by_slot(topology, pre, post))
    return w.new_zeros(n_neurons(post), n_neurons(pre)).index_put_((posts, pres), w)


def sparseprop_work(topology: Topology, pre: Shape, post: Shape, setting: Setting) -> Work:
    """Give SparseProp's linear layer (Nikdan et al. 2023, Apache 2.0), where it is installed and can compute this.

    `push` is its forward; `train` its forward and backward through autograd, with the transposes they make, and SGD.
    """
    missing = importlib.util.find_spec("sparseprop") is None
    if missing or (setting.device_type, setting.dtype) != ("cpu", torch.float32):
        return {}
    from sparseprop.modules import SparseLinear

    x, g, flat = draw(topology, pre, post, setting)
    x, g, layer = x.flatten(1), g.flatten(1), SparseLinear(matrix(topology, pre, post, flat))
    seen = x.clone().requires_grad_()

    def train() -> Tensor:
        seen.grad = layer.W_val.grad = None
        with torch.enable_grad():
            layer(seen).backward(g)
        return layer.W_val.data.add_(layer.W_val.grad, alpha=-RATE)

    return {"push": partial(layer, x), "train": train}


def _add_masked(w: Tensor, g: Tensor, x: Tensor, mask: Tensor, rate: float) -> Tensor:
    """Add rate * g' x to a matrix of weights where the mask is one."""
    if w.dtype == x.dtype:
        return w.addmm_(g.t(), x, alpha=rate).mul_(mask)
    return w.add_((g.t() @ x).mul_(mask), alpha=rate)
