"""Nodes and edges of a circuit as named columns, one block per population and projection: what every view prints."""

import dataclasses
from collections.abc import Hashable, Iterator, Mapping

import numpy as np

from circuitgraph.errors import StructureError
from circuitgraph.ir import ABSENT, Circuit, Population, Projection, n_sites
from circuitgraph.views.columns import values
from circuitgraph.views.pairs import Level, Pairs, pairs


@dataclasses.dataclass(frozen=True, eq=False)
class Nodes:
    """The nodes of one population: how they are called, and one column (N,) per attribute."""

    population: Population
    keys: list[Hashable]
    columns: dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True, eq=False)
class Edges:
    """The edges of one projection: indices (P,) into the nodes at both ends, one column (P,) per attribute.

    `slot` (P,) is the only one whose weight an edge has, None where weights are summed or scaled.
    """

    projection: Projection
    pre: np.ndarray
    post: np.ndarray
    columns: dict[str, np.ndarray]
    slot: np.ndarray | None


def is_graph(circuit: Circuit, label: str | None) -> bool:
    """Tell whether this is a plain labelled graph, as `from_networkx` makes it: labels are names, pairs are slots."""
    if len(circuit.populations) != 1 or len(circuit.projections) > 1:
        return False
    (population,) = circuit.populations
    return len(population.shape) == 1 and label in population.attributes


def nodes(circuit: Circuit, level: Level, label: str | None) -> list[Nodes]:
    """List the units or neurons of every population.

    In a plain labelled graph a node is called by its label and has the attributes that were given, no others.
    Elsewhere, and where a label is ABSENT, it is called (population, unit) or (population, neuron).
    """
    plain = is_graph(circuit, label)
    return [_graph_nodes(p, str(label)) if plain else _network_nodes(p, level) for p in circuit.populations]


def edges(circuit: Circuit, level: Level, weight: str | None, label: str | None) -> Iterator[Edges]:
    """List the connected pairs of every projection, pre to post."""
    plain = is_graph(circuit, label)
    for projection in circuit.projections:
        found = pairs(circuit, projection, level)
        columns = _weights(projection, found, weight)
        if not plain:
            columns |= _law(projection, found)
        columns |= _slot_attributes(projection, found, columns, weight)
        slot = found.slot if level == "unit" and (found.n_slots == 1).all() else None
        yield Edges(projection, found.pre, found.post, columns, slot)


def populations(circuit: Circuit) -> dict[str, list[object]]:
    """Describe each population in one row."""
    all_ = circuit.populations
    return {
        "shape": [p.shape for p in all_],
        "neuron": [repr(p.neuron) for p in all_],
        "n_units": [p.n_units for p in all_],
        "n_neurons": [p.n_neurons for p in all_],
    }


def projections(circuit: Circuit) -> dict[str, list[object]]:
    """Describe each projection in one row."""
    all_ = circuit.projections
    return {
        "topology": [repr(p.topology) for p in all_],
        "rule": [repr(p.rule) for p in all_],
        "fixed": [p.fixed for p in all_],
        "delay": [p.delay for p in all_],
        "port": [p.port for p in all_],
        "n_slots": [p.n_slots for p in all_],
        "n_synapses": [p.topology.n_synapses(*circuit.shapes(p)) for p in all_],
    }


def _graph_nodes(population: Population, label: str) -> Nodes:
    labels = values(population.attributes[label])
    keys = [(population.name, unit) if key is ABSENT else key for unit, key in enumerate(labels)]
    seen: set[Hashable] = set()
    for key in keys:
        if key in seen:
            where = f"population {population.name!r}: attribute {label!r}"
            raise StructureError(f"{where} names two units {key!r}; pass label=None to call units by number")
        seen.add(key)
    return Nodes(population, keys, dict(population.attributes))


def _network_nodes(population: Population, level: Level) -> Nodes:
    sites = n_sites(population.shape) if level == "neuron" else 1
    index = np.arange(population.n_units * sites)
    columns: dict[str, np.ndarray] = {"population": np.full(len(index), population.name, dtype=object), level: index}
    if level == "neuron":
        columns |= {"unit": index // sites, "site": index % sites}
    own = {name: a[index // sites] for name, a in population.attributes.items()}
    refuse_clash(f"population {population.name!r}", own, columns)
    return Nodes(population, [(population.name, i) for i in index.tolist()], columns | own)


def _weights(projection: Projection, found: Pairs, name: str | None) -> dict[str, np.ndarray]:
    if name is None:
        return {}
    given = projection.attributes.get(name)
    if given is None or given.dtype != object:
        return {name: found.weight}
    # The edge came without a weight, and nothing has changed the 1 that stood in for it.
    silent = np.array([v is ABSENT for v in given], dtype=bool)[found.slot] & (found.weight == 1) & (found.n_slots == 1)
    column = found.weight.astype(object)
    column[silent] = ABSENT
    return {name: column if silent.any() else found.weight}


def _law(projection: Projection, found: Pairs) -> dict[str, np.ndarray]:
    return {
        "projection": np.full(len(found), projection.name, dtype=object),
        "delay": np.full(len(found), projection.delay),
        "n_slots": found.n_slots,
        "n_synapses": found.n_synapses,
    }


def _slot_attributes(
    projection: Projection, found: Pairs, taken: Mapping[str, np.ndarray], weight: str | None
) -> dict[str, np.ndarray]:
    if len(found) != projection.n_slots or (found.n_slots != 1).any():
        return {}
    own = {name: a[found.slot] for name, a in projection.attributes.items() if name != weight}
    refuse_clash(f"projection {projection.name!r}", own, taken)
    return own


def refuse_clash(where: str, own: Mapping[str, np.ndarray], taken: Mapping[str, np.ndarray]) -> None:
    """Raise StructureError where an attribute has the name of a column that the view itself writes."""
    for name in own:
        if name in taken:
            raise StructureError(f"{where}: attribute {name!r} has the name of a column of this view; rename it")
