"""Under torch.autocast a kernel reads activity in the type asked for, as torch's linear layers do."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor


def is_autocast(t: Tensor) -> bool:
    """Tell whether torch.autocast is on for the device of this tensor.

    Example:
        >>> with torch.autocast("cpu"):
        ...     is_autocast(torch.ones(1))
        True
    """
    kind = t.device.type
    return torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind)


def cast(x: Tensor) -> Tensor:
    """Give activity in the type that autocast asks for; float64 stays, as it does for torch's own layers.

    Example:
        >>> with torch.autocast("cpu", dtype=torch.bfloat16):
        ...     cast(torch.ones(1)).dtype, cast(torch.ones(1).double()).dtype
        (torch.bfloat16, torch.float64)
    """
    return x if x.dtype == torch.float64 else x.to(torch.get_autocast_dtype(x.device.type))


def as_given(t: Tensor) -> AbstractContextManager[object]:
    """Let operations on this device compute in the types that they are given, whatever autocast says."""
    return torch.autocast(t.device.type, enabled=False) if is_autocast(t) else nullcontext()
