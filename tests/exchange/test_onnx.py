"""Networks as ONNX files compute the same in onnxruntime."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import circuitgraph as cg
from circuitgraph.errors import ShapeError, StructureError
from circuitgraph.exchange import from_torch, to_onnx
from circuitgraph.ir import value
from circuitgraph.neurons.neuron import Columns

runtime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")


def runs(path: Path, **inputs: Tensor) -> list[np.ndarray]:
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert [i.name for i in session.get_inputs()] == list(inputs)
    return session.run(None, {name: x.numpy() for name, x in inputs.items()})


def test_a_convolutional_network_with_hebbian_neurons_computes_the_same_for_any_batch(tmp_path: Path) -> None:
    blocks = [
        cg.ConvLayer(8, 3, cg.Triangle(1.4), cg.SoftHebb(0.05), cg.Pool(2)),
        cg.ConvLayer(6, 3, cg.Softmax(2.0), None, cg.Pool(2, how="mean")),
    ]
    circuit = cg.hebbian_cnn((2, 8, 8), blocks).connect("pool2", "y", cg.Dense(), units=3)
    net = cg.compile(circuit)
    net.learn(net.step(torch.randn(16, 2, 8, 8)))
    net.eval()
    to_onnx(net, tmp_path / "net.onnx", torch.randn(2, 2, 8, 8))
    for n in (1, 5):
        x = torch.randn(n, 2, 8, 8)
        np.testing.assert_allclose(runs(tmp_path / "net.onnx", image=x)[0], net(x).detach().numpy(), atol=1e-5)


def test_a_pruned_residual_network_computes_the_same(tmp_path: Path, resnet: type[nn.Module], lived_in: object) -> None:
    x = torch.randn(2, 3, 32, 32)
    circuit = from_torch(lived_in(resnet(10, 8)), x)  # type: ignore[operator]
    circuit, _ = cg.RemoveSlots("maxpool->layer1_0_conv1", np.arange(0, 500, 2)).apply(circuit)
    circuit, _ = cg.RemoveUnits("layer2_0_add", [0, 3]).apply(circuit)
    to_onnx(circuit, tmp_path / "net.onnx", x)
    x = torch.randn(3, 3, 32, 32)
    expected = cg.compile(circuit).eval()(x).detach().numpy()
    np.testing.assert_allclose(runs(tmp_path / "net.onnx", x=x)[0], expected, atol=1e-5)


def test_a_recurrent_network_computes_the_same_step_by_step(tmp_path: Path) -> None:
    circuit = from_torch(nn.LSTM(4, 5, num_layers=2), torch.randn(3, 2, 4)).connect("lstm_l1", "y", cg.Dense(), units=2)
    to_onnx(circuit, tmp_path / "net.onnx", torch.randn(7, 2, 4))
    x = torch.randn(7, 5, 4)
    (y,) = runs(tmp_path / "net.onnx", x=x)
    np.testing.assert_allclose(y, cg.compile(circuit).run(x)[0].detach().numpy(), atol=1e-5)


def test_irregular_wiring_and_several_ends_keep_their_names(tmp_path: Path) -> None:
    circuit = (
        cg.Circuit()
        .add("a", 3)
        .add("b", (2, 2))
        .connect("a", "y", cg.ErdosRenyi(0.5, seed=1), units=4, neuron=cg.KWinners(2))
        .connect("b", "y", cg.Dense())
        .connect("b", "z", cg.OneToOne())
    )
    a, b = torch.randn(5, 3), torch.randn(5, 2, 2)
    to_onnx(circuit, tmp_path / "net.onnx", (a, b))
    ours = cg.compile(circuit).eval()({"a": a, "b": b})
    for mine, theirs in zip(ours.values(), runs(tmp_path / "net.onnx", a=a, b=b), strict=True):
        np.testing.assert_allclose(theirs, mine.detach().numpy(), atol=1e-5)


@pytest.mark.parametrize("neuron", [cg.Triangle(), cg.Softmax(), cg.KWinners(3)], ids=repr)
def test_competing_neurons_without_sites_compute_the_same_for_any_batch(tmp_path: Path, neuron: cg.Neuron) -> None:
    circuit = cg.Circuit().add("x", 20).connect("x", "h", cg.Dense(), units=100, neuron=neuron)
    net = cg.compile(circuit.connect("h", "y", cg.Dense(), units=3)).eval()
    to_onnx(net, tmp_path / "net.onnx", torch.rand(2, 20))
    for n in (1, 200):  # 200 * 100 numbers are enough for a compiled pass
        x = torch.randn(n, 20)
        np.testing.assert_allclose(runs(tmp_path / "net.onnx", x=x)[0], net(x).detach().numpy(), atol=1e-5)


@value
class Branching(cg.Neuron):
    def drive(self, ports: Columns, memory: Columns, *, training: bool) -> tuple[Tensor, dict[str, Tensor]]:
        return (ports["in"] if ports["in"].sum() > 1 else -ports["in"]), {}


def test_what_the_exporter_refuses_is_said_with_its_reason(tmp_path: Path) -> None:
    circuit = cg.Circuit().add("x", 4).connect("x", "y", cg.Dense(), units=2, neuron=Branching())
    with pytest.raises(StructureError, match=r"exporter refuses; .*data-dependent") as found:
        to_onnx(circuit, tmp_path / "net.onnx", torch.rand(2, 4))
    assert "\x1b" not in str(found.value)
    assert "\n" not in str(found.value)


def test_examples_of_another_shape_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ShapeError, match=r"example of 'x' \(got \(2, 3\)"):
        to_onnx(cg.mlp([4, 2]), tmp_path / "net.onnx", torch.randn(2, 3))
    with pytest.raises(ShapeError, match="got 2, expected 1: x"):
        to_onnx(cg.mlp([4, 2]), tmp_path / "net.onnx", (torch.randn(2, 4), torch.randn(2, 4)))
