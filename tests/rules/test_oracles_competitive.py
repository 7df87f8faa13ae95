"""Rules by which only winners learn against loops over samples, sites and synapses, in float64."""

import math
import statistics
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import circuitgraph as cg
from circuitgraph.rules import AdaptiveWinners, HomeostaticWinners, StrongestWinners, TemporalWinners, Winners

Row = list[float]
Memory = dict[str, Any]
Judge = Callable[[Any, list[Row], Memory], tuple[list[Row], Memory]]
"""From the inputs u of all neurons, sample by sample: 1 for winners, 0 for others; and what memory becomes."""


def first(row: Row, k: int) -> list[int]:
    return sorted(range(len(row)), key=lambda i: -row[i])[:k]


def strongest(k: int) -> Judge:
    def judge(wiring: Any, us: list[Row], memory: Memory) -> tuple[list[Row], Memory]:
        won = [[0.0] * wiring.n_post for _ in us]
        for u, mine in zip(us, won, strict=True):
            for rivals in wiring.rivals:
                for place in first([u[j] for j in rivals], k):
                    mine[rivals[place]] = 1.0
        return won, {}

    return judge


def adaptive(k: int, n_std: float) -> Judge:
    def judge(wiring: Any, us: list[Row], memory: Memory) -> tuple[list[Row], Memory]:
        won, _ = strongest(k)(wiring, us, memory)
        for u, mine in zip(us, won, strict=True):
            for rivals in wiring.rivals:
                row = [u[j] for j in rivals]
                bar = statistics.fmean(row) + n_std * statistics.pstdev(row)
                for j in rivals:
                    mine[j] = mine[j] if u[j] > bar else 0.0
        return won, {}

    return judge


def temporal(k: int, momentum: float) -> Judge:
    def judge(wiring: Any, us: list[Row], memory: Memory) -> tuple[list[Row], Memory]:
        median: Row = memory.get("median", [0.0] * wiring.n_post)
        won, _ = strongest(k)(wiring, us, memory)
        for u, mine in zip(us, won, strict=True):
            for rivals in wiring.rivals:
                bar = statistics.fmean(median[j] for j in rivals)
                for j in rivals:
                    mine[j] = mine[j] if u[j] > bar else 0.0
        moved = []
        for j, m in enumerate(median):
            above, below = (sum(sign * u[j] > sign * m for u in us) / len(us) for sign in (1, -1))
            moved.append(m + momentum * statistics.fmean(abs(u[j] - m) for u in us) * (above - below))
        return won, {"median": moved}

    return judge


