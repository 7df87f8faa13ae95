"""torch.compile over a network: one graph, the same numbers, forward and backward."""

import copy
import gc
import pickle
import weakref
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

import circuitgraph as cg
from circuitgraph import registry
from circuitgraph.errors import NumericError, ShapeError
from circuitgraph.kernels import Kernel

# What torch does while it traces warns, of itself (torch 2.13).
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning"),
]


def mlp() -> cg.Circuit:
    return cg.Circuit().add("x", 5).connect("x", "h", cg.Dense(), units=6, neuron=cg.ReLU()).connect(
        "h", "y", cg.Dense(), units=3
    )  # fmt: skip


def conv() -> cg.Circuit:
    body = cg.Circuit().add("image", (2, 6, 6), cg.BatchNorm())
    body = body.connect("image", "c1", cg.Conv(3, padding=1, mode="reflect"), units=4, neuron=cg.Triangle(1.4))
    body = body.connect("c1", "p1", cg.Pool(4, 2, 1)).connect("p1", "c2", cg.Conv(3, padding=1, groups=2), units=4)
    return body.connect("c2", "p2", cg.Pool(2, how="mean")).connect("p2", "out", cg.Dense(), units=3)


def recurrent() -> cg.Circuit:
    body = cg.Circuit().add("x", 3).connect("x", "h", cg.Dense(), units=4, neuron=cg.ReLU())
    body = body.connect("h", "h", cg.ErdosRenyi(0.5, self_loops=False), delay=1, weight=cg.normal(0.5))
    body = body.connect("h", "y", cg.ErdosRenyi(0.7, seed=1), units=2, delay=2)
    return body.connect("h", "y", cg.Explicit([0, 3], [1, 0]), name="direct")


def graph() -> cg.Circuit:
    edges = [0, 1, 2, 3, 3], [1, 2, 0, 0, 3]
    body = cg.Circuit().add("x", (2, 4)).connect("x", "m", cg.GraphEdges(*edges))
    return body.connect("m", "f", cg.GraphConv(*edges), units=3, neuron=cg.KWinners(2)).connect(
        "f", "y", cg.Dense(), units=2
    )


def inhibited() -> cg.Circuit:
    return cg.Inhibit("y", 0.5).apply(mlp())[0]


def pruned() -> cg.Circuit:
    body = cg.Circuit().add("x", (2, 5, 5)).connect("x", "y", cg.Conv(3), units=3, neuron=cg.ReLU())
    return cg.RemoveSlots("x->y", range(0, 54, 2)).apply(body.connect("y", "p", cg.Pool(3)))[0]


CIRCUITS = [mlp, conv, recurrent, graph, inhibited, pruned]


def series(circuit: cg.Circuit) -> Tensor:
    rng = torch.Generator().manual_seed(0)
    shape = 4, 3, *circuit.populations[0].shape
    return torch.randn(*shape, generator=rng, dtype=torch.float64, requires_grad=True)


def first(xs: Tensor) -> Tensor:
    return xs[0].detach().requires_grad_()


def compare(net: cg.Network, traced: Callable[[Tensor], Tensor], eager: Callable[[Tensor], Tensor], x: Tensor) -> None:
    """Compare outputs and all gradients."""
    leaves = [x, *(p for p in net.parameters() if p.requires_grad)]
    results = []
    for each in (traced, eager):
        y = each(x)
        scale = torch.linspace(1, 2, y.numel(), dtype=y.dtype).view_as(y)
        grads = torch.autograd.grad((y * scale).square().sum(), leaves, allow_unused=True)
        results.append((y, *(g for g in grads if g is not None)))
    torch.testing.assert_close(*results, rtol=1e-10, atol=1e-10)


def unrolled(step: Callable[..., cg.State], out: str) -> Callable[[Tensor], Tensor]:
    def run(xs: Tensor) -> Tensor:
        state, ys = None, []
        for x in xs:
            state = step(x, state)
            ys.append(state[out])
        return torch.stack(ys)

    return run


@pytest.fixture(autouse=True)
def _fresh_compiler() -> None:
    torch._dynamo.reset()


@pytest.mark.parametrize("make", CIRCUITS)
def test_one_step_from_rest_is_one_graph(make: Callable[[], cg.Circuit]) -> None:
    for exact in (False, True):
        net = cg.compile(make(), dtype=torch.float64, exact=exact)
        compare(net, torch.compile(net, fullgraph=True, backend="aot_eager"), net, first(series(net.circuit)))


def test_steps_and_whole_runs_are_one_graph_each() -> None:
    net = cg.compile(recurrent(), dtype=torch.float64)
    xs = series(net.circuit)
    step, run = (torch.compile(each, fullgraph=True, backend="aot_eager") for each in (net.step, net.run))
    compare(net, unrolled(step, "y"), unrolled(net.step, "y"), xs)
    compare(net, lambda x: run(x)[0], lambda x: net.run(x)[0], xs)


