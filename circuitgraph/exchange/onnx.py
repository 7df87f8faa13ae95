"""ONNX files of networks that were compiled, for runtimes without torch."""

import contextlib
import io
import os
import re
import warnings
from typing import Any

import torch
from torch import Tensor

from circuitgraph.compiler import Network
from circuitgraph.compiler.plan import make_plan
from circuitgraph.errors import ShapeError, StructureError
from circuitgraph.exchange.to_torch import to_torch
from circuitgraph.ir import Circuit


def to_onnx(
    net: Circuit | Network, path: str | os.PathLike[str], example: Tensor | tuple[Tensor, ...], *, opset: int = 18
) -> None:
    """Write what a network computes in eval mode to one ONNX file; the number of samples stays open.

    The network is first written as plain torch (`to_torch`), then by torch's own exporter.  Inputs and outputs are
    called by their populations, and are of the example's type.  With delays the input is a sequence (time, batch, ...)
    as long as the example.

    Raises:
        ImportError: without onnx and onnxscript (extra "onnx").
        StructureError: for a circuit that torch cannot write, or that torch's exporter refuses.
        ShapeError: an example of other inputs.  OSError: if the disk refuses.

    Example:
        >>> import tempfile, torch, circuitgraph as cg, onnxruntime
        >>> net = cg.compile(cg.Circuit().add("x", 2).connect("x", "y", cg.Dense(), units=1, weight=[1.0, 2.0]))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     to_onnx(net, f"{folder}/net.onnx", torch.zeros(4, 2))
        ...     session = onnxruntime.InferenceSession(f"{folder}/net.onnx")
        >>> session.run(None, {"x": torch.ones(3, 2).numpy()})[0].tolist()
        [[3.0], [3.0], [3.0]]
    """
    circuit = net.snapshot() if isinstance(net, Network) else net
    inputs = example if isinstance(example, tuple) else (example,)
    module = _Outputs(circuit)
    if len(inputs) != len(module.inputs):
        got = f"got {len(inputs)}, expected {len(module.inputs)}: {', '.join(module.inputs)}"
        raise ShapeError(f"to_onnx: example of other inputs ({got}); pass a tuple of tensors")
    for name, x in zip(module.inputs, inputs, strict=True):
        shape = circuit.population(name).shape
        if not isinstance(x, Tensor) or tuple(x.shape[1 + module.is_sequence :]) != shape:
            got = f"got {tuple(x.shape) if isinstance(x, Tensor) else type(x).__name__}"
            raise ShapeError(f"to_onnx: example of {name!r} ({got}, expected (batch, {', '.join(map(str, shape))}))")
    module.to(inputs[0].dtype)
    _exported(module, inputs, opset).save(os.fspath(path))


class _Outputs(torch.nn.Module):
    """The circuit as plain torch, with outputs in order instead of by name."""

    def __init__(self, circuit: Circuit) -> None:
        super().__init__()
        plan = make_plan(circuit)
        self.module, self.inputs, self.outputs = to_torch(circuit), plan.inputs, plan.outputs
        self.is_sequence = any(p.delay for p in circuit.projections)
        self.eval()

    def forward(self, *xs: Tensor) -> Any:
        y = self.module(*xs)
        return tuple(y[name] for name in self.outputs) if isinstance(y, dict) else y


def _exported(module: _Outputs, inputs: tuple[Tensor, ...], opset: int) -> Any:
    axes = {int(module.is_sequence): torch.export.Dim("batch")}  # torch unrolls loops, layers of its own included
    noise = io.StringIO()
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(noise), contextlib.redirect_stderr(noise):
            warnings.simplefilter("ignore")
            return torch.onnx.export(
                module,
                inputs,
                dynamo=True,
                opset_version=opset,
                input_names=list(module.inputs),
                output_names=list(module.outputs),
                dynamic_shapes=(tuple(axes for _ in inputs),),
                external_data=False,
                verbose=False,
            )
    except (torch.onnx.OnnxExporterError, RuntimeError) as error:
        raise StructureError(f"to_onnx: torch's exporter refuses; {_reason(error)}; use to_torch") from error


def _reason(error: BaseException) -> str:
    """Take the first line of the innermost cause, without colours."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
