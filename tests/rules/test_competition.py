"""Who wins: what each competition does, and what it keeps to do so."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

import circuitgraph as cg
from circuitgraph.errors import RuleError
from circuitgraph.rules import AdaptiveWinners, HomeostaticWinners, StrongestWinners, TemporalWinners, Winners


def judged(winners: Winners, u: Tensor, memory: dict[str, Tensor]) -> Tensor:
    """Judge a batch and take over what memory becomes."""
    won, moved = winners.judge(u, memory)
    memory.update({part.key: part.value for part in moved})
    return won


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def start(winners: Winners, *shape: int) -> dict[str, Tensor]:
    return {key: v.double() for key, v in winners.memory(shape).items()}


@pytest.mark.parametrize("winners", [StrongestWinners(2), HomeostaticWinners(2)], ids=repr)
@pytest.mark.parametrize("u", [noise(5, 4, 3, 2), torch.zeros(5, 4, 3, 2, dtype=torch.float64)], ids=["noise", "ties"])
def test_exactly_so_many_win_at_each_sample_and_site(winners: Winners, u: Tensor) -> None:
    won = judged(winners, u, start(winners, 4, 3, 2))
    assert (won.sum(1) == 2).all()


@pytest.mark.parametrize("winners", [StrongestWinners(4), HomeostaticWinners(7)], ids=repr)
def test_all_win_where_there_are_no_more(winners: Winners) -> None:
    memory = start(winners, 4, 3)
    assert judged(winners, noise(5, 4, 3), memory).eq(1).all()
    assert all(value.eq(0).all() for value in memory.values())  # as many as are wanted: nothing to make up for


def test_the_strongest_of_each_site_win() -> None:
    u = torch.tensor([[[3.0, -1.0], [1.0, -5.0], [2.0, -3.0]]])
    assert StrongestWinners().judge(u, {})[0].tolist() == [[[1, 1], [0, 0], [0, 0]]]
    assert StrongestWinners(2).judge(u, {})[0].tolist() == [[[1, 1], [0, 0], [1, 1]]]


def test_adaptive_winners_stand_out_or_there_is_none() -> None:
    flat, peaked = [1.0, 1.1, 0.9, 1.0], [0.0, 0.0, 9.0, 0.0]
    won, moved = AdaptiveWinners(n_std=1.5).judge(torch.tensor([flat, peaked]), {})
    assert won.tolist() == [[0, 0, 0, 0], [0, 0, 1, 0]]
    assert moved == []
    # Of four numbers none is further from their mean than sqrt(3) standard deviations.
    assert AdaptiveWinners(4, n_std=math.sqrt(3) + 1e-3).judge(noise(50, 4), {})[0].sum() == 0


@pytest.mark.parametrize("draw", [lambda e: e, lambda e: -e, lambda e: 5 + e], ids=["skewed", "mirrored", "shifted"])
@pytest.mark.parametrize("momentum", [0.02, 0.1])
def test_the_running_median_settles_near_the_median_and_not_the_mean(draw: Any, momentum: float) -> None:
    rng, memory, kept = torch.Generator().manual_seed(0), start(TemporalWinners(), 3, 2), []
    for batch in range(900):
        e = torch.empty(32, 3, 2, dtype=torch.float64).exponential_(generator=rng)
        judged(TemporalWinners(momentum=momentum), draw(e), memory)
        kept.append(memory["median"]) if batch >= 600 else None
    # An exponential has median log 2 and mean 1; single values waver with the batch, by about momentum / 2.
    settled, median, mean = torch.stack(kept).mean(0), draw(math.log(2)), draw(1.0)
    assert (settled - median).abs().max() < 0.06 < abs(mean - median)
    assert (torch.stack(kept) - median).abs().max() < 4 * momentum + 0.1


def test_the_running_median_follows_a_signal_that_changes_in_scale_and_place() -> None:
    memory = start(TemporalWinners(), 2)
    for place, scale in ((0.0, 1.0), (400.0, 30.0), (-1e-3, 1e-4)):
        for seed in range(400):
            judged(TemporalWinners(), place + scale * noise(64, 2, seed=seed), memory)
        assert (memory["median"] - place).abs().max() < 0.5 * scale


def test_temporal_winners_exceed_what_is_usual_at_their_site() -> None:
    winners = TemporalWinners(2)
    memory = {"median": torch.tensor([[1.0, 10.0], [3.0, 30.0]])}  # usual: 2 at the first site, 20 at the second
    u = torch.tensor([[[2.5, 19.0], [1.5, 21.0]]])
    assert winners.judge(u, memory)[0].tolist() == [[[1, 0], [0, 1]]]


def test_homeostatic_thresholds_bring_every_unit_to_its_turn() -> None:
    winners, handicap = HomeostaticWinners(mu=0.5), torch.tensor([5.0, 0.0, 0.0, -8.0], dtype=torch.float64)
    memory, rates = start(winners, 4), []
    u = noise(64, 4, seed=99) + handicap
    before = judged(winners, u, start(winners, 4)).mean(0)
    assert before[0] == 1  # nobody else ever wins
    assert before[3] == 0
    for seed in range(400):
        won = judged(winners, noise(64, 4, seed=seed) + handicap, memory)
        rates.append(won.mean(0))
    torch.testing.assert_close(torch.stack(rates[-200:]).mean(0), torch.full((4,), 0.25).double(), atol=0.02, rtol=0)
    assert abs(float(memory["threshold"].sum())) < 1e-9  # what one gains others lose


def test_homeostasis_revives_units_that_a_network_has_left_behind() -> None:
    def shares(winners: Winners) -> Tensor:
        rule = cg.HardWTA(0.01, binary=True, winners=winners, normalize=None)
        circuit = cg.Circuit().add("x", 6)
        weight = torch.cat([torch.ones(1, 6), torch.full((3, 6), -1.0)]).flatten().numpy()
        net = cg.compile(circuit.connect("x", "y", cg.Dense(), units=4, weight=weight, rule=rule), dtype=torch.float64)
        for seed in range(300):
            net.learn(net.step(noise(16, 6, seed=seed).abs()))
        memory = {key.removeprefix("x->y "): v for key, v in net.memory["y"].values.items()}
        u = net.step(noise(500, 6, seed=1000).abs())["y"]
        return winners.judge(u, memory)[0].mean(0)

    assert shares(StrongestWinners()).tolist() == [1, 0, 0, 0]
    assert shares(HomeostaticWinners(mu=0.1)).min() > 0.05


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: StrongestWinners(0), "StrongestWinners: top_k"),
        (lambda: TemporalWinners(True), "top_k"),
        (lambda: AdaptiveWinners(1.0), "top_k"),  # type: ignore[arg-type]
        (lambda: AdaptiveWinners(n_std=-1.0), "n_std"),
        (lambda: TemporalWinners(momentum=1.1), "at most 1"),
        (lambda: TemporalWinners(momentum=math.nan), "momentum"),
        (lambda: HomeostaticWinners(mu=-0.1), "mu"),
        (lambda: cg.HardWTA(0.1, winners=2), r"HardWTA: winners \(got 2"),  # type: ignore[arg-type]
        (lambda: cg.BCM(0.1, winners=StrongestWinners), "BCM: winners"),  # type: ignore[arg-type]
    ],
)
def test_bad_arguments_are_refused_at_once(make: Any, message: str) -> None:
    with pytest.raises(RuleError, match=message):
        make()
