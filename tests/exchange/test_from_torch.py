"""Modules of torch read as circuits compute the same, and train."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import circuitgraph as cg
from circuitgraph.errors import ShapeError, StructureError
from circuitgraph.exchange import from_torch
from circuitgraph.structural import Community, Count, Magnitude


def close(a: Tensor, b: Tensor) -> None:
    assert a.shape == b.shape
    assert (a - b).abs().max() <= 1e-5


def test_every_layer_computes_the_same_as_a_circuit(layers: tuple[nn.Module, Tensor]) -> None:
    module, x = layers
    net = cg.compile(from_torch(module, x)).eval()
    close(net(x), module(x))


def test_every_layer_computes_the_same_without_fusion(layers: tuple[nn.Module, Tensor]) -> None:
    module, x = layers
    net = cg.compile(from_torch(module, x), exact=True).eval()
    close(net(x), module(x))


def test_gradients_reach_inputs_and_as_many_parameters(layers: tuple[nn.Module, Tensor]) -> None:
    module, x = layers
    net, a, b = cg.compile(from_torch(module, x)).eval(), x.clone().requires_grad_(), x.clone().requires_grad_()
    net(a).square().sum().backward()
    module(b).square().sum().backward()
    torch.testing.assert_close(a.grad, b.grad, atol=1e-4, rtol=1e-4)
    ours = sorted(p.grad.square().sum().item() for p in net.parameters() if p.grad is not None)
    theirs = sorted(p.grad.square().sum().item() for p in module.parameters())
    assert len(ours) == len(theirs)
    np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-6)


def test_recurrent_layers_compute_the_same_step_by_step(sequence: tuple[nn.Module, Tensor]) -> None:
    module, x = sequence
    cell = module if isinstance(module, nn.RNNBase) else module.cell
    net = cg.compile(from_torch(module, x)).eval()
    steps, _ = net.run(x.transpose(0, 1) if cell.batch_first else x)
    expected = module(x)
    if isinstance(expected, tuple):
        close(steps, expected[0].transpose(0, 1) if cell.batch_first else expected[0])
    else:
        close(steps[-1], expected)


def test_batch_normalisation_learns_the_same_running_values() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3, momentum=0.2), nn.ReLU())
    x = torch.randn(8, 4)
    net = cg.compile(from_torch(module, x)).train()
    module.train()
    close(net(x), module(x))
    net.learn(net.step(x))
    memory, norm = net.memory["0"].values, module[1]
    close(memory["mean_1"], norm.running_mean)
    close(memory["variance_1"], norm.running_var)


def test_training_ends_at_the_same_numbers() -> None:
    torch.manual_seed(0)
    layers = nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3)
    module, x, labels = nn.Sequential(*layers), torch.randn(16, 1, 4, 4), torch.randint(0, 3, (16,))
    net = cg.compile(from_torch(module, x)).train()
    module.train()
    ours, theirs = (torch.optim.SGD(m.parameters(), 0.1, momentum=0.9) for m in (net, module))
    for _ in range(5):
        ours.zero_grad(), theirs.zero_grad()
        state = net.step(x)
        nn.functional.cross_entropy(state["4"], labels).backward()
        ours.step()
        net.learn(state)
        nn.functional.cross_entropy(module(x), labels).backward()
        theirs.step()
    close(net.eval()(x), module.eval()(x))


def test_what_a_bias_is_follows_units_edits_and_optimisers() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2))
    net = cg.compile(from_torch(module, torch.randn(3, 4)))
    optimizer = torch.optim.Adam(net.parameters(), 0.1)
    net(torch.randn(3, 4)).sum().backward()
    optimizer.step()
    bias = net.memory["0"].values["bias"]
    before, moments = bias.detach().clone(), optimizer.state[bias]["exp_avg"].clone()
    remap = net.edit(cg.RemoveUnits("0", [1, 4]))
    cg.carry(optimizer, remap)
    now = net.memory["0"].values["bias"]
    assert torch.equal(now, before[[0, 2, 3, 5]])
    assert torch.equal(optimizer.state[now]["exp_avg"], moments[[0, 2, 3, 5]])
    assert any(p is now for p in optimizer.param_groups[0]["params"])
    assert np.array_equal(net.snapshot().population("0").memory["bias"], now.detach().numpy())
    net.undo()
    assert torch.equal(net.memory["0"].values["bias"], before)


def test_an_optimiser_that_holds_a_bias_of_before_refuses_to_step() -> None:
    net = cg.compile(from_torch(nn.Sequential(nn.Linear(4, 6), nn.Linear(6, 2)), torch.randn(3, 4)))
    optimizer = torch.optim.SGD([net.memory["0"].values["bias"]], 0.1)
    net.edit(cg.RemoveUnits("0", [1]))
    with pytest.raises(cg.errors.StateError, match="stale optimiser"):
        optimizer.step()


def test_pruning_units_of_a_residual_network_takes_norms_and_shortcuts_along(
    resnet: type[nn.Module], lived_in: Callable[[nn.Module], nn.Module]
) -> None:
    x = torch.randn(2, 3, 32, 32)
    net = cg.compile(from_torch(lived_in(resnet(10, 8)), x)).eval()
    net.edit(cg.RemoveUnits("layer2_0_add", [0, 3]))
    assert net.circuit.population("layer2_1_conv2").n_units == net.circuit.population("layer2_0_conv2").n_units == 14
    assert net(x).isfinite().all()


def test_a_stock_resnet_is_read_and_its_output_is_the_same(
    resnet: type[nn.Module], lived_in: Callable[[nn.Module], nn.Module]
) -> None:
    torch.manual_seed(0)
    for size in (32, 224):
        module, x = lived_in(resnet(10)), torch.randn(1, 3, size, size)
        circuit = from_torch(module, x)
        with torch.no_grad():
            close(cg.compile(circuit).eval()(x), module(x))
    stem = circuit.projection("x->conv1")
    assert stem.topology == cg.Conv(7, stride=2, padding=3)
    assert circuit.projection("maxpool->layer1_0_add").topology == cg.OneToOne()
    assert circuit.population("layer1_0_conv1").neuron == cg.neurons.Chain((cg.neurons.ScaledBatchNorm(), cg.ReLU()))


def test_projections_without_a_neuron_land_on_the_sum_itself() -> None:
    class Sum(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(3, 2, bias=False), nn.Linear(3, 2, bias=False)

        def forward(self, x: Tensor) -> Tensor:
            return self.a(x) + self.b(x)

    circuit = from_torch(Sum(), torch.randn(2, 3))
    assert [p.name for p in circuit.populations] == ["x", "add"]
    assert [p.name for p in circuit.projections] == ["a", "b"]


class Branch(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x if x.sum() > 0 else -x


class Product(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gate(x)


class Nested(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.stage = nn.Sequential(nn.Identity(), inner)

    def forward(self, x: Tensor) -> Tensor:
        return self.stage(x)


class Joined(nn.Module):
    def __init__(self, axis: int) -> None:
        super().__init__()
        self.conv, self.axis = nn.Conv1d(3, 3, 1), axis

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.conv(x)], self.axis)


REFUSED = {
    "samples joined": (Joined(0), torch.randn(2, 3, 5), "a concatenation along axis 0; concatenate units"),
    "sites joined": (Joined(-1), torch.randn(2, 3, 5), "a concatenation along axis -1"),
    "a branch": (Branch(), torch.randn(2, 3), "torch.fx cannot trace it"),
    "a product": (Nested(Product()), torch.randn(2, 3), r"stage\.1\.mul: the operation 'mul'"),
    "a layer": (Nested(nn.LayerNorm(3)), torch.randn(2, 3), r"stage\.1 \(LayerNorm\).*supported are Linear"),
    "transposed": (nn.ConvTranspose1d(1, 1, 2), torch.randn(2, 1, 3), "ConvTranspose1d"),
    "another border": (nn.Conv1d(1, 1, 3, padding=1, padding_mode="replicate"), torch.randn(2, 1, 5), "replicate"),
    "one-sided": (nn.Conv1d(1, 1, 4, padding="same"), torch.randn(2, 1, 5), "even kernel"),
    "ceil": (nn.MaxPool1d(2, ceil_mode=True), torch.randn(2, 1, 5), "ceil_mode"),
    "no border": (nn.AvgPool1d(3, padding=1, count_include_pad=False), torch.randn(2, 1, 5), "count_include_pad"),
    "uneven windows": (nn.AdaptiveAvgPool1d(2), torch.randn(2, 1, 5), "windows of different size"),
    "no statistics": (nn.BatchNorm1d(3, track_running_stats=False), torch.randn(2, 3), "running statistics"),
    "sites": (nn.Linear(5, 2), torch.randn(2, 3, 5), "flatten first"),
    "both ways": (nn.LSTM(3, 2, bidirectional=True), torch.randn(4, 2, 3), "bidirectional"),
    "another softmax": (nn.Softmax(2), torch.randn(2, 3, 4), "along axis 2"),
    "wild dropout": (Nested(type("F", (nn.Module,), {"forward": lambda self, x: nn.functional.dropout(x)})()),
                     torch.randn(2, 3), "acts in eval"),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@pytest.mark.parametrize(("module", "x", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_said_is_named_with_its_path(module: nn.Module, x: Tensor, message: str) -> None:
    with pytest.raises(StructureError, match=message):
        from_torch(module, x)


class Ends(nn.Module):
    """Returns the input, something on the way, and the end; a pool whose size is computed; the same layer twice."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 2, 3, padding=1)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        y = self.conv(self.conv(x))
        z = nn.functional.avg_pool2d(y, y.size()[2:])
        return {"x": x, "y": y, "z": torch.flatten(z, 1)}


