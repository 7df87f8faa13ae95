"""Reading what users pass: inputs, time series, devices."""

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor

from circuitgraph.compiler.plan import Plan
from circuitgraph.errors import NumericError, ShapeError, StructureError, UnknownNameError

Input = Tensor | Mapping[str, Tensor]


def read_inputs(plan: Plan, x: Input, device: torch.device, dtype: torch.dtype) -> dict[str, Tensor]:
    """Name, check and convert external input.

    Raises:
        ShapeError: an input that does not fit.  NumericError: NaN, infinity or complex numbers.
        UnknownNameError: a population that does not exist.  StructureError: one whose input a fusion removed.
    """
    if isinstance(x, Tensor):
        if len(plan.inputs) != 1:
            names = ", ".join(plan.inputs)
            got = f"got one tensor for {len(plan.inputs)} input populations: {names}"
            raise ShapeError(f"step: which input ({got}); pass a mapping from names to tensors")
        x = {plan.inputs[0]: x}
    if not isinstance(x, Mapping) or not x:
        raise ShapeError(
            f"step: no input (got {type(x).__name__}, expected a tensor or a mapping from names to tensors)"
        )
    batch = None
    for name, value in x.items():
        _check(plan, name, value, batch)
        batch = len(value)
    return {name: value.to(device, dtype) for name, value in x.items()}


def _check(plan: Plan, name: str, value: Tensor, batch: int | None) -> None:
    shape, where = plan.circuit.population(name).shape, f"step: input of {name!r}"
    if not isinstance(value, Tensor):
        raise ShapeError(f"{where} is no tensor (got {type(value).__name__}); pass torch.as_tensor(...)")
    if tuple(value.shape[1:]) != shape or value.ndim == 0 or batch not in (None, len(value)):
        expected = ", ".join(map(str, ("B" if batch is None else batch, *shape)))
        raise ShapeError(f"{where} has another shape (got {tuple(value.shape)}, expected ({expected}))")
    if value.is_complex():
        raise NumericError(f"{where} is complex (got {value.dtype}, expected real numbers)")
    # One sum finds NaN or infinity in a tenth of the time; a sum that only overflows is looked at again.
    if _is_readable(value) and not torch.isfinite(value.sum()) and not torch.isfinite(value).all():
        raise NumericError(f"{where} holds NaN or infinity (expected finite numbers)")
    if not plan.hears(name):
        raise StructureError(f"{where}: a fusion took its place; compile with exact=True, or name the drive in keep=")


def _is_readable(value: Tensor) -> bool:
    """Tell whether numbers can be looked at: not while tracing, nor where the host would wait for an accelerator."""
    return not torch.compiler.is_compiling() and value.device.type == "cpu" and value.is_floating_point()


def over_time(xs: Input | Sequence[Input]) -> Iterable[Input]:
    """Split inputs along their first axis, time."""
    if not isinstance(xs, Mapping):
        return xs
    length = {len(v) for v in xs.values()}
    if len(length) != 1:
        raise ShapeError(f"run: inputs of different length (got {sorted(length)}, expected one number of steps)")
    return [{name: v[t] for name, v in xs.items()} for t in range(length.pop())]


def find_device(device: torch.device | str) -> torch.device:
    """Read a device; UnknownNameError for one that torch does not know or does not see.

    Example:
        >>> find_device("cpu")
        device(type='cpu')
    """
    try:
        out = torch.device(device)
    except RuntimeError as error:
        raise UnknownNameError(f"device {device!r}: unknown (expected e.g. 'cpu', 'cuda', 'cuda:0')") from error
    if out.type == "cuda" and not torch.cuda.is_available():
        raise UnknownNameError(f"device {device!r}: torch sees no CUDA device here; use device='cpu'")
    return out
