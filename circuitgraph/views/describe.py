"""A circuit in one table."""

import numpy as np
import pandas as pd

from circuitgraph.ir import Circuit, Population, Projection, Slots, n_neurons, n_sites
from circuitgraph.ir.shape import n_ends

COUNTS = ("n_units", "n_sites", "n_slots", "n_synapses", "in_degree_max", "out_degree_max", "delay")
COLUMNS = (
    "what", "pre", "post", "n_units", "n_sites", "n_slots", "n_synapses", "density", "weight_mean", "weight_std",
    "weight_min", "weight_max", "negative", "in_degree_mean", "in_degree_max", "out_degree_mean", "out_degree_max",
    "reciprocity", "neuron", "topology", "rule", "fixed", "delay",
)  # fmt: skip


class Description(pd.DataFrame):
    """A table that prints all of its columns, with nothing where there is nothing."""

    def __repr__(self) -> str:
        shown = self.astype(object).where(self.notna(), "")
        return shown.map(_short).T.to_string(line_width=160) if len(self) else "no populations"


def describe(circuit: Circuit) -> pd.DataFrame:
    """Describe a circuit in one table: a row per population and projection, by name; printed, each is a column.

    density: the share of all pairs of neurons that are connected, n_synapses / (neurons pre * neurons post).
    weight_*, negative: of the slots; `negative` is the share of weights below zero.
    in_degree, out_degree: slots per postsynaptic and per presynaptic end (unit, or what the topology's slots lie
        between), those without any counted in.
    reciprocity: of a projection from a population to itself, the share of linked ordered pairs of different ends that
        are linked the other way too.

    What does not apply is NaN, NA or None.

    Example:
        >>> import circuitgraph as cg
        >>> c = cg.Circuit().add("x", 2).connect("x", "y", cg.Dense(), units=2, weight=[1.0, -1.0, 3.0, 1.0])
        >>> table = describe(c)
        >>> table.loc["x->y", ["density", "weight_mean", "negative", "in_degree_mean"]].tolist()
        [1.0, 1.0, 0.25, 2.0]
    """
    rows = [_population(p) for p in circuit.populations] + [_projection(circuit, p) for p in circuit.projections]
    names = [p.name for p in circuit.populations] + [p.name for p in circuit.projections]
    table = pd.DataFrame(rows, index=pd.Index(names, name="name", dtype=object)).reindex(columns=list(COLUMNS))
    return Description(table.astype(dict.fromkeys(COUNTS, "Int64")))


def _population(p: Population) -> dict[str, object]:
    neuron = "Linear()" if p.neuron is None else repr(p.neuron)
    return {"what": "population", "n_units": p.n_units, "n_sites": n_sites(p.shape), "neuron": neuron}


def _projection(circuit: Circuit, p: Projection) -> dict[str, object]:
    pre, post = circuit.shapes(p)
    slots = circuit.slots(p)
    n_synapses = p.topology.n_synapses(pre, post)
    row: dict[str, object] = {"what": "projection", "pre": p.pre, "post": p.post, "n_slots": p.n_slots}
    row |= {"n_synapses": n_synapses, "density": n_synapses / (n_neurons(pre) * n_neurons(post))}
    row |= _weights(p.weight)
    row |= _degrees("in_degree", slots.post, n_ends(post, slots.post_end))
    row |= _degrees("out_degree", slots.pre, n_ends(pre, slots.pre_end))
    if p.pre == p.post and slots.pre_end == slots.post_end:
        row["reciprocity"] = _reciprocity(slots, n_ends(pre, slots.pre_end))
    rule = None if p.rule is None else repr(p.rule)
    return row | {"topology": repr(p.topology), "rule": rule, "fixed": p.fixed, "delay": p.delay}


def _weights(weight: np.ndarray) -> dict[str, object]:
    if not len(weight):
        return {}
    wide = weight.astype(np.float64)
    return {
        "weight_mean": wide.mean(),
        "weight_std": wide.std(),
        "weight_min": wide.min(),
        "weight_max": wide.max(),
        "negative": (wide < 0).mean(),
    }


def _degrees(name: str, end: np.ndarray, size: int) -> dict[str, object]:
    return {f"{name}_mean": len(end) / size, f"{name}_max": int(np.bincount(end, minlength=size).max())}


def _reciprocity(slots: Slots, size: int) -> float:
    apart = slots.pre != slots.post
    key = np.sort(slots.pre[apart] * size + slots.post[apart])
    key = key[np.diff(key, prepend=-1) > 0]
    if not len(key):
        return float("nan")
    back = np.sort(key % size * size + key // size)
    at = np.minimum(np.searchsorted(key, back), len(key) - 1)
    return float((key[at] == back).mean())


def _short(v: object) -> str:
    if isinstance(v, float):
        return f"{v:.3g}"
    return f"{v:,}" if isinstance(v, int) and not isinstance(v, bool) else str(v)
