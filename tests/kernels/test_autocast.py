"""Under torch.autocast: activity of the type asked for, weights and their gradients of their own."""

import pytest
import torch

import circuitgraph as cg
from circuitgraph import registry
from circuitgraph.ir import Shape, Topology
from circuitgraph.kernels import Kernel, PoolKernel, make_kernel

WIRINGS = [
    (cg.Dense(), (30,), (20,)),
    (cg.Conv(3, padding=1), (4, 6), (5, 6)),
    (cg.ErdosRenyi(0.5), (30,), (20,)),
    (cg.GraphEdges([0, 1, 2], [1, 2, 0]), (4, 3), (4, 3)),
    (cg.GraphConv([0, 1, 2], [1, 2, 0]), (4, 3), (2, 3)),
    (cg.Pruned(cg.Dense(), range(0, 600, 3)), (30,), (20,)),
    (cg.Pruned(cg.Conv(3, padding=1), range(0, 180, 2)), (4, 6, 6), (5, 6, 6)),
]


def check(kernel: Kernel) -> None:
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(8, *kernel.pre, generator=rng, requires_grad=True)
    w = torch.randn(kernel.topology.n_slots(kernel.pre, kernel.post), generator=rng, requires_grad=True)
    for inside in (False, True):  # where backward is called
        with torch.autocast("cpu", dtype=torch.bfloat16):
            y = kernel(x, w)
            assert y.dtype == torch.bfloat16
            if inside:
                grads = torch.autograd.grad(y.float().square().sum(), (x, w))
        if not inside:
            grads = torch.autograd.grad(y.float().square().sum(), (x, w))
        expected = kernel(x, w)
        wanted = torch.autograd.grad(expected.square().sum(), (x, w))
        for got, want in zip((y, *grads), (expected, *wanted), strict=True):
            torch.testing.assert_close(got.float(), want, rtol=0, atol=0.03 * want.abs().max().item())
        assert [g.dtype for g in grads] == [torch.float32, torch.float32]


@pytest.mark.parametrize(("topology", "pre", "post"), WIRINGS, ids=repr)
def test_activity_that_meets_weights_is_narrow_and_gradients_are_not(
    topology: Topology, pre: Shape, post: Shape
) -> None:
    check(make_kernel(topology, pre, post))
    check(make_kernel(topology, pre, post, "reference"))


@pytest.mark.usefixtures("loops")
@pytest.mark.parametrize("name", ["loops", *(n for n in registry.kernels if registry.kernels[n].opaque)])
def test_opaque_kernels_do_the_same(name: str) -> None:
    kind = registry.kernels[name]
    if not kind.present() or kind.devices not in ((), ("cpu",)):
        pytest.skip(f"kernel {name!r} does not run here")
    check(kind(*next(w for w in WIRINGS if kind.supports(*w))))


def test_float64_stays_and_so_does_what_meets_no_weights() -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert make_kernel(cg.Dense(), (3,), (2,))(torch.ones(1, 3).double(), torch.ones(6).double()).dtype == (
            torch.float64
        )
        assert PoolKernel(cg.Pool(2), (1, 4), (1, 2))(torch.ones(1, 1, 4), None).dtype == torch.float32


def circuit(rule: cg.Rule | None) -> cg.Circuit:
    body = cg.Circuit().add("x", (3, 6), cg.BatchNorm())
    body = body.connect("x", "c", cg.Conv(3, padding=1), units=4, neuron=cg.Triangle(1.4), rule=rule)
    body = body.connect("c", "p", cg.Pool(2)).connect("p", "h", cg.Dense(), units=5, rule=rule, neuron=cg.Softmax())
    body = body.connect("h", "h", cg.ErdosRenyi(0.5, self_loops=False), delay=1, rule=rule)
    return body.connect("h", "y", cg.Dense(), units=2)


@pytest.mark.parametrize("exact", [False, True])
def test_a_network_runs_and_trains(exact: bool) -> None:
    net = cg.compile(circuit(None), exact=exact)
    xs = torch.randn(3, 8, 3, 6, generator=torch.Generator().manual_seed(0))
    expected, _ = net.run(xs)
    wanted = torch.autograd.grad(expected.square().sum(), [p for p in net.parameters() if p.requires_grad])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        ys, _ = net.run(xs)
    assert isinstance(ys, torch.Tensor)
    assert ys.dtype == torch.bfloat16
    torch.testing.assert_close(ys.float(), expected, rtol=0.1, atol=0.05)
    ys.float().square().sum().backward()
    for p, want in zip((p for p in net.parameters() if p.requires_grad), wanted, strict=True):
        assert p.dtype == torch.float32
        assert p.grad is not None
        assert p.grad.dtype == torch.float32
        assert torch.nn.functional.cosine_similarity(p.grad, want, dim=0) > 0.98


@pytest.mark.parametrize("inside", [False, True])
def test_rules_learn_from_a_step_under_autocast(inside: bool) -> None:
    nets = [cg.compile(circuit(cg.Hebb(0.1))) for _ in range(2)]
    x = torch.randn(8, 3, 6, generator=torch.Generator().manual_seed(0))
    nets[0].learn(nets[0].step(x, nets[0].step(x)))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        state = nets[1].step(x, nets[1].step(x))
        if inside:
            nets[1].learn(state)
    if not inside:
        nets[1].learn(state)
    for a, b in zip(nets[0].parameters(), nets[1].parameters(), strict=True):
        assert b.dtype == torch.float32
        torch.testing.assert_close(a, b, rtol=0.05, atol=0.02 * a.abs().max().item())
