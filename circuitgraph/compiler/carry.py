"""Carrying an optimiser over an edit, whatever optimiser it is."""

from dataclasses import dataclass, field
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.optimizer import register_optimizer_step_pre_hook

from circuitgraph.errors import StateError
from circuitgraph.ir import Remap


@dataclass(frozen=True)
class Carried:
    """A parameter that an edit replaced: None where there was none, or is none any more.

    `index` (K_new,) says which old entry each new one was, -1 for none.
    """

    old: nn.Parameter | None
    new: nn.Parameter | None
    index: Tensor | None


@dataclass(frozen=True, eq=False)
class LiveRemap(Remap):
    """What an edit did to a live network: indices, and the parameters that took the place of others."""

    parameters: tuple[Carried, ...] = field(default=(), repr=False)


def carry(optimizer: torch.optim.Optimizer, remap: Remap) -> None:
    """Hand an optimiser the parameters that an edit made, with the state of those they came from.

    Whatever the optimiser keeps in the shape of a parameter (momentum, second moments, averages) follows the slots;
    new slots start with zeros.  Anything else, a step count say, is kept as it is.  Parameters of new projections join
    the first group, those of projections that are gone leave.  No optimiser is asked its type.

    Raises:
        StateError: if the remap is not from `net.edit`, or the optimiser does not hold what the edit replaced: it was
            carried already, or belongs to another network.

    Example:
        >>> import torch, circuitgraph as cg
        >>> net = cg.compile(cg.Circuit().add("x", 3).connect("x", "y", cg.Dense(), units=1))
        >>> optimizer = torch.optim.Adam(net.parameters())
        >>> carry(optimizer, net.edit(cg.RemoveSlots("x->y", [1])))
        >>> [len(p) for p in optimizer.param_groups[0]["params"]]
        [2]
    """
    if not isinstance(remap, LiveRemap):
        if remap.is_identity:
            return
        raise StateError(f"carry: remap of a circuit (got {type(remap).__name__}); pass what net.edit returned")
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    known = [(c.old, c) for c in remap.parameters if c.old is not None and id(c.old) in held]
    missing = [c for c in remap.parameters if c.old is not None and c.old.requires_grad and id(c.old) not in held]
    if missing:
        got = f"got an optimiser without {len(missing)} of the parameters that the edit replaced"
        raise StateError(f"carry: stale optimiser ({got}); carry after every edit, once")
    ready = {id(old): (c.new, _carried_state(optimizer.state.get(old, {}), c)) for old, c in known}
    for group in optimizer.param_groups:
        params = [ready[id(p)][0] if id(p) in ready else p for p in group["params"]]
        group["params"] = [p for p in params if p is not None]
    for old, _ in known:
        optimizer.state.pop(old, None)
        new, state = ready[id(old)]
        if new is not None and state:
            optimizer.state[new] = state
    born = [c.new for c in remap.parameters if c.old is None and c.new is not None and c.new.requires_grad]
    optimizer.param_groups[0]["params"].extend(born)


def _carried_state(state: dict[str, Any], c: Carried) -> dict[str, Any]:
    if c.old is None or c.new is None or c.index is None:
        return {}
    return {key: _carried(value, len(c.old), c.index) for key, value in state.items()}


def _carried(value: Any, size: int, index: Tensor) -> Any:
    """Follow the slots in whatever has one entry for each; keep all else."""
    if isinstance(value, Tensor):
        if value.ndim == 0 or value.shape[0] != size:
            return value
        at = index.to(value.device)
        out = value.new_zeros(len(at), *value.shape[1:])
        alive = at >= 0
        out[alive] = value[at[alive]]
        return out
    if isinstance(value, list | tuple):
        return type(value)(_carried(v, size, index) for v in value)
    if isinstance(value, dict):
        return {k: _carried(v, size, index) for k, v in value.items()}
    return value


def bury(remap: LiveRemap) -> None:
    """Have any optimiser that still holds a replaced parameter refuse to step: it would train what nobody reads."""
    for c in remap.parameters:
        if c.old is not None and c.old.requires_grad:
            c.old._circuitgraph_replaced = True  # type: ignore[attr-defined]
    _watch_optimizers()


@cache
def _watch_optimizers() -> None:
    register_optimizer_step_pre_hook(_refuse_stale)


def _refuse_stale(optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
    for group in optimizer.param_groups:
        if any(getattr(p, "_circuitgraph_replaced", False) for p in group["params"]):
            got = "got an optimiser that holds parameters which an edit has replaced"
            raise StateError(f"optimizer.step: stale optimiser ({got}); call cg.carry(optimizer, remap) after net.edit")
