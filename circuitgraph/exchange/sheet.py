"""The graph of torch operations that is being written, and the layers, parameters and buffers in it."""

import re
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, fx, nn

from circuitgraph.ir import Projection, Shape


class Sheet:
    """A torch.fx graph with the modules that it calls; every name is made a free one."""

    def __init__(self) -> None:
        self.graph, self.root = fx.Graph(), nn.Module()

    def finish(self, result: Any) -> fx.GraphModule:
        """Make the module: plain torch, with a `forward` that can be read (`print(module.code)`)."""
        self.graph.output(result)
        return fx.GraphModule(self.root, self.graph, "Exported")

    def input(self, name: str) -> fx.Node:
        """Take one more argument."""
        return self.graph.placeholder(re.sub(r"\W", "_", name))

    def call(self, p: Projection | str, m: nn.Module, *args: Any) -> fx.Node:
        """Call a layer: named by the population that it makes, or as said."""
        name = self._free(p if isinstance(p, str) else p.post)
        self.root.add_module(name, m)
        return self.graph.call_module(name, args)

    def function(self, f: Callable[..., Any], *args: Any) -> fx.Node:
        return self.graph.call_function(f, args)

    def method(self, name: str, *args: Any) -> fx.Node:
        return self.graph.call_method(name, args)

    def parameter(self, name: str, value: Tensor, trained: bool) -> fx.Node:
        """Read a parameter of the module itself."""
        name = self._free(name)
        self.root.register_parameter(name, nn.Parameter(value.clone(), requires_grad=trained))
        return self.graph.get_attr(name)

    def buffer(self, name: str, value: Tensor) -> fx.Node:
        """Read a tensor that nothing trains."""
        name = self._free(name)
        self.root.register_buffer(name, value.clone())
        return self.graph.get_attr(name)

    def flat(self, x: fx.Node) -> fx.Node:
        """Fold all but the batch into one axis."""
        return self.function(torch.flatten, x, 1)

    def shaped(self, x: fx.Node, shape: Shape) -> fx.Node:
        """Unfold an axis behind the batch."""
        return self.method("unflatten", x, 1, shape) if len(shape) > 1 else x

    @torch.no_grad()
    def filled(self, m: Any, trained: bool, weight: Tensor, bias: Tensor | None) -> nn.Module:
        """Give a layer its weights and its bias; a bias is trained even where weights are not."""
        m.to(weight.dtype)
        m.weight.copy_(weight.reshape(m.weight.shape))
        m.weight.requires_grad_(trained)
        if bias is not None:
            m.bias.copy_(bias)
        layer: nn.Module = m
        return layer

    def _free(self, name: str) -> str:
        name = re.sub(r"\W+", "_", name).strip("_") or "x"
        found, k = name, 2
        while hasattr(self.root, found):
            found, k = f"{name}_{k}", k + 1
        return found
