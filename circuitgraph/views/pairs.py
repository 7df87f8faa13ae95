"""The one core of all views: which units or neurons of a projection are connected, and how strongly."""

import dataclasses
from typing import Literal, NamedTuple

import numpy as np

from circuitgraph.errors import ShapeError, UnknownNameError
from circuitgraph.ir import Circuit, Projection, Shape, n_neurons, n_sites
from circuitgraph.ir.shape import End
from circuitgraph.views.edges import grouped

Level = Literal["population", "unit", "neuron"]
MAX_EDGES = 1_000_000


@dataclasses.dataclass(frozen=True, eq=False)
class Pairs:
    """One row per connected pair, in the order of the pair's first slot.

    At level unit, `weight` is the sum of the weights of the slots between two units: how strongly a unit's weights
    favour another.  At level neuron it is the sum of coef * w over the synapses: the effect of one neuron on another.

    Shape: pre, post, slot (its first), n_slots, n_synapses (P,) int64; weight (P,) float64.
    """

    pre: np.ndarray
    post: np.ndarray
    slot: np.ndarray
    weight: np.ndarray
    n_slots: np.ndarray
    n_synapses: np.ndarray

    def __len__(self) -> int:
        return len(self.pre)


class _Rows(NamedTuple):
    """One row per slot and pair: what is summed into pairs."""

    pre: np.ndarray
    post: np.ndarray
    slot: np.ndarray
    weight: np.ndarray
    n_synapses: np.ndarray


def pairs(circuit: Circuit, projection: Projection, level: Level) -> Pairs:
    """Sum the slots (level unit) or the synapses (level neuron) of a projection per pair, pre to post.

    Example:
        >>> import circuitgraph as cg
        >>> c = cg.Circuit().add("x", (1, 4)).connect("x", "y", cg.Conv(3), units=1, weight=[1.0, 2.0, 3.0])
        >>> p = pairs(c, c.projections[0], "unit")
        >>> p.weight.tolist(), p.n_slots.tolist(), p.n_synapses.tolist()
        ([6.0], [3], [6])
    """
    pre, post = circuit.shapes(projection)
    if level == "neuron":
        return _sum_rows(_synapse_rows(projection, pre, post), n_neurons(post))
    slots = projection.topology.slots(pre, post)
    if slots.pre_end == slots.post_end == "site" and pre[0] == post[0] and (slots.count == pre[0]).all():
        return _within_units(projection, pre[0])
    if "site" in (slots.pre_end, slots.post_end):
        return _sum_rows(_per_unit(_synapse_rows(projection, pre, post), projection, pre, post), post[0])
    ends = _to_unit(slots.pre, slots.pre_end, pre), _to_unit(slots.post, slots.post_end, post)
    return _sum_rows(_Rows(*ends, np.arange(len(slots)), projection.weight, slots.count), post[0])


def check_level(level: str) -> None:
    """Raise UnknownNameError unless this is a level."""
    if level not in ("population", "unit", "neuron"):
        raise UnknownNameError(f"level {level!r}: unknown (expected 'population', 'unit' or 'neuron')")


def check_size(circuit: Circuit, level: Level, max_edges: int | None) -> None:
    """Raise ShapeError if a view would have to read more slots or synapses than `max_edges`."""
    n = {"population": 0, "unit": circuit.n_slots, "neuron": circuit.n_synapses if level == "neuron" else 0}[level]
    if max_edges is not None and n > max_edges:
        what = "slots" if level == "unit" else "synapses"
        mend = "pass max_edges=None to list them all" + (" or level='unit'" if level == "neuron" else "")
        raise ShapeError(f"level {level!r}: too many {what} (got {n:,}, expected at most {max_edges:,}); {mend}")


def _to_unit(index: np.ndarray, end: End, shape: Shape) -> np.ndarray:
    return index if end == "unit" else index // n_sites(shape)


def _within_units(projection: Projection, n_units: int) -> Pairs:
    # Slots between sites, one synapse within every unit: each unit meets itself once per slot.
    n = projection.n_slots
    units = np.arange(n_units if n else 0)
    total = np.full(len(units), projection.weight.sum(dtype=np.float64))
    return Pairs(units, units, np.zeros_like(units), total, np.full_like(units, n), np.full_like(units, n))


def _synapse_rows(projection: Projection, pre: Shape, post: Shape) -> _Rows:
    table = projection.topology.synapses(pre, post)
    order = np.argsort(table.slot, kind="stable")
    slot = table.slot[order]
    weight = table.coef[order] * projection.weight[slot]
    return _Rows(table.pre[order], table.post[order], slot, weight, np.ones(len(slot), np.int64))


def _per_unit(rows: _Rows, projection: Projection, pre: Shape, post: Shape) -> _Rows:
    n_pre, n_post = pre[0], post[0]
    key = np.sort((rows.slot * n_pre + rows.pre // n_sites(pre)) * n_post + rows.post // n_sites(post))
    at = np.flatnonzero(np.diff(key, prepend=-1))
    slot, pair = np.divmod(key[at], n_pre * n_post)
    count = np.diff(at, append=len(key))
    return _Rows(pair // n_post, pair % n_post, slot, projection.weight[slot], count)


def _sum_rows(rows: _Rows, n_post: int) -> Pairs:
    at, inverse = grouped(rows.pre * n_post + rows.post)
    if len(at) == len(rows.pre):
        one = np.ones(len(at), np.int64)
        return Pairs(rows.pre, rows.post, rows.slot, rows.weight.astype(np.float64), one, rows.n_synapses)
    weight, n_synapses = (np.bincount(inverse, column) for column in (rows.weight, rows.n_synapses))
    return Pairs(rows.pre[at], rows.post[at], rows.slot[at], weight, np.bincount(inverse), n_synapses.astype(np.int64))
