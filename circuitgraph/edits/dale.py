"""Dale's law: a unit excites, or it inhibits."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from circuitgraph.edits.edit import Edit
from circuitgraph.edits.lateral import LateralInhibition
from circuitgraph.errors import ShapeError, StructureError
from circuitgraph.ir import Circuit, Population, Projection, Remap, value
from circuitgraph.ir.value import index_array
from circuitgraph.registry import edits, neurons
from circuitgraph.topologies import Conv, Dense, Pool
from circuitgraph.topologies.lateral import need_length

Parts = Mapping[str, np.ndarray]
SIGNS = {"e": 1, "i": -1}


@edits.register("dale")
@value
class Dale(Edit):
    """Split a population P into excitatory units P_e and inhibitory units P_i, and give what they project to a sign.

    A `share` of the units becomes inhibitory, the last ones, or those listed in `units`.  Every projection to or from P
    is split between the two; out of P_e no weight is negative, out of P_i none positive, and `learn` keeps it so, for
    rules and gradients alike.  At birth outgoing weights have the sizes that they had, those of P_i times `gain`
    (default: excitatory units for each inhibitory one, which balances what is heard); incoming ones stay as they are.
    Populations that follow P one to one (pooling) are split with it.  Units compete within their part from then on.

    Raises:
        ShapeError: at once for a share, a gain or units out of range; in `apply` if either part had no unit.
        StructureError: in `apply` for an input population, one that projects to nobody, whose output may be negative,
            or that itself follows another one to one; for fixed weights of the wrong sign; for wiring that cannot be
            split; for names that are taken.

    Example:
        >>> import circuitgraph as cg
        >>> c = cg.Circuit().add("x", 4).connect("x", "y", cg.Dense(), units=10, neuron=cg.ReLU())
        >>> c, _ = Dale("y").apply(c.connect("y", "z", cg.Dense(), units=2))
        >>> [(p.name, p.n_slots, p.sign) for p in c.projections]
        [('x->y_e', 32, 0), ('x->y_i', 8, 0), ('y_e->z', 16, 1), ('y_i->z', 4, -1)]
    """

    population: str
    share: float = 0.2
    units: Any = None
    gain: float | None = None

    def __post_init__(self) -> None:
        need_length("Dale: share", self.share)
        if self.share >= 1:
            raise ShapeError(f"Dale: share (got {self.share!r}, expected above 0 and below 1)")
        if self.gain is not None:
            need_length("Dale: gain", self.gain)
        if self.units is not None:
            units = index_array(self.units, "Dale: units")
            if len(np.unique(units)) != len(units):
                raise ShapeError(f"Dale: units come twice (got {self.units!r}, expected different indices)")
            object.__setattr__(self, "units", units)

    def apply(self, circuit: Circuit) -> tuple[Circuit, Remap]:
        p = circuit.population(self.population)
        parts, split = self._parts(p), _followers(circuit, p)
        self._check(circuit, p, split)
        gain = len(parts["e"]) / len(parts["i"]) if self.gain is None else self.gain
        populations = [new for q in circuit.populations for new in (_halves(q, parts) if q.name in split else [q])]
        projections: list[Projection] = []
        removed, heirs = set(split), list[tuple[str, Projection]]()
        for q in circuit.projections:
            if q.pre in split or q.post in split:
                pieces = list(_pieces(circuit, q, split, parts, gain))
                projections += pieces
                heirs += [(q.name, piece) for piece in pieces]
                removed.add(q.name)
            else:
                projections.append(q)
        populations = [_inheriting(p, heirs) for p in populations]
        changed = dataclasses.replace(circuit, populations=tuple(populations), projections=tuple(projections))
        return changed, Remap(removed=frozenset(removed))

    def _parts(self, p: Population) -> Parts:
        n = p.n_units
        chosen = np.arange(n - round(self.share * n), n) if self.units is None else np.sort(self.units)
        if not 0 < len(chosen) < n:
            got = f"got {len(chosen)} of {n}, expected 1 to {n - 1}"
            raise ShapeError(f"{self!r}: number of inhibitory units ({got}); choose another share")
        if chosen[0] < 0 or chosen[-1] >= n:
            got = f"got {chosen[0]} to {chosen[-1]}, expected 0 to {n - 1}"
            raise ShapeError(f"{self!r}: unit out of range ({got})")
        return {"e": np.delete(np.arange(n), chosen), "i": chosen}

    def _check(self, circuit: Circuit, p: Population, split: list[str]) -> None:
        if p.neuron is None or type(p.neuron) in (neurons["linear"], neurons["batch-norm"]):
            got = f"got {p.neuron!r}, expected e.g. cg.ReLU()"
            raise StructureError(f"{self!r}: output of {p.name!r} may be negative, which turns every sign ({got})")
        if not any(q.post == p.name and q.pre not in split for q in circuit.projections):
            raise StructureError(f"{self!r}: {p.name!r} is an input population; put a population behind it")
        out = [q for q in circuit.projections if q.pre in split and not _is_tied(circuit, q)]
        if not out:
            raise StructureError(f"{self!r}: {p.name!r} projects to nobody, so nothing would have a sign")
        for q in circuit.projections:
            if q.post in split and q.pre not in split and _is_tied(circuit, q):
                got = f"got {q.name!r}"
                raise StructureError(f"{self!r}: {q.post!r} follows {q.pre!r} one to one ({got}); split that one")

    @classmethod
    def examples(cls) -> list[tuple[Edit, Circuit]]:
        relu = neurons["relu"]()
        flat = Circuit().add("x", 3).connect("x", "y", Dense(), units=5, neuron=relu)
        flat = flat.connect("y", "y", Dense(), delay=1).connect("y", "z", Dense(), units=2)
        conv = Circuit().add("x", (1, 4, 4)).connect("x", "y", Conv(3, padding=1), units=4, neuron=relu)
        pooled = conv.connect("y", "p", Pool(2)).connect("p", "z", Dense(), units=2, name="out")
        lateral, _ = LateralInhibition("z").apply(flat)
        return [(cls("y"), flat), (cls("y", units=[2, 0], gain=1.0), lateral), (cls("y", 0.5), pooled)]


def _is_tied(circuit: Circuit, q: Projection) -> bool:
    return q.topology.tied(*circuit.shapes(q))


def _followers(circuit: Circuit, p: Population) -> list[str]:
    """Name the population and those that follow it one to one."""
    found = [p.name]
    for name in found:
        heirs = (q.post for q in circuit.projections if q.pre == name and _is_tied(circuit, q))
        found += [heir for heir in dict.fromkeys(heirs) if heir not in found]
    return found


def _halves(p: Population, parts: Parts) -> Iterator[Population]:
    for part, at in parts.items():
        yield dataclasses.replace(
            p,
            name=f"{p.name}_{part}",
            shape=(len(at), *p.shape[1:]),
            memory={k: v[at] for k, v in p.memory.items()},
            attributes={k: v[at] for k, v in p.attributes.items()},
            ids=p.unit_ids[at],
        )


def _inheriting(p: Population, heirs: list[tuple[str, Projection]]) -> Population:
    """Give what a rule keeps for a population's units (`Projection.memory_key`) to each piece of its projection."""
    memory = dict(p.memory)
    for old in {old for old, piece in heirs if piece.post == p.name}:
        kept = {key: memory.pop(key) for key in list(memory) if key.startswith(f"{old} ")}
        for piece in (piece for name, piece in heirs if name == old and piece.post == p.name):
            memory |= {piece.name + key[len(old) :]: values for key, values in kept.items()}
    return dataclasses.replace(p, memory=memory)


