"""Circuits written as plain torch compute the same, pruned or not."""

import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import circuitgraph as cg
from circuitgraph.communities import louvain
from circuitgraph.errors import StructureError
from circuitgraph.exchange import from_torch, to_torch
from circuitgraph.structural import Community, Prune, Threshold


def close(a: Tensor, b: Tensor) -> None:
    assert a.shape == b.shape
    assert (a - b).abs().max() <= 1e-5


def halves(circuit: cg.Circuit) -> dict[str, np.ndarray]:
    """Two communities in every population: as arbitrary as any, and it cuts half of all slots."""
    return {p.name: np.arange(p.n_units) * 2 // max(p.n_units, 2) for p in circuit.populations}


def test_there_and_back_computes_the_same(layers: tuple[nn.Module, Tensor]) -> None:
    module, x = layers
    close(to_torch(from_torch(module, x))(x), module(x))


def test_there_and_back_has_as_many_parameters(layers: tuple[nn.Module, Tensor]) -> None:
    module, x = layers
    if x.shape[2:] == (2, 2):
        return  # taps beyond the input are gone
    back = to_torch(from_torch(module, x))
    assert sum(p.numel() for p in back.parameters()) == sum(p.numel() for p in module.parameters())


def test_recurrent_layers_come_back_whole(sequence: tuple[nn.Module, Tensor]) -> None:
    module, x = sequence
    cell = module if isinstance(module, nn.RNNBase) else module.cell
    expected = module(x)
    back = to_torch(from_torch(module, x), batch_first=cell.batch_first, last=not isinstance(expected, tuple))
    close(back(x), expected[0] if isinstance(expected, tuple) else expected)
    assert sum(isinstance(m, type(cell)) for m in back.modules()) == cell.num_layers


def test_what_stands_side_by_side_is_concatenated_again(dense_block: tuple[nn.Module, Tensor]) -> None:
    module, x = dense_block
    circuit = from_torch(module, x)
    assert to_torch(circuit).code.count("torch.cat") == 3
    smaller, _ = cg.RemoveUnits("conv1", [1]).apply(circuit)  # a gap: nobody speaks for one unit any more
    gapped = to_torch(smaller)
    assert gapped.code.count("torch.cat") == 2
    close(gapped(x), cg.compile(smaller).eval()(x))


def test_steps_side_by_side_are_concatenated_along_the_last_axis(side_by_side: tuple[nn.Module, Tensor]) -> None:
    module, x = side_by_side
    circuit = from_torch(module, x)
    close(cg.compile(circuit).eval().run(x)[0], module(x))
    back = to_torch(circuit)
    close(back(x), module(x))
    assert {nn.GRU, nn.RNN, nn.Linear} <= {type(m) for m in back.modules()}


def test_a_pruned_network_is_written_as_it_is(layers: tuple[nn.Module, Tensor]) -> None:
    module, x = layers
    circuit = from_torch(module, x)
    wired = [p.name for p in circuit.projections if (not p.fixed and p.topology == cg.Dense()) or p.n_slots > 8]
    for name in wired:
        p = circuit.projection(name)
        if p.topology.plastic:
            circuit, _ = cg.RemoveSlots(name, np.arange(0, p.n_slots, 3)).apply(circuit)
    close(to_torch(circuit)(x), cg.compile(circuit).eval()(x))


def test_a_stock_resnet_pruned_by_community_runs_as_plain_torch(
    resnet: type[nn.Module], lived_in: Callable[[nn.Module], nn.Module]
) -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 3, 32, 32)
    circuit = from_torch(lived_in(resnet(10, 16)), x)
    net = cg.compile(circuit).eval()
    before = net(x)
    weighted = [p.name for p in circuit.projections if not p.fixed and p.pre != "x"]
    Prune(Community(halves(circuit)), Threshold(1.0), projections=tuple(weighted))(net)
    assert net.circuit.n_slots < 0.51 * circuit.n_slots
    after = net(x)
    assert (after - before).abs().max() > 1e-3
    assert (after[0] - after[1]).abs().max() > 1e-3
    module = to_torch(net)
    close(module(x), after)
    assert {type(m).__module__.split(".")[0] for m in module.modules()} <= {"torch"} | {type(module).__module__}


def test_communities_that_were_found_prune_a_two_layer_lstm() -> None:
    torch.manual_seed(0)
    module, x = nn.LSTM(8, 12, num_layers=2), torch.randn(5, 3, 8)
    circuit = from_torch(module, x)
    found = louvain(cg.to_adjacency(circuit), rng=0)
    ends = np.cumsum([p.n_units for p in circuit.populations])
    labels = dict(zip([p.name for p in circuit.populations], np.split(found.labels, ends[:-1]), strict=True))
    net = cg.compile(circuit).eval()
    Prune(Community(labels), Threshold(1.0))(net)
    assert 0 < net.circuit.n_slots < 0.8 * circuit.n_slots
    after, _ = net.run(x)
    back = to_torch(net)
    close(back(x), after)
    assert sum(isinstance(m, nn.LSTM) for m in back.modules()) == 2
    smaller = cg.RemoveUnits(net.circuit.populations[1].name, [0, 5]).apply(net.snapshot())[0]
    close(to_torch(smaller)(x), cg.compile(smaller).run(x)[0])
    assert next(m for m in to_torch(smaller).modules() if isinstance(m, nn.LSTM)).hidden_size == 10


