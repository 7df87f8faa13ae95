"""Wiring that every rule is tried on, and loops over its synapses, from which oracles are made."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pytest
import torch

import circuitgraph as cg
from circuitgraph.ir import Shape, Topology

Row = list[float]
CONV = cg.Conv(3, padding=1, mode="reflect")


@dataclass(frozen=True)
class Wiring:
    """A topology between two shapes; `end` says which neurons the postsynaptic end of one slot consists of."""

    topology: Topology
    pre: Shape
    post: Shape
    end: str

    @cached_property
    def edges(self) -> list[tuple[int, int, int, float]]:
        table = self.topology.synapses(self.pre, self.post)
        columns = (getattr(table, name).tolist() for name in ("pre", "post", "slot", "coef"))
        return list(zip(*columns, strict=True))

    @property
    def n_slots(self) -> int:
        return self.topology.n_slots(self.pre, self.post)

    @property
    def n_post(self) -> int:
        return math.prod(self.post)

    @property
    def n_sites(self) -> int:
        return math.prod(self.post[1:])

    @cached_property
    def rivals(self) -> list[list[int]]:
        """List the neurons of each site, unit after unit."""
        return [list(range(site, self.n_post, self.n_sites)) for site in range(self.n_sites)]

    def end_of(self, j: int) -> int:
        return {"neuron": j, "unit": j // self.n_sites, "site": j % self.n_sites}[self.end]

    def neurons_of(self, end: int) -> list[int]:
        return [j for j in range(self.n_post) if self.end_of(j) == end]

    @cached_property
    def end_of_slot(self) -> list[int]:
        found = {slot: self.end_of(j) for _, j, slot, _ in self.edges}
        return [found[slot] for slot in range(self.n_slots)]

    def family(self, slot: int) -> list[int]:
        """List the slots of the same postsynaptic end."""
        return [k for k in range(self.n_slots) if self.end_of_slot[k] == self.end_of_slot[slot]]

    @cached_property
    def hears(self) -> list[frozenset[tuple[int, int]]]:
        """Say which presynaptic neuron each slot hears where: equal for slots of different ends that hear the same."""
        places: list[set[tuple[int, int]]] = [set() for _ in range(self.n_slots)]
        for i, j, slot, _ in self.edges:
            places[slot].add((i, j % self.n_sites if self.end == "unit" else 0))
        return [frozenset(p) for p in places]

    def current(self, w: Row, sample: Row) -> Row:
        """Add up what each postsynaptic neuron hears."""
        u = [0.0] * self.n_post
        for i, j, slot, coef in self.edges:
            u[j] += coef * w[slot] * sample[i]
        return u

    def cosine(self, w: Row, sample: Row) -> Row:
        """Divide what each neuron hears by the norms of its end's weights and of its input."""
        heard, out = self.current([1.0] * len(w), [a * a for a in sample]), []
        for j, u in enumerate(self.current(w, sample)):
            norm = math.sqrt(sum(w[k] ** 2 for k in range(len(w)) if self.end_of_slot[k] == self.end_of(j)))
            out.append(u / (norm * math.sqrt(heard[j])) if norm * heard[j] else 0.0)
        return out

    def met(self, sample: Row, post: Row) -> Row:
        """Add up presynaptic times postsynaptic activity over the synapses of each slot."""
        dw = [0.0] * self.n_slots
        for i, j, slot, coef in self.edges:
            dw[slot] += coef * sample[i] * post[j]
        return dw

    def moved(self, samples: list[Row], meets: list[Row], decays: list[Row], w: Row) -> Row:
        """Add up, over samples, x * meets - w * decays."""
        dw = [0.0] * len(w)
        for sample, meet, decay in zip(samples, meets, decays, strict=True):
            decay_of = {end: sum(decay[j] for j in self.neurons_of(end)) for end in set(self.end_of_slot)}
            for slot, change in enumerate(self.met(sample, meet)):
                dw[slot] += change - w[slot] * decay_of[self.end_of_slot[slot]]
        return dw

    def applied(
        self, w: Row, dw: Row, rule: cg.Rule, meets: list[Row], rate_power: float | None = None
    ) -> Row:  # fmt: skip
        """Limit, normalise and add a change, as the arguments of a rule say; `meets` is what met x, by sample."""
        dw, slots, new = self._limited(w, dw, rule.presynaptic, rule.sparsity), range(len(w)), []
        for slot in slots:
            family, mine = self.family(slot), self.neurons_of(self.end_of_slot[slot])
            size = {
                "layer": max(map(abs, dw)),
                "neuron": max(abs(dw[k]) for k in family),
                "activity": sum(abs(row[j]) for row in meets for j in mine),
                None: 1.0,
            }[rule.normalize]
            rate = rule.learning_rate * rule.alpha / (size or 1.0)
            if rate_power is not None:
                rate *= (abs(math.sqrt(sum(w[k] ** 2 for k in family)) - 1) + 1e-10) ** rate_power
            new.append(w[slot] + rate * dw[slot])
        if not rule.unit_norm:
            return new
        return [new[k] / math.sqrt(sum(new[m] ** 2 for m in self.family(k))) for k in slots]

    def _limited(self, w: Row, dw: Row, presynaptic: str | None, sparsity: float | None) -> Row:
        out = list(dw)
        for k in range(len(w)) if presynaptic else ():
            same = [abs(w[m]) for m in range(len(w)) if self.hears[m] == self.hears[k]]
            if presynaptic == "lp":
                out[k] *= abs(w[k]) / math.sqrt(sum(a * a for a in same))
            else:
                out[k] *= math.exp(abs(w[k])) / sum(map(math.exp, same))
        if sparsity is None:
            return out
        kept: set[int] = set()
        for k in range(len(w)):
            family = sorted(self.family(k), key=lambda m: -abs(out[m]))
            kept |= set(family[: max(1, round(sparsity * len(family)))])
        return [a if k in kept else 0.0 for k, a in enumerate(out)]

    def start(self, seed: int = 7) -> tuple[list[np.ndarray], np.ndarray]:
        """Draw three batches of three samples, and weights."""
        rng = np.random.default_rng(seed)
        return list(rng.standard_normal((3, 3, *self.pre))), rng.standard_normal(self.n_slots)

    def taught(
        self, rule: cg.Rule, batches: list[np.ndarray], w: np.ndarray
    ) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
        """Let a network learn batch after batch; give its weights, and what the rule keeps, after each."""
        circuit = cg.Circuit().add("x", self.pre).add("y", self.post, cg.ReLU())
        net = cg.compile(circuit.connect("x", "y", self.topology, weight=w, rule=rule), dtype=torch.float64)
        for batch in batches:
            net.learn(net.step(torch.tensor(batch)))
            memory = {key.removeprefix("x->y "): v.numpy().copy() for key, v in net.memory["y"].values.items()}
            yield net.weights["x->y"].detach().numpy().copy(), memory


