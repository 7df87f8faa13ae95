"""The names of torch.nn.utils.prune, for pruning that removes: no mask, and no `remove` afterwards.

Each takes a live `Network` and returns the `Remap`, or takes a `Circuit` and returns the pruned one.  `name` is a
projection.  As in torch, an integer amount is a number, and a float a share of what is there.

Example:
    >>> import circuitgraph as cg
    >>> c = cg.Circuit().add("x", 4).connect("x", "y", cg.Dense(), units=1, weight=[1.0, -4.0, 2.0, -3.0])
    >>> l1_unstructured(c, "x->y", amount=2).projection("x->y").weight.tolist()
    [-4.0, -3.0]
    >>> l1_unstructured(cg.compile(c), "x->y", amount=0.25).slots["x->y"].tolist()
    [1, 2, 3]
"""

from collections.abc import Iterable
from typing import Any, TypeVar

import numpy as np
from torch import Tensor

from circuitgraph.compiler import Network
from circuitgraph.edits import Edit, RemoveSlots, RemoveUnits
from circuitgraph.errors import ShapeError
from circuitgraph.ir import Circuit
from circuitgraph.ir.shape import is_integer
from circuitgraph.structural.amounts import Candidates, Count, Fraction, Global, check_share
from circuitgraph.structural.prune import Prune, chosen
from circuitgraph.structural.scores import Score
from circuitgraph.structural.scores_weight import Magnitude, Random, check_power
from circuitgraph.structural.seen import Rng, Seen, see

Target = TypeVar("Target", Network, Circuit)


def l1_unstructured(target: Target, name: str, amount: float) -> Any:
    """Remove the slots of a projection with the smallest |w|.

    Raises:
        ShapeError: for an amount that is none, or more than there is.  UnknownNameError: for another projection.
    """
    return _pruned(target, Prune(Magnitude(), as_amount(amount), projections=(name,)))


def random_unstructured(target: Target, name: str, amount: float, *, rng: Rng = 0) -> Any:
    """Remove slots of a projection by chance.

    Raises:
        ShapeError: for an amount that is none, or more than there is.  UnknownNameError: for another projection.
    """
    return _pruned(target, Prune(Random(), as_amount(amount), projections=(name,)), rng)


def global_unstructured(
    target: Target, names: Iterable[str], pruning_method: Score | None = None, *, amount: float, rng: Rng = 0
) -> Any:
    """Remove the slots of several projections that score lowest of all; by default those with the smallest |w|.

    Raises:
        ShapeError: for an amount that is none, or more than there is.  UnknownNameError: for another projection.
        StructureError: for one that would leave a projection empty.

    Example:
        >>> import circuitgraph as cg
        >>> c = cg.Circuit().add("x", 2).connect("x", "y", cg.Dense(), units=1, weight=[1.0, 2.0])
        >>> c = c.connect("y", "z", cg.Dense(), units=2, weight=[3.0, 4.0])
        >>> global_unstructured(c, ["x->y", "y->z"], amount=0.5).n_slots
        2
    """
    score = Magnitude() if pruning_method is None else pruning_method
    return _pruned(target, Prune(score, Global(as_amount(amount)), projections=tuple(names)), rng)


def ln_structured(target: Target, name: str, amount: float, n: float, dim: int = 0) -> Any:
    """Remove the units whose slots in a projection have the smallest Ln norm: postsynaptic (dim 0) or presynaptic (1).

    They go with all their slots, in every projection.

    Raises:
        ShapeError: for an amount, norm or dimension that is none.  UnknownNameError: for another projection.
        StructureError: where no unit would be left, or wiring cannot follow.
    """
    check_power("ln_structured: n", n)
    seen = _seen(target, name)
    side = _side("ln_structured", dim)
    return _without_units(target, seen, seen.norm_units(seen.weight, side, power=n), amount, dim)