EDGES = [0, 1, 2, 2], [1, 0, 3, 0]
LAWS = {
    "explicit": (cg.Explicit([2, 0, 1], [0, 1, 0]), (3,), (2,)),
    "random": (cg.ErdosRenyi(0.5, seed=1), (2, 3), (4,)),
    "lateral": (cg.Lateral((2, 3), 1.0), (6,), (6,)),
    "one to one": (cg.OneToOne(), (2, 3), (2, 3)),
    "gather": (cg.Gather(), (3, 4), (1, 4)),
    "spread": (cg.Spread(), (1, 4), (3, 4)),
    "dense over sites": (cg.Dense(), (2, 3), (2, 2)),
    "graph convolution": (cg.GraphConv(*EDGES), (2, 4), (3, 4)),
    "graph edges": (cg.GraphEdges(*EDGES), (2, 4), (2, 4)),
    "pruned pool": (cg.Pruned(cg.Pool(2), [1]), (2, 4), (2, 2)),
}


@pytest.mark.parametrize(("law", "pre", "post"), LAWS.values(), ids=LAWS)
def test_every_law_is_written_with_its_weights(law: cg.Topology, pre: tuple[int, ...], post: tuple[int, ...]) -> None:
    w = np.random.default_rng(0).standard_normal(law.n_slots(pre, post))
    circuit = cg.Circuit().add("x", pre).add("y", post, cg.ReLU()).connect("x", "y", law, weight=w, fixed=False)
    x = torch.randn(5, *pre, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    net, module = cg.compile(circuit).eval(), to_torch(circuit)
    close(module(x), net(x))
    a, b = x.clone().requires_grad_(), x.clone().requires_grad_()
    module(a).square().sum().backward()
    net(b).square().sum().backward()
    close(a.grad, b.grad)
    assert sum(p.requires_grad for p in module.parameters()) == 1


@pytest.mark.parametrize(
    "neuron",
    [cg.Triangle(1.4), cg.KWinners(2), cg.Softmax(2.0), cg.Exponential(0.5), cg.BatchNorm(), cg.Homeostatic()],
    ids=repr,
)
def test_neurons_without_a_layer_come_along(neuron: cg.Neuron) -> None:
    circuit = cg.Circuit().add("x", (3, 4)).connect("x", "y", cg.Conv(3), units=4, neuron=neuron)
    x = torch.randn(5, 3, 4)
    close(to_torch(circuit)(x), cg.compile(circuit).eval()(x))


def test_inhibition_as_wiring_is_written() -> None:
    circuit = cg.Circuit().add("x", (3, 4)).connect("x", "y", cg.Conv(1), units=4)
    circuit, _ = cg.Inhibit("y").apply(circuit)
    x = torch.randn(5, 3, 4)
    close(to_torch(circuit)(x), cg.compile(circuit).eval()(x))


def test_loops_that_are_no_layer_are_stepped_through() -> None:
    circuit = (
        cg.Circuit()
        .add("x", (2, 5))
        .connect("x", "h", cg.Conv(3, padding=1), units=3, neuron=cg.Triangle())
        .connect("h", "h", cg.Conv(1), delay=2)
        .connect("h", "y", cg.Dense(), units=2)
        .connect("y", "h", cg.Dense(), delay=1)
        .connect("y", "z", cg.Dense(), units=2)
    )
    x = torch.randn(6, 4, 2, 5)
    close(to_torch(circuit)(x), cg.compile(circuit).eval().run(x)[0])
    close(to_torch(circuit, batch_first=True, last=True)(x.transpose(0, 1)), cg.compile(circuit).eval().run(x)[0][-1])


def test_several_inputs_and_outputs_keep_their_names() -> None:
    circuit = cg.Circuit().add("a", 3).add("b", 4).connect("a", "y", cg.Dense(), units=2).connect("b", "y", cg.Dense())
    circuit = circuit.connect("b", "z", cg.Dense(), units=1)
    a, b = torch.randn(5, 3), torch.randn(5, 4)
    ours, theirs = cg.compile(circuit)({"a": a, "b": b}), to_torch(circuit)(a, b)
    assert list(theirs) == ["y", "z"]
    for name in ours:
        close(theirs[name], ours[name])


def test_what_torch_has_no_operation_for_is_refused() -> None:
    spiking = cg.Circuit().add("x", 2).connect("x", "y", cg.Dense(), units=2, neuron=cg.neurons.LIF())
    with pytest.raises(StructureError, match=r"'y'.*no whole layer"):
        to_torch(spiking)


def test_the_module_runs_where_this_package_is_not_installed(tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 2)).eval()
    x = torch.randn(2, 1, 4, 4)
    (tmp_path / "module.pkl").write_bytes(pickle.dumps((to_torch(from_torch(module, x)), x, module(x).detach())))
    code = (
        "import pickle, sys, torch\n"
        "sys.modules['circuitgraph'] = None\n"
        f"m, x, y = pickle.loads(open({str(tmp_path / 'module.pkl')!r}, 'rb').read())\n"
        "assert torch.allclose(m(x), y, atol=1e-5)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
