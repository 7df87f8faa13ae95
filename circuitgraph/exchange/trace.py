"""Tracing a module: which operations it performs on an example, by torch.fx, with layers left whole."""

import operator
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.utils._pytree import tree_leaves

from circuitgraph.errors import ShapeError, StructureError

Example = Tensor | tuple[Tensor, ...] | list[Tensor]


class _Layers(fx.Tracer):
    """Leave torch's own layers and PyG's convolutions whole."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return super().is_leaf_module(m, module_qualified_name) or is_graph_layer(m)

    def proxy(self, node: fx.Node) -> fx.Proxy:
        return _Writable(node, self)


def _write(name: str) -> Callable[[fx.Proxy, Any], fx.Proxy]:
    return lambda a, b: a.tracer.create_proxy("call_function", getattr(operator, name), (a, b), {})


_WRITES = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "and", "or", "xor", "lshift", "rshift")
_Writable: type[fx.Proxy] = type("_Writable", (fx.Proxy,), {f"__i{name}__": _write(f"i{name}") for name in _WRITES})
"""A value on the way.  By itself torch.fx takes a += b for a = a + b."""


class _Look(fx.Interpreter):
    """Run the operations on the example, and note at each the shape of what it gives, and what it reads too late."""

    def __init__(self, traced: fx.GraphModule) -> None:
        super().__init__(traced)
        self.versions: dict[fx.Node, list[int]] = {}
        self.writers: dict[fx.Node, fx.Node] = {}

    def run_node(self, n: fx.Node) -> Any:
        result = super().run_node(n)
        # Sizes are the same before and after.
        late = [node for node in n.all_input_nodes if node in self.writers and _tensors(result)]
        n.meta["overwritten"] = {node: self.writers[node] for node in late}
        for node, value in self.env.items():
            if _versions(value) != self.versions[node]:
                self.writers.setdefault(node, n)
        self.versions[n] = _versions(result)
        if isinstance(result, Tensor):
            n.meta["shape"] = tuple(result.shape)
        if not isinstance(result, Tensor) or not result.is_floating_point():
            n.meta["value"] = result
        n.meta["zero"] = not any(bool(t.any()) for t in _tensors(result))
        return result


class _One(nn.Module):
    """A layer by itself, one level deeper, so that it is left whole too."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.name = type(layer).__name__.lower()
        self.add_module(self.name, layer)

    def forward(self, x: Tensor) -> Any:
        return self.get_submodule(self.name)(x)


class _OneOnGraph(_One):
    def forward(self, x: Tensor, edge_index: Tensor) -> Any:  # type: ignore[override]
        return self.get_submodule(self.name)(x, edge_index)


def is_graph_layer(m: nn.Module) -> bool:
    """Tell whether this is a layer of PyG, without importing it: that takes seconds."""
    return any(cls.__module__.startswith("torch_geometric.nn.conv") for cls in type(m).__mro__)


def trace(module: nn.Module, example: Example) -> fx.GraphModule:
    """List what a module does to an example in eval mode; each node knows the shape of its result (`meta["shape"]`).

    Raises:
        StructureError: for a module whose operations depend on values, or that does not take the example.
        ShapeError: for an example that is no tensor, nor several.
    """
    if not isinstance(module, nn.Module):
        raise StructureError(f"from_torch: not a module (got {type(module).__name__}, expected a torch.nn.Module)")
    inputs = tuple(example) if isinstance(example, tuple | list) else (example,)
    if not inputs or not all(isinstance(x, Tensor) for x in inputs):
        raise ShapeError(f"from_torch: example (got {type(example).__name__}, expected a tensor or a tuple of tensors)")
    tracer = _Layers()
    if tracer.is_leaf_module(module, ""):
        module = (_OneOnGraph if is_graph_layer(module) else _One)(module)
    where = f"from_torch: {type(module).__name__}"
    with _eval(module), torch.inference_mode(False), torch.no_grad():
        try:
            graph = tracer.trace(module)
        except (fx.proxy.TraceError, TypeError, NotImplementedError) as error:
            mend = "pass a part of it whose forward has no branches on values"
            raise StructureError(f"{where}: torch.fx cannot trace it; {_line(error)}; {mend}") from error
        traced = fx.GraphModule(module, graph)
        try:
            _Look(traced).run(*(x.clone() for x in inputs))
        except (RuntimeError, TypeError, ValueError, IndexError) as error:
            got = ", ".join(str(tuple(x.shape)) for x in inputs)
            raise StructureError(f"{where}: does not take the example (got {got}); {_line(error)}") from error
    traced.graph.eliminate_dead_code()
    _refuse_overwritten(traced)
    return traced


def _refuse_overwritten(traced: fx.GraphModule) -> None:
    """Raise StructureError where an operation in place changes what is read again: a circuit keeps both."""
    for node in traced.graph.nodes:
        for given, writer in node.meta["overwritten"].items():
            name = writer.target if isinstance(writer.target, str) else writer.target.__name__
            got = f"{given.name!r} is read again by {node.name!r}"
            mend = "use what gives a new tensor: inplace=False, relu for relu_, a + b for a += b"
            raise StructureError(f"from_torch: {name}: changes its input in place ({got}); {mend}")


def _versions(result: Any) -> list[int]:
    """See how often each tensor of a result was written to, counting what was written to others in its memory."""
    return [0 if t.is_inference() else t._version for t in _tensors(result)]


def _tensors(result: Any) -> list[Tensor]:
    return [t for t in tree_leaves(result) if isinstance(t, Tensor)]


@contextmanager
def _eval(module: nn.Module) -> Iterator[None]:
    """Run in eval mode, and put every part back into its own."""
    modes = {m: m.training for m in module.modules()}
    module.eval()
    try:
        yield
    finally:
        for m, training in modes.items():
            m.training = training


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