def homeostatic(k: int, mu: float) -> Judge:
    def judge(wiring: Any, us: list[Row], memory: Memory) -> tuple[list[Row], Memory]:
        n_units = wiring.post[0]
        threshold: Row = memory.get("threshold", [0.0] * n_units)
        lowered = [[a - threshold[j // wiring.n_sites] for j, a in enumerate(u)] for u in us]
        won, _ = strongest(k)(wiring, lowered, memory)
        moved = []
        for unit, t in enumerate(threshold):
            mine = range(unit * wiring.n_sites, (unit + 1) * wiring.n_sites)
            rate = statistics.fmean(row[j] for row in won for j in mine)
            moved.append(t + mu * (rate - min(k, n_units) / n_units))
        return won, {"threshold": moved}

    return judge


WINNERS: list[tuple[Winners, Judge]] = [
    (StrongestWinners(), strongest(1)),
    (StrongestWinners(2), strongest(2)),
    (AdaptiveWinners(n_std=0.5), adaptive(1, 0.5)),
    (AdaptiveWinners(2, 0.1), adaptive(2, 0.1)),
    (TemporalWinners(momentum=0.5), temporal(1, 0.5)),
    (TemporalWinners(2, 0.2), temporal(2, 0.2)),
    (HomeostaticWinners(mu=0.9), homeostatic(1, 0.9)),
    (HomeostaticWinners(2, 0.4), homeostatic(2, 0.4)),
]
HOW: list[dict[str, Any]] = [
    {},
    {"binary": True},
    {"normalize": None},
    {"normalize": None, "unit_norm": True, "cosine": True, "binary": True},
    {"normalize": "activity"},
    {"normalize": "neuron", "presynaptic": "lp"},
    {"sparsity": 0.5, "presynaptic": "softmax", "cosine": True},
]


Change = Callable[[list[Row], Row, Memory], tuple[list[Row], list[Row], Memory]]
"""From samples and weights: what meets x and what decays the weights, by sample, and what memory becomes."""


def check(rule: cg.Rule, wiring: Any, change: Change) -> None:
    """Compare weights and memory after each of three batches with what loops make of them."""
    batches, w = wiring.start()
    expected, memory = w.tolist(), {}
    for batch, (learned, kept) in zip(batches, wiring.taught(rule, batches, w), strict=True):
        before, samples = expected, batch.reshape(len(batch), -1).tolist()
        meets, decays, memory = change(samples, before, memory)
        expected = wiring.applied(before, wiring.moved(samples, meets, decays, before), rule, meets)
        np.testing.assert_allclose(learned, expected, rtol=1e-9, atol=1e-10)
        assert kept.keys() == memory.keys()
        for key, value in memory.items():
            np.testing.assert_allclose(kept[key].ravel(), value, rtol=1e-9, atol=1e-10, err_msg=key)
    assert not np.allclose(expected, w, atol=1e-4)


@pytest.mark.parametrize("how", HOW, ids=str)
@pytest.mark.parametrize(("winners", "judge"), WINNERS, ids=[repr(w[0]) for w in WINNERS])
def test_hard_winners_move_towards_their_input(
    wiring: Any, winners: Winners, judge: Judge, how: dict[str, Any]
) -> None:  # fmt: skip
    rule = cg.HardWTA(0.1, winners=winners, **how)

    def change(samples: list[Row], w: Row, memory: Memory) -> tuple[list[Row], list[Row], Memory]:
        us = [(wiring.cosine if rule.cosine else wiring.current)(w, sample) for sample in samples]
        won, memory = judge(wiring, us, memory)
        v = [[a if rule.binary else a * b for a, b in zip(*both, strict=True)] for both in zip(won, us, strict=True)]
        return v, v, memory

    check(rule, wiring, change)


@pytest.mark.parametrize("how", [{}, {"normalize": None, "unit_norm": False}, {"cosine": True}], ids=str)
@pytest.mark.parametrize("decay", [0.3, 1.0])
@pytest.mark.parametrize(("winners", "judge"), WINNERS[::2], ids=[repr(w[0]) for w in WINNERS[::2]])
def test_bcm_strengthens_above_a_threshold_that_slides(
    wiring: Any, winners: Winners, judge: Judge, decay: float, how: dict[str, Any]
) -> None:
    rule = cg.BCM(0.02, decay, winners=winners, **how)

    def change(samples: list[Row], w: Row, memory: Memory) -> tuple[list[Row], list[Row], Memory]:
        us = [(wiring.cosine if rule.cosine else wiring.current)(w, sample) for sample in samples]
        theta: Row = memory.get("theta", [1.0] * wiring.post[0])
        won, memory = judge(wiring, us, memory)
        v = [[a * b for a, b in zip(*both, strict=True)] for both in zip(won, us, strict=True)]
        meets = [[a * (a - theta[j // wiring.n_sites]) for j, a in enumerate(row)] for row in v]
        slid = []
        for unit, t in enumerate(theta):
            mine = range(unit * wiring.n_sites, (unit + 1) * wiring.n_sites)
            slid.append((1 - decay) * t + decay * statistics.fmean(row[j] ** 2 for row in v for j in mine))
        return meets, [[0.0] * wiring.n_post] * len(samples), memory | {"theta": slid}

    check(rule, wiring, change)


@pytest.mark.parametrize("p", [2.0, 3.0, 4.0])
@pytest.mark.parametrize("rank", [2, 3, 7])
@pytest.mark.parametrize("normalize", ["layer", "activity", None])
def test_krotov_and_hopfield_push_the_unit_of_rank_k_away(
    wiring: Any, p: float, rank: int, normalize: Any
) -> None:  # fmt: skip
    rule = cg.KrotovHopfield(0.05, 0.3, rank, p, normalize=normalize)

    def change(samples: list[Row], w: Row, memory: Memory) -> tuple[list[Row], list[Row], Memory]:
        through = [math.copysign(abs(a) ** (p - 1), a) for a in w]
        meets, decays = [], []
        for sample in samples:
            current, g = wiring.current(through, sample), [0.0] * wiring.n_post
            for rivals in wiring.rivals:
                order = first([current[j] for j in rivals], len(rivals))
                g[rivals[order[min(rank, len(rivals)) - 1]]] = -0.3
                g[rivals[order[0]]] = 1.0
            meets.append(g)
            decays.append([a * b for a, b in zip(g, current, strict=True)])
        return meets, decays, {}

    check(rule, wiring, change)
