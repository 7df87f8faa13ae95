"""Whitening that is learned."""

import pytest
import torch

import circuitgraph as cg
from circuitgraph.errors import StructureError
from circuitgraph.nets import decorrelated


def correlated(n: int = 4000) -> torch.Tensor:
    mix = torch.tensor([[1.0, 0.8, 0.5], [0.0, 0.6, 0.5], [0.0, 0.0, 0.7]])
    return torch.randn(n, 3, generator=torch.Generator().manual_seed(0)) @ mix


def test_units_lose_their_correlations_while_it_learns() -> None:
    net = cg.compile(decorrelated(cg.Circuit().add("x", 3).connect("x", "y", cg.Dense(), units=2), "x", 0.05))
    for _ in range(5):
        for batch in correlated().split(50):
            net.learn(net.step(batch))
    found = cg.compile(net.snapshot(), keep=["x_white"]).step(correlated())["x_white"]
    torch.testing.assert_close(torch.cov(found.T), torch.eye(3), atol=0.1, rtol=0)


def test_it_stands_between_a_population_and_all_that_it_projected_to() -> None:
    base = cg.Circuit().add("x", (3, 6, 6)).connect("x", "y", cg.Conv(3), units=2).connect("x", "z", cg.Pool(2))
    wired = decorrelated(base, "x")
    assert [(p.pre, p.post) for p in wired.projections] == [("x", "x_white"), ("x_white", "y"), ("x_white", "z")]
    image = torch.rand(2, 3, 6, 6)
    for name in ("y", "z"):
        before, after = (cg.compile(c).step(image)[name] for c in (base, wired))
        torch.testing.assert_close(before, after)


def test_a_population_that_nobody_hears_is_refused() -> None:
    with pytest.raises(StructureError, match="projects to nobody"):
        decorrelated(cg.Circuit().add("x", 3), "x")