def test_several_outputs_are_populations_that_project_to_nobody() -> None:
    module, x = Ends(), torch.randn(3, 2, 4, 4)
    found, expected = cg.compile(from_torch(module, x))(x), module(x)
    assert len(found) == 3
    for a, b in zip(found.values(), expected.values(), strict=True):
        close(a, b)


class Wired(nn.Module):
    """Two layers of one size, and what a function makes of them."""

    def __init__(self, does: Callable[["Wired", Tensor], Tensor]) -> None:
        super().__init__()
        self.a, self.b, self.does = nn.Linear(3, 3), nn.Linear(3, 3), does
        self.relu, self.drop = nn.ReLU(inplace=True), nn.Dropout(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.does(self, x)


def relu_then(h: Tensor) -> Tensor:
    h.relu_()
    return h


def plus_then(h: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    z = h
    z += x
    return z, h


def times_then(h: Tensor) -> Tensor:
    z = h
    z *= 2
    return h


OVERWRITTEN: dict[str, tuple[str, Callable[[Wired, Tensor], Tensor]]] = {
    "a layer": ("relu", lambda s, x: (h := s.a(x), s.relu(h))[0]),
    "a function": ("relu_", lambda s, x: F.relu_(h := s.a(x)) + h),
    "a function's argument": ("relu", lambda s, x: F.relu(h := s.a(x), True) + h),
    "a function, later": ("relu_", lambda s, x: s.b(torch.relu_(h := s.a(x))) + h),
    "a method": ("relu_", lambda s, x: relu_then(s.a(x))),
    "a sum": ("iadd", lambda s, x: s.b((both := plus_then(s.a(x), x))[0]) + both[1]),
    "a product": ("imul", lambda s, x: s.b(times_then(s.a(x)))),
    "a view": ("relu_", lambda s, x: s.b((h := s.a(x)).flatten(1).relu_()) + h),
    "what was viewed": ("relu_", lambda s, x: s.b(((h := s.a(x)).view(-1, 3), h.relu_())[0])),
    "the input": ("relu_", lambda s, x: s.a(torch.relu_(x)) + s.b(x)),
}


@pytest.mark.parametrize(("name", "does"), OVERWRITTEN.values(), ids=OVERWRITTEN)
@pytest.mark.parametrize("inference", [False, True])
def test_what_is_changed_in_place_and_read_again_is_refused(
    name: str, does: Callable[[Wired, Tensor], Tensor], inference: bool
) -> None:
    with torch.inference_mode(inference), pytest.raises(StructureError, match=f" {name}: changes its input in place"):
        from_torch(Wired(does), torch.randn(2, 3))


IN_PLACE: dict[str, Callable[[Wired, Tensor], Tensor]] = {
    "functions": lambda s, x: s.b(F.relu_(s.a(x).flatten(1))) + x,
    "a sum": lambda s, x: s.b(s.relu(plus_then(s.a(x), x)[0])),
    "the size of what was": lambda s, x: s.b(torch.relu_(h := s.a(x)).view(h.size(0), -1)),
    "dropout, which does nothing": lambda s, x: s.drop(h := s.a(x)) + s.b(h),
    "the input": lambda s, x: s.a(torch.relu_(x)),
}


@pytest.mark.parametrize("does", IN_PLACE.values(), ids=IN_PLACE)
def test_what_is_changed_in_place_and_not_read_again_computes_the_same(does: Callable[[Wired, Tensor], Tensor]) -> None:
    module, x = Wired(does).eval(), torch.randn(5, 3)
    before = x.clone()
    circuit = from_torch(module, x)
    assert torch.equal(x, before), "the example was changed"
    close(cg.compile(circuit)(x), module(x))


class Begun(nn.Module):
    """A recurrent layer that begins in a state."""

    def __init__(self, layer: type[nn.RNNBase], begins: Callable[["Begun", Tensor], Tensor]) -> None:
        super().__init__()
        self.r, self.h, self.begins = layer(3, 6), nn.Parameter(torch.ones(1, 4, 6)), begins
        self.by_name = False

    def forward(self, x: Tensor) -> Tensor:
        h = self.begins(self, x)
        state = (h, h) if isinstance(self.r, nn.LSTM) else h
        return (self.r(x, hx=state) if self.by_name else self.r(x, state))[0]


@pytest.mark.parametrize("by_name", [False, True])
@pytest.mark.parametrize("layer", [nn.RNN, nn.GRU, nn.LSTM])
def test_a_state_to_begin_with_is_refused_unless_it_is_rest(layer: type[nn.RNNBase], by_name: bool) -> None:
    x = torch.randn(5, 4, 3)
    for begins in (lambda s, x: s.h, lambda s, x: torch.ones(1, 4, 6), lambda s, x: torch.ones(1, x.size(1), 6)):
        module = Begun(layer, begins)
        module.by_name = by_name
        with pytest.raises(StructureError, match=r"r \(\w+\): an initial state; start from rest"):
            from_torch(module, x)
    module = Begun(layer, lambda s, x: torch.zeros(1, x.size(1), 6))
    module.by_name = by_name
    close(cg.compile(from_torch(module, x)).run(x)[0], module(x))


def test_an_example_that_does_not_fit_is_refused() -> None:
    with pytest.raises(StructureError, match="does not take the example"):
        from_torch(nn.Sequential(nn.Linear(4, 3)), torch.randn(2, 5))
    with pytest.raises(ShapeError, match="expected a tensor"):
        from_torch(nn.Linear(4, 3), "an example")  # type: ignore[arg-type]
    with pytest.raises(StructureError, match="not a module"):
        from_torch("a module", torch.randn(2, 5))  # type: ignore[arg-type]


def test_reading_leaves_the_module_in_its_mode() -> None:
    module = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))
    module[1].eval()
    from_torch(module, torch.randn(2, 4))
    assert (module.training, module[0].training, module[1].training) == (True, True, False)
    assert module[1].num_batches_tracked == 0


def test_a_network_that_was_read_is_pruned_by_community() -> None:
    module = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2))
    net = cg.compile(from_torch(module, torch.randn(2, 4)))
    labels = {"input_1": [0, 0, 1, 1], "0": [0, 1, 0, 1, 0, 1], "2": [0, 1]}
    cg.structural.Prune(Community(labels), cg.structural.Threshold(1.0))(net)
    assert net.circuit.n_slots == 12 + 6
    cg.structural.Prune(Magnitude(), Count(2), units=True)(net)
    assert net.circuit.population("0").n_units == 4
    assert len(net.memory["0"].values["bias"]) == 4


def test_a_concatenation_gives_each_part_units_of_its_own() -> None:
    circuit = from_torch(Joined(1), torch.randn(2, 3, 5))
    assert circuit.population("cat").shape == (6, 5)
    pairs = [(p.pre, circuit.slots(p).pre.tolist(), circuit.slots(p).post.tolist()) for p in circuit.projections[1:]]
    assert pairs == [("x", [0, 1, 2], [0, 1, 2]), ("conv", [0, 1, 2], [3, 4, 5])]
    assert all(p.fixed for p in circuit.projections[1:])