@pytest.mark.usefixtures("loops")
@pytest.mark.parametrize("kernel", ["loops", "numba", "embedding-bag"])
def test_opaque_kernels_are_operators_in_the_graph(kernel: str) -> None:
    if not registry.kernels[kernel].present():
        pytest.skip(f"kernel {kernel!r} is not installed")
    circuit = recurrent()
    net = cg.compile(circuit, dtype=torch.float64, kernels={p.name: kernel for p in circuit.projections})
    xs, seen = series(circuit), []

    def backend(module: torch.fx.GraphModule, inputs: list[Tensor]) -> Callable[..., object]:
        seen.extend(str(node.target) for node in module.graph.nodes)
        return module.forward

    torch.compile(net, fullgraph=True, backend=backend)(first(xs))
    assert seen.count("circuitgraph.push") + seen.count("circuitgraph.push.default") == 2
    run = torch.compile(net.run, fullgraph=True, backend="aot_eager")
    compare(net, lambda x: run(x)[0], lambda x: net.run(x)[0], xs)


def test_another_batch_size_does_not_break_the_graph() -> None:
    net = cg.compile(recurrent(), dtype=torch.float64)
    traced = torch.compile(net, fullgraph=True, backend="aot_eager")
    for batch in (1, 3, 5):
        x = torch.ones(batch, 3, dtype=torch.float64, requires_grad=True)
        compare(net, traced, net, x)


def test_an_edit_is_seen_by_what_was_compiled_before(loops: type[Kernel]) -> None:
    for kernels in ({}, {"h->h": "loops"}):
        net = cg.compile(recurrent(), dtype=torch.float64, kernels=kernels)
        run, xs = torch.compile(net.run, fullgraph=True, backend="aot_eager"), series(recurrent())
        compare(net, lambda x, run=run: run(x)[0], lambda x, net=net: net.run(x)[0], xs)
        net.edit(cg.RemoveSlots("h->h", [0, 2]))
        compare(net, lambda x, run=run: run(x)[0], lambda x, net=net: net.run(x)[0], xs)


def test_copies_and_pickles_of_a_network_compile_as_well(loops: type[Kernel]) -> None:
    net = cg.compile(recurrent(), dtype=torch.float64, kernels={"h->h": "loops"})
    xs = series(net.circuit)
    traced = torch.compile(net, fullgraph=True, backend="aot_eager")
    traced(first(xs))
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        numbers = [k.handle for n in (net, other) for k in n.kernels.values()]
        assert len(set(numbers)) == len(numbers)
        compare(other, torch.compile(other, fullgraph=True, backend="aot_eager"), other, first(xs))


def test_a_compiled_network_that_nobody_holds_is_freed(loops: type[Kernel]) -> None:
    net = cg.compile(recurrent(), kernels={"h->h": "loops", "direct": "loops"})
    traced = torch.compile(net, fullgraph=True, backend="aot_eager")
    traced(torch.ones(2, 3)).sum().backward()
    alive = [weakref.ref(net), *(weakref.ref(k) for k in net.kernels.values())]
    del net, traced
    gc.collect()
    assert [ref() for ref in alive] == [None] * len(alive)


def test_shapes_are_checked_in_a_graph_and_values_outside_only() -> None:
    net = cg.compile(mlp())
    with pytest.raises(ShapeError, match="another shape"):
        torch.compile(net, backend="aot_eager")(torch.ones(2, 4))
    torch._dynamo.reset()
    traced = torch.compile(net, fullgraph=True, backend="aot_eager")
    bad = torch.full((1, 5), float("nan"))
    with pytest.raises(NumericError, match="NaN or infinity"):
        net(bad)
    assert traced(bad).isnan().all()


@pytest.mark.usefixtures("loops")
@pytest.mark.parametrize("kernel", [None, "loops"])
def test_autocast_means_the_same_in_a_graph(kernel: str | None) -> None:
    circuit = recurrent()
    net = cg.compile(circuit, kernels={p.name: kernel for p in circuit.projections} if kernel else {})
    xs, run = series(circuit).detach().float(), torch.compile(net.run, fullgraph=True, backend="aot_eager")
    results = []
    for each in (run, net.run):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            ys, _ = each(xs)
        assert ys.dtype == torch.bfloat16
        results.append((ys, *torch.autograd.grad(ys.float().square().sum(), list(net.parameters()))))
    assert {t.dtype for t in results[0][1:]} == {torch.float32}
    torch.testing.assert_close(*results, rtol=1e-2, atol=1e-2)


@pytest.mark.slow
@pytest.mark.parametrize("make", [conv, recurrent, graph])
@pytest.mark.parametrize("kernel", [None, "loops"])
@pytest.mark.usefixtures("loops")
def test_inductor_computes_the_same(make: Callable[[], cg.Circuit], kernel: str | None) -> None:
    circuit = make()
    names = [p.name for p in circuit.projections if p.topology.reduce == "sum" and not p.fixed]
    net = cg.compile(circuit, dtype=torch.float64, kernels=dict.fromkeys(names, kernel) if kernel else {})
    xs, run = series(circuit), torch.compile(net.run, fullgraph=True)
    compare(net, lambda x: run(x)[0], lambda x: net.run(x)[0], xs)