def _pieces(circuit: Circuit, q: Projection, split: list[str], parts: Parts, gain: float) -> Iterator[Projection]:
    """Split one projection; relays between the populations that are split stay within the part, and excite."""
    shapes, tied = circuit.shapes(q), _is_tied(circuit, q)
    for a in parts if q.pre in split else ("",):
        for b in parts if q.post in split else ("",):
            if tied and a != b:
                continue
            index = [parts[part] if part else np.arange(s[0]) for part, s in zip((a, b), shapes, strict=True)]
            topology, old = q.topology.resized(*shapes, *index)
            pre, post = (f"{end}_{part}" if part else end for end, part in ((q.pre, a), (q.post, b)))
            sign = 1 if tied else SIGNS.get(a, q.sign)
            yield dataclasses.replace(
                q,
                pre=pre,
                post=post,
                name=f"{pre}->{post}" if q.name == f"{q.pre}->{q.post}" else "_".join(filter(None, (q.name, a, b))),
                topology=topology,
                weight=_signed(q, old, sign, gain) if a else q.weight[old],
                attributes={k: v[old] for k, v in q.attributes.items()},
                ids=q.slot_ids[old],
                sign=sign,
            )


def _signed(q: Projection, old: np.ndarray, sign: int, gain: float) -> np.ndarray:
    w: np.ndarray = q.weight[old]
    if q.sign == -sign or (q.fixed and (sign * w < 0).any()):
        got = f"got {'sign ' + format(q.sign, '+d') if q.sign else 'fixed weights of both signs'}, expected {sign:+d}"
        raise StructureError(f"Dale: {q.name!r} cannot change its sign ({got}); remove it first, or free it")
    if q.fixed:
        return w
    return np.asarray(sign * abs(w) * (gain if sign < 0 else 1), w.dtype)