WIRINGS = [
    Wiring(cg.Dense(), (3,), (4,), "neuron"),
    Wiring(cg.Dense(), (2, 3), (2, 2), "neuron"),
    Wiring(CONV, (2, 4, 4), (3, 4, 4), "unit"),
    Wiring(cg.Conv(3, padding=1, stride=2), (2, 5, 4), (3, 3, 2), "unit"),
    Wiring(cg.Conv(3, padding=1, groups=2), (4, 3, 3), (2, 3, 3), "unit"),
    Wiring(cg.Conv(2, mode="circular", padding=1), (1, 5), (2, 6), "unit"),
    Wiring(cg.Explicit([0, 4, 1, 4, 2], [2, 0, 0, 2, 2]), (5,), (3,), "neuron"),
    Wiring(cg.ErdosRenyi(0.5, seed=3), (6,), (2, 2), "neuron"),
    Wiring(cg.GraphEdges([0, 1, 2, 2, 3], [1, 0, 3, 0, 3]), (2, 4), (2, 4), "site"),
    Wiring(cg.GraphConv([0, 1, 2, 2], [1, 0, 3, 0]), (2, 4), (3, 4), "unit"),
    Wiring(cg.Pruned(CONV, np.arange(0, 54, 3)), (2, 4, 4), (3, 4, 4), "unit"),
    Wiring(cg.Pruned(cg.Dense(), [0, 2, 3, 4, 7, 8, 9, 11]), (3,), (4,), "neuron"),
]


@pytest.fixture(params=WIRINGS, ids=lambda w: repr(w.topology))
def wiring(request: pytest.FixtureRequest) -> Wiring:
    given: Wiring = request.param
    return given
