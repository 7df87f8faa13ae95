"""Folders with config.json and model.safetensors: all of a circuit, and no lies."""

import json
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import torch
from torch import nn

import circuitgraph as cg
from circuitgraph.errors import FileError
from circuitgraph.exchange import from_pretrained, from_torch, save_pretrained


@pytest.fixture
def circuit() -> cg.Circuit:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.GELU(), nn.Flatten(), nn.Linear(12, 2))
    return from_torch(module, torch.randn(2, 1, 4, 4))


def test_a_circuit_comes_back_exactly(circuit: cg.Circuit, tmp_path: Path) -> None:
    save_pretrained(circuit, tmp_path / "deep" / "folder")
    assert from_pretrained(tmp_path / "deep" / "folder") == circuit


def test_a_network_is_saved_as_it_is_now(circuit: cg.Circuit, tmp_path: Path) -> None:
    net, x = cg.compile(circuit), torch.randn(4, 1, 4, 4)
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    net(x).square().sum().backward()
    optimizer.step()
    save_pretrained(net, tmp_path)
    assert from_pretrained(tmp_path) == net.snapshot()
    assert torch.equal(cg.compile(from_pretrained(tmp_path)).eval()(x), net.eval()(x))


def test_weights_are_readable_by_safetensors_itself(circuit: cg.Circuit, tmp_path: Path) -> None:
    save_pretrained(circuit, tmp_path)
    arrays = safetensors.numpy.load_file(tmp_path / "model.safetensors")
    assert np.array_equal(arrays["projections.0->4.weight"], circuit.projection("0->4").weight)


def test_notes_of_others_in_the_configuration_are_left_alone(circuit: cg.Circuit, tmp_path: Path) -> None:
    save_pretrained(circuit, tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({"license": "mit"} | config))
    assert from_pretrained(tmp_path) == circuit


def refused(folder: Path, message: str) -> None:
    with pytest.raises(FileError, match=message):
        from_pretrained(folder)


def test_files_that_are_missing_are_named(circuit: cg.Circuit, tmp_path: Path) -> None:
    refused(tmp_path / "nowhere", "nowhere.*no such folder.*nothing is downloaded")
    save_pretrained(circuit, tmp_path)
    (tmp_path / "model.safetensors").unlink()
    refused(tmp_path, "model.safetensors: missing")


def test_files_that_lie_are_refused(circuit: cg.Circuit, tmp_path: Path) -> None:
    save_pretrained(circuit, tmp_path)
    config, model = tmp_path / "config.json", tmp_path / "model.safetensors"
    text, data = config.read_text(), model.read_bytes()
    config.write_text(text.replace('"kernel": 3', '"kernel": 2'))
    refused(tmp_path, "belongs to another configuration")
    config.write_text("{")
    refused(tmp_path, "config.json: header is not JSON")
    config.write_text('{"model_type": "bert"}')
    refused(tmp_path, "not written by save_pretrained")
    config.write_text(text)
    model.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    refused(tmp_path, "model.safetensors: checksum does not match")
    model.write_bytes(data[: len(data) // 2])
    refused(tmp_path, "truncated")
    model.write_bytes(b"\x80\x04pickle, not tensors")
    refused(tmp_path, "model.safetensors: not a safetensors file")


def test_files_of_two_circuits_are_told_apart(circuit: cg.Circuit, tmp_path: Path) -> None:
    save_pretrained(circuit, tmp_path / "a")
    save_pretrained(cg.mlp([2, 3]), tmp_path / "b")
    (tmp_path / "b" / "config.json").replace(tmp_path / "a" / "config.json")
    refused(tmp_path / "a", "belongs to another configuration")
