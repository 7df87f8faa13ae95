"""A projection: synapses from one population to another."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from circuitgraph.errors import NumericError, ShapeError, StructureError
from circuitgraph.ir.columns import check_name, first_free_id, frozen_columns, frozen_ids, same_columns
from circuitgraph.ir.init import Initializer, normal, stream
from circuitgraph.ir.shape import Shape, is_integer
from circuitgraph.ir.topology import Topology
from circuitgraph.ir.value import Value, frozen_array, rebuild, same


@dataclasses.dataclass(frozen=True, eq=False)
class Projection:
    """Synapses from one population to another: a topology and one weight per slot, float32 or float64.

    `rule=None` trains the weights by gradient, `fixed=True` never; `delay` counts time steps and `port` names the
    input of the postsynaptic neuron that the projection lands on.  `attributes` holds one array (K,) each, and `ids`
    (K,) the identity of each slot for life; `next_id` is the first that was never given to any.  Without a name it is
    called "pre->post".

    `sign` is 1 where no weight may be negative (excitation), -1 where none may be positive (inhibition), 0 where any
    may; `Network.learn` keeps it.

    Raises:
        StructureError: a name or a port that cannot be used, a topology, a rule or a delay that is none, or fixed
            weights with a rule.
        ShapeError: weights that are not flat, or an attribute or ids of another length.
        NumericError: weights that are not finite numbers, or against the sign.

    Example:
        >>> from circuitgraph.topologies import Dense
        >>> p = Projection("x", "y", Dense(), [1.0, 2.0])
        >>> p.name, p.n_slots, p.weight.tolist()
        ('x->y', 2, [1.0, 2.0])
    """

    pre: str
    post: str
    topology: Topology
    weight: np.ndarray
    rule: Value | None = None
    delay: int = 0
    port: str = "in"
    name: str = ""
    fixed: bool = False
    attributes: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    ids: np.ndarray | None = None
    next_id: int = 0
    sign: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.name or f"{self.pre}->{self.post}")
        check_name("projection", self.name)
        where = f"projection {self.name!r}"
        check_name(f"{where}: port", self.port)
        self._check_laws(where)
        object.__setattr__(self, "delay", int(self.delay))
        object.__setattr__(self, "weight", _as_weight(self.weight, where))
        self._check_sign(where)
        columns = frozen_columns(self.attributes, f"{where}: attribute", self.n_slots)
        object.__setattr__(self, "attributes", columns)
        object.__setattr__(self, "ids", frozen_ids(self.ids, self.n_slots, where))
        object.__setattr__(self, "next_id", first_free_id(self.ids, self.n_slots, self.next_id))

    def _check_laws(self, where: str) -> None:
        check_topology(self.topology, where)
        if not is_integer(self.delay, 0):
            raise StructureError(f"{where}: bad delay (got {self.delay!r}, expected time steps, 0 or more)")
        if self.rule is not None and (not isinstance(self.rule, Value) or self.rule.kind != "rule"):
            raise StructureError(f"{where}: not a rule (got {self.rule!r}, expected e.g. cg.Oja(0.01))")
        if self.rule is not None and self.fixed:
            raise StructureError(f"{where}: fixed weights cannot have a rule (got {self.rule!r}); pass fixed=False")

    def _check_sign(self, where: str) -> None:
        if not is_integer(self.sign, -1) or self.sign > 1:
            raise StructureError(f"{where}: bad sign (got {self.sign!r}, expected 1, -1, or 0 for any)")
        if self.sign and self.n_slots and (self.sign * self.weight).min() < 0:
            k = int(np.argmin(self.sign * self.weight))
            got = f"got {self.weight[k]} at slot {k}, expected sign {self.sign:+d} or zero"
            raise NumericError(f"{where}: weight against its sign ({got}); `learn` keeps signs, after the optimiser")

    @property
    def n_slots(self) -> int:
        """Count independent weights."""
        return len(self.weight)

    def memory_key(self, key: str) -> str:
        """Name what the rule keeps for postsynaptic units, among the memory of their population."""
        return f"{self.name} {key}"

    @property
    def slot_ids(self) -> np.ndarray:
        """Give the identity of each slot (K,), stable under edits."""
        return np.arange(self.n_slots) if self.ids is None else self.ids

    def _identity(self) -> tuple[Any, ...]:
        return self.name, self.pre, self.post, self.topology, self.rule, self.delay, self.port, self.fixed, self.sign

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Projection):
            return NotImplemented
        alike = self._identity() == other._identity() and same(self.weight, other.weight)
        alike = alike and same_columns(self.attributes, other.attributes)
        return alike and (self.ids is other.ids or same(self.slot_ids, other.slot_ids))

    def __hash__(self) -> int:
        return hash(self._identity())

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        fields = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return rebuild, (type(self), fields | {"attributes": dict(self.attributes)})


def check_topology(topology: object, where: str) -> None:
    """Raise StructureError unless this is a topology: the class itself is none."""
    if not isinstance(topology, Topology):
        raise StructureError(f"{where}: not a topology (got {topology!r}, expected e.g. cg.Dense())")


def draw_weight(
    topology: Topology,
    shapes: tuple[Shape, Shape],
    *,
    weight: np.ndarray | Initializer | float | None,
    rng: np.random.Generator | int,
    name: str,
    sign: int = 0,
) -> np.ndarray:
    """Make one weight per slot out of what `connect` was given: an array, a number, an initializer or nothing."""
    if weight is None and topology.plastic:
        drawn = normal()(stream(rng, name), topology.n_slots(*shapes), topology.fan_in(*shapes))
        return sign * abs(drawn) if sign else drawn
    if weight is None:
        weight = -1.0 if sign == -1 else 1.0
    if callable(weight):
        return weight(stream(rng, name), topology.n_slots(*shapes), topology.fan_in(*shapes))
    given = _as_numbers(weight, f"projection {name!r}")
    return given if given.ndim else np.full(topology.n_slots(*shapes), given, np.float32)


def _as_weight(weight: Any, where: str) -> np.ndarray:
    a = _as_numbers(weight, where)
    if a.ndim != 1:
        raise ShapeError(f"{where}: weights are one flat vector (got shape {a.shape}, expected (n_slots,))")
    out = frozen_array(a, _weight_type(a.dtype))
    finite = np.isfinite(out)
    if not finite.all():
        k = int(np.argmin(finite))
        raise NumericError(f"{where}: weights hold NaN or infinity (got {a[k]} at slot {k}, expected finite numbers)")
    return out


def _as_numbers(weight: Any, where: str) -> np.ndarray:
    try:
        a = np.asarray(weight)
    except ValueError as error:
        raise ShapeError(f"{where}: weights are one flat vector (got ragged rows, expected (n_slots,))") from error
    if a.dtype.kind not in "fiub":
        got = f"got {a.dtype}, expected real numbers"
        raise NumericError(f"{where}: weights are not numbers ({got}); pass an array, a number or an initializer")
    return a


def _weight_type(given: np.dtype[Any]) -> np.dtype[Any]:
    return given if given in (np.float32, np.float64) else np.dtype(np.float32)
