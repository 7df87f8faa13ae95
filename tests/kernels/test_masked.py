"""The dense buffer: filled when weights changed, however they changed, and otherwise not."""

import copy
import pickle
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import circuitgraph as cg
from circuitgraph.ir import Shape, Synapses, value
from circuitgraph.kernels import Ends, Kernel, Masked, Reference, masked
from circuitgraph.kernels.cpu.entries import Entries

WIRING = cg.ErdosRenyi(0.5, seed=3), (6,), (5,)


@value
class Doubled(cg.Explicit):
    """Two slots for one pair of neurons."""

    def __post_init__(self) -> None:
        pass

    def listed(self, pre: Shape, post: Shape) -> None:
        return None

    def synapses(self, pre: Shape, post: Shape) -> Synapses:
        return Synapses.build(np.array([0, 0, 1]), np.array([0, 0, 1]), np.arange(3))

    def n_slots(self, pre: Shape, post: Shape) -> int:
        return 3


@pytest.fixture(autouse=True)
def always_coded(monkeypatch: pytest.MonkeyPatch) -> int:
    """Let the smallest wiring be copied by machine code; give the size from which on it is otherwise."""
    usual = masked.FEWEST
    monkeypatch.setattr(masked, "FEWEST", 0)
    return usual


@pytest.fixture(autouse=True)
def buffered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Multiply through the buffer on every processor; test_sums.py has the products that need none."""
    monkeypatch.setattr(Entries, "multiplies", lambda *_: False)


@pytest.fixture
def kernel() -> Masked:
    return Masked(*WIRING)


@pytest.fixture
def w(kernel: Masked) -> nn.Parameter:
    n = kernel.topology.n_slots(kernel.pre, kernel.post)
    return nn.Parameter(torch.randn(n, generator=torch.Generator().manual_seed(1)))


@pytest.fixture
def fills(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count how often a buffer is filled."""
    seen: list[int] = []
    fill = Masked._spread

    def spread(self: Masked, w: Tensor, whole: Tensor) -> Tensor:
        seen.append(len(w))
        return fill(self, w, whole)

    monkeypatch.setattr(Masked, "_spread", spread)
    return seen


