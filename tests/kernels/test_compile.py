"""Operators: what torch.compile and second derivatives see of an opaque kernel."""

import copy
import gc
import pickle
import weakref

import pytest
import torch
from torch import Tensor

import circuitgraph as cg
from circuitgraph import registry, testing
from circuitgraph.errors import StructureError
from circuitgraph.ir import Shape, Topology
from circuitgraph.kernels import DenseKernel, Kernel, operators

# What torch does while it traces warns, of itself (torch 2.13).
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning"),
]
OPAQUE = ["loops", *(n for n in registry.kernels if registry.kernels[n].opaque)]
SHARED, SPARSE = (cg.Conv(2, padding=1), (2, 3), (2, 4)), (cg.ErdosRenyi(0.5), (4,), (2, 3))
PRUNED, DENSE = (cg.Pruned(cg.Conv(3, padding=1), range(0, 18, 2)), (2, 3, 3), (1, 3, 3)), (cg.Dense(), (3,), (2,))


@pytest.fixture(autouse=True)
def _fresh_compiler() -> None:
    torch._dynamo.reset()


def operands(topology: Topology, pre: Shape, post: Shape) -> tuple[Tensor, Tensor, Tensor]:
    rng = torch.Generator().manual_seed(0)
    shapes = (2, *pre), (topology.n_slots(pre, post),), (2, *post)
    x, w, g = (torch.randn(*s, generator=rng, dtype=torch.float64, requires_grad=True) for s in shapes)
    return x, w, g


def make(name: str, *wirings: tuple[Topology, Shape, Shape]) -> Kernel:
    """Make the kernel for the first wiring that it supports, or skip the test where it does not run."""
    kind = registry.kernels[name]
    able = [w for w in wirings if kind.supports(*w)]
    if not kind.present() or kind.devices not in ((), ("cpu",)) or not able:
        pytest.skip(f"kernel {name!r} does not run here")
    made: Kernel = kind(*able[0])
    return made


@pytest.mark.usefixtures("loops")
@pytest.mark.parametrize("name", OPAQUE)
def test_the_operators_of_an_opaque_kernel_pass_torch_opcheck(name: str) -> None:
    kernel = make(name, SHARED, SPARSE, PRUNED)
    x, w, g = operands(kernel.topology, kernel.pre, kernel.post)
    ops = torch.ops.circuitgraph
    for op, args in ((ops.push, (x, w)), (ops.pull, (g, w, None)), (ops.pull, (g, w, x)), (ops.pair, (x, g))):
        torch.library.opcheck(op, (*args, kernel.handle))


@pytest.mark.usefixtures("loops")
@pytest.mark.parametrize("name", OPAQUE)
def test_the_operators_compute_what_the_methods_do_with_gradients_of_any_order(name: str) -> None:
    kernel = make(name, SHARED, SPARSE, PRUNED)
    x, w, g = operands(kernel.topology, kernel.pre, kernel.post)
    ops, handle = torch.ops.circuitgraph, kernel.handle
    torch.testing.assert_close(ops.push(x, w, handle), kernel.push(x, w), rtol=0, atol=1e-12)
    torch.testing.assert_close(ops.pull(g, w, None, handle), kernel.pull(g, w), rtol=0, atol=1e-12)
    torch.testing.assert_close(ops.pair(x, g, handle), kernel.pair(x, g), rtol=0, atol=1e-12)
    for op, args in ((ops.push, (x, w)), (lambda g, w, h: ops.pull(g, w, None, h), (g, w)), (ops.pair, (x, g))):
        assert torch.autograd.gradcheck(lambda a, b, op=op: op(a, b, handle), args)
        assert torch.autograd.gradgradcheck(lambda a, b, op=op: op(a, b, handle), args)


def test_an_opaque_kernel_keeps_the_contract_second_derivatives_included(loops: type[Kernel]) -> None:
    for name in registry.topologies:
        for topology, pre, post in registry.topologies[name].examples():
            if loops.supports(topology, pre, post):
                testing.check_kernel(loops, topology, pre, post)


def test_a_second_derivative_through_an_opaque_max_is_refused(loops: type[Kernel]) -> None:
    class Strongest(loops):  # type: ignore[misc, valid-type]
        pass

    kernel = Strongest(cg.Pool(2), (1, 4), (1, 2))
    x, w, g = operands(kernel.topology, kernel.pre, kernel.post)
    pulled = torch.ops.circuitgraph.pull(g, w, x, kernel.handle)
    with pytest.raises(StructureError, match="no second derivative through a max"):
        torch.autograd.grad(pulled.sum(), g)


@pytest.mark.usefixtures("loops")
@pytest.mark.parametrize("name", ["dense", "masked", "reference", *OPAQUE])
def test_a_compiled_kernel_equals_an_eager_one_forward_and_backward(name: str) -> None:
    kernel = make(name, SPARSE, PRUNED, DENSE)
    x, w, _ = operands(kernel.topology, kernel.pre, kernel.post)
    traced = torch.compile(kernel, fullgraph=True, backend="aot_eager")
    for batch in (x, torch.cat([x, x, x]).detach().requires_grad_()):
        y, expected = traced(batch, w), kernel(batch, w)
        torch.testing.assert_close(y, expected, rtol=1e-12, atol=1e-12)
        grads = (torch.autograd.grad(out.square().sum(), (batch, w)) for out in (y, expected))
        torch.testing.assert_close(next(grads), next(grads), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_pairing_by_events_is_left_out_of_a_graph(dtype: torch.dtype) -> None:
    wiring = cg.Conv(3), (64, 8), (4, 6)
    kernel = registry.kernels["conv"](*wiring)
    x, w, _ = (t.detach().to(torch.float32) for t in operands(*wiring))
    w.requires_grad_()
    y = torch.compile(kernel, fullgraph=True, backend="aot_eager")(x.to(dtype), w)
    y[0, 0, 0].backward()
    traced, w.grad = w.grad, None
    kernel(x.to(dtype), w)[0, 0, 0].backward()
    torch.testing.assert_close(traced, w.grad)


def test_a_copy_of_a_kernel_has_a_number_of_its_own(loops: type[Kernel]) -> None:
    kernel = DenseKernel(cg.Dense(), (2,), (2,))
    copies = [kernel, copy.copy(kernel), copy.deepcopy(kernel), pickle.loads(pickle.dumps(kernel))]
    assert len({k.handle for k in copies}) == 4
    assert [operators.find(k.handle) for k in copies] == copies


def test_a_number_keeps_no_kernel_alive(loops: type[Kernel]) -> None:
    kernel = loops(*DENSE)
    handle, alive, (x, w, _) = kernel.handle, weakref.ref(kernel), operands(*DENSE)
    traced = torch.compile(kernel, fullgraph=True, backend="aot_eager")
    torch.autograd.grad(traced(x, w).sum(), (x, w))
    del kernel, traced
    gc.collect()
    assert alive() is None
    with pytest.raises(StructureError, match=f"kernel {handle}: no longer alive"):
        torch.ops.circuitgraph.push(x, w, handle)


def test_the_graph_of_an_eager_call_keeps_its_kernel(loops: type[Kernel]) -> None:
    x, w, _ = operands(*DENSE)
    pushed = loops(*DENSE)(x, w)
    (to_w,) = torch.autograd.grad(pushed.square().sum(), w, create_graph=True)
    del pushed
    gc.collect()
    assert torch.isfinite(torch.autograd.grad(to_w.square().sum(), w)[0]).all()