def random_structured(target: Target, name: str, amount: float, dim: int = 0, *, rng: Rng = 0) -> Any:
    """Remove units at one end of a projection by chance: postsynaptic (dim 0) or presynaptic (dim 1).

    Raises:
        ShapeError: for an amount or dimension that is none.  UnknownNameError: for another projection.
        StructureError: where no unit would be left, or wiring cannot follow.
    """
    seen = _seen(target, name, rng)
    units = seen.pre[0] if _side("random_structured", dim) == "pre" else seen.post[0]
    return _without_units(target, seen, Random().draw(seen, units, name), amount, dim)


def custom_from_mask(target: Target, name: str, mask: Any) -> Any:
    """Remove the slots of a projection where a mask is zero or False.

    Shape: mask (K,), or where slots are laid out end after end (K / row, row), as a dense matrix is.

    Raises:
        ShapeError: for a mask that does not fit, or is not of zeros and ones.  UnknownNameError: for another
            projection.  StructureError: for one that would cut off an output.

    Example:
        >>> import circuitgraph as cg
        >>> c = cg.Circuit().add("x", 2).connect("x", "y", cg.Dense(), units=2, weight=[1.0, 2.0, 3.0, 4.0])
        >>> custom_from_mask(c, "x->y", [[1, 0], [0, 1]]).projection("x->y").weight.tolist()
        [1.0, 4.0]
    """
    circuit = _circuit(target)
    p = circuit.projection(name)
    row = p.topology.row_length(*circuit.shapes(p))
    given = mask.detach().cpu().numpy() if isinstance(mask, Tensor) else np.asarray(mask)
    if given.shape not in ((p.n_slots,), (p.n_slots // (row or 1), row)):
        raise ShapeError(f"custom_from_mask: mask of {name!r} (got shape {given.shape}, expected ({p.n_slots},))")
    if given.dtype.kind not in "biuf" or not np.isin(given, (0, 1)).all():
        raise ShapeError(f"custom_from_mask: mask of {name!r} (got {given.dtype}, expected zeros and ones)")
    return _edited(target, RemoveSlots(name, np.flatnonzero(given.ravel() == 0)), "custom_from_mask")


def as_amount(amount: float) -> Count | Fraction:
    """Read an amount as torch does: an integer is a number, a float a share.

    Raises:
        ShapeError: for anything else, or out of range.

    Example:
        >>> as_amount(3), as_amount(0.5)
        (Count(n=3), Fraction(share=0.5))
    """
    if is_integer(amount, 0):
        return Count(int(amount))
    if not isinstance(amount, float | np.floating):
        raise ShapeError(f"prune: amount (got {amount!r}, expected an integer of at least 0, or a float from 0 to 1)")
    check_share("prune: amount", amount)
    return Fraction(float(amount))


def _pruned(target: Target, prune: Prune, rng: Rng = None) -> Any:
    return prune(target, rng=rng) if isinstance(target, Network) else prune.apply(_circuit(target), rng=rng)[0]


def _without_units(target: Target, seen: Seen, score: Tensor, amount: float, dim: int) -> Any:
    population = seen.projection.pre if dim == 1 else seen.projection.post
    gone = chosen(as_amount(amount), [Candidates(population, score)])[0]
    return _edited(target, RemoveUnits(population, gone), "structured pruning")


def _edited(target: Target, edit: Edit, reason: str) -> Any:
    return target.edit(edit, reason=reason) if isinstance(target, Network) else edit.apply(_circuit(target))[0]


def _seen(target: Target, name: str, rng: Rng = None) -> Seen:
    circuit = _circuit(target)
    known = circuit.projection(name).name
    return see(circuit, known, target.weights[known] if isinstance(target, Network) else None, rng)


def _circuit(target: Network | Circuit) -> Circuit:
    circuit = target.circuit if isinstance(target, Network) else target
    if not isinstance(circuit, Circuit):
        raise ShapeError(f"prune: what to prune (got {type(target).__name__}, expected a Network or a Circuit)")
    return circuit


def _side(where: str, dim: int) -> Any:
    if not is_integer(dim, 0) or dim > 1:
        raise ShapeError(f"{where}: dim (got {dim!r}, expected 0 for postsynaptic or 1 for presynaptic units)")
    return "pre" if dim == 1 else "post"