def push(kernel: Kernel, w: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    with torch.no_grad():
        return kernel.push(torch.eye(6, dtype=dtype), w)


def expect(kernel: Kernel, w: Tensor) -> None:
    torch.testing.assert_close(push(kernel, w), push(Reference(*WIRING), w))


def test_unchanged_weights_are_spread_once(kernel: Masked, w: nn.Parameter, fills: list[int]) -> None:
    for _ in range(3):
        push(kernel, w)
        with torch.no_grad():
            kernel.pull(torch.ones(2, 5), w)
    assert len(fills) == 1
    push(kernel, w, torch.bfloat16)
    assert len(fills) == 2


@pytest.mark.parametrize(
    "change",
    [
        lambda w: torch.optim.SGD([w], 0.1, foreach=True).step(),
        lambda w: torch.optim.SGD([w], 0.1, foreach=False).step(),
        lambda w: torch.optim.Adam([w], 0.1).step(),
        lambda w: torch.optim.AdamW([w], 0.1, fused=True).step(),
        lambda w: w.data.add_(1),
        lambda w: w.data[3].add_(1e-3),
        lambda w: w.detach().numpy().__setitem__(0, 7.0),
        lambda w: setattr(w, "data", w.data * 2),
        lambda w: nn.init.normal_(w),
        lambda w: nn.Module.load_state_dict(nn.ParameterList([w]), {"0": torch.ones_like(w)}),
    ],
)
def test_weights_changed_in_any_way_are_spread_again(
    kernel: Masked, w: nn.Parameter, change: Callable[[nn.Parameter], object]
) -> None:
    w.grad = torch.ones_like(w)
    before = push(kernel, w)
    change(w)
    assert not torch.equal(push(kernel, w), before)
    expect(kernel, w)


def test_new_weights_in_the_memory_of_old_ones_are_not_taken_for_them(kernel: Masked) -> None:
    n = kernel.topology.n_slots(kernel.pre, kernel.post)
    for i in range(20):
        w = torch.full((n,), float(i))
        expect(kernel, w)
        del w  # torch gives the memory to the next one


def test_more_weights_than_the_sample_holds_are_followed_too(
    kernel: Masked, w: nn.Parameter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(masked, "SAMPLE", 4)
    push(kernel, w)
    w.data.mul_(2)
    expect(kernel, w)


def test_the_buffer_belongs_to_nobody_else(kernel: Masked, w: nn.Parameter) -> None:
    push(kernel, w)
    assert not kernel.state_dict()
    assert kernel._filled is not None
    for again in (copy.deepcopy(kernel), pickle.loads(pickle.dumps(kernel))):
        assert again._filled is None
        expect(again, w)


def test_inference_mode_and_training_take_turns(kernel: Masked, w: nn.Parameter) -> None:
    for _ in range(2):
        with torch.inference_mode():
            torch.testing.assert_close(kernel(torch.eye(6), w), push(Reference(*WIRING), w))
            fresh = w.clone()
            torch.testing.assert_close(kernel(torch.eye(6), fresh), push(Reference(*WIRING), fresh))
        x = torch.ones(2, 6, requires_grad=True)
        kernel(x, w).sum().backward()
        with torch.no_grad():
            w.add_(1)
        expect(kernel, w)


def test_a_network_on_it_trains_as_on_the_reference() -> None:
    circuit = cg.Circuit().add("x", 6).connect("x", "y", WIRING[0], units=5)
    losses = []
    for name in ("masked", "reference"):
        net = cg.compile(circuit, kernels={"x->y": name})
        optimizer = torch.optim.Adam(net.parameters(), 0.1)
        for _ in range(4):
            optimizer.zero_grad()
            output = net(torch.eye(6))
            assert isinstance(output, Tensor)
            loss = (output - 1).square().sum()
            loss.backward()
            optimizer.step()
        losses.append(loss.item())
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


@pytest.mark.parametrize(
    "wiring", [WIRING, (cg.Pruned(cg.Conv(2), [0, 3, 5]), (1, 4), (3, 3)), (WIRING[0], (6,), (5, 1))], ids=repr
)
@pytest.mark.parametrize("given", [(), ("decay",), ("shift",), ("decay", "shift")], ids=repr)
@pytest.mark.parametrize("unit_norm", [False, True])
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_an_update_is_the_reference_update(
    wiring: tuple[cg.Topology, Shape, Shape], given: tuple[str, ...], unit_norm: bool, dtype: torch.dtype
) -> None:
    rng, ends = torch.Generator().manual_seed(4), Ends(*wiring)
    x, g = (torch.randn(3, *shape, generator=rng, dtype=torch.float64).to(dtype) for shape in wiring[1:])
    kind = torch.promote_types(dtype, torch.float32)
    w = torch.randn(wiring[0].n_slots(*wiring[1:]), generator=rng, dtype=torch.float64).to(kind)
    factors = {name: torch.randn(ends.size, generator=rng, dtype=torch.float64).to(kind) for name in ("gain", *given)}
    after = []
    for kernel in (Masked(*wiring), Reference(*wiring)):
        mine = w.clone()
        commit = kernel.update(x, g, mine, ends, **factors, unit_norm=unit_norm)
        assert torch.equal(mine, w)
        commit()
        after.append(mine)
    torch.testing.assert_close(*after, rtol=0, atol=1e-12 if dtype == torch.float64 else 1e-1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize(
    "wiring",
    [
        WIRING,
        (cg.Pruned(cg.Dense(), [1, 7, 8]), (4,), (5,)),  # rows without a synapse, the first and the last among them
        (cg.Pruned(cg.Dense(), [0, 70_000, 70_001]), (70_000,), (3,)),
        (cg.Explicit(pre=[2, 0, 1], post=[1, 0, 1]), (3,), (2,)),  # not listed by row
        (cg.Explicit(pre=[], post=[]), (3,), (2,)),
    ],
    ids=repr,
)
def test_machine_code_and_torch_agree(wiring: tuple[cg.Topology, Shape, Shape], dtype: torch.dtype) -> None:
    rng, ends, (topology, pre, post) = torch.Generator().manual_seed(5), Ends(*wiring), wiring
    x, g = (torch.randn(3, *shape, generator=rng).to(dtype) for shape in (pre, post))
    w = torch.randn(topology.n_slots(pre, post), generator=rng).to(torch.promote_types(dtype, torch.float32))
    gain, decay = (torch.tensor(f, dtype=w.dtype).expand(ends.size) for f in (0.1, -0.5))
    found = []
    for coded in (True, False):
        kernel, changed = Masked(*wiring), w.clone()
        if not coded:
            kernel.__dict__["_entries"] = None
        kernel.update(x, g, changed, ends, gain=gain, decay=decay, shift=decay, unit_norm=True)()
        found.append((kernel.push(x, w), kernel.pull(g, w), kernel.pair(x, g), changed))
    rounded = {torch.float32: 1e-6, torch.bfloat16: 3e-2}.get(dtype, 0.0)  # torch rounds products in bfloat16
    for name, mine, torchs in zip(("push", "pull", "pair", "update"), *found, strict=True):
        atol = {"pair": rounded, "update": max(rounded, 1e-6)}.get(name, 0.0)
        torch.testing.assert_close(mine, torchs, rtol=0, atol=atol, msg=name)


def test_no_machine_code_is_made_for_little_wiring(always_coded: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masked, "FEWEST", always_coded)
    assert Masked(*WIRING)._entries is None
    assert Masked(cg.ErdosRenyi(0.9), (200,), (200,))._entries is not None


def test_a_change_by_machine_code_counts_as_one(kernel: Masked, w: nn.Parameter) -> None:
    ends, gain = Ends(*WIRING), torch.ones(5)
    push(kernel, w)
    with torch.no_grad():
        kernel.update(torch.ones(2, 6), torch.ones(2, 5), w, ends, gain=gain)()
    expect(kernel, w)


def test_second_derivatives_reach_the_weights(kernel: Masked, w: nn.Parameter) -> None:
    x = torch.randn(2, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda x, w: kernel(x, w), (x, w.detach().double().requires_grad_()))


def test_torch_compile_sees_every_change(kernel: Masked, w: nn.Parameter) -> None:
    compiled = torch.compile(lambda x, w: kernel.push(x, w), backend="eager", fullgraph=True)
    for _ in range(2):
        with torch.no_grad():
            torch.testing.assert_close(compiled(torch.eye(6), w), push(Reference(*WIRING), w))
            w.add_(1)


def test_two_slots_of_one_pair_add_up() -> None:
    wiring = Doubled([], []), (2,), (2,)
    x, w = torch.tensor([[1.0, 10.0]]), torch.tensor([2.0, 3.0, 4.0])
    for _ in range(2):
        assert Masked(*wiring).push(x, w).tolist() == [[5.0, 40.0]]
    assert Masked(*wiring).pair(x, x).tolist() == [1.0, 1.0, 100.0]


def test_what_was_pruned_runs_on_its_own_kernel_and_the_rest_as_a_matrix() -> None:
    conv = cg.Conv(3, padding=1)
    assert Masked(cg.Pruned(conv, [0, 4]), (2, 4, 4), (3, 4, 4)).whole.name == "conv"
    assert Masked(cg.Pruned(cg.Dense(), [0, 2]), (2,), (3,)).whole.name == "dense"
    assert Masked(cg.Pruned(cg.ErdosRenyi(0.5), [0]), (4,), (3,)).whole.name == "dense"
    assert Masked(*WIRING).whole.name == "dense"
    assert not Masked.supports(cg.Dense(), (2,), (3,))
    assert not Masked.supports(conv, (2, 4, 4), (3, 4, 4))
