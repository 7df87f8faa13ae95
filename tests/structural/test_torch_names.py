"""torch.nn.utils.prune's names choose what torch would mask, and really remove it."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import prune as torch_prune

import circuitgraph as cg
from circuitgraph.errors import ShapeError, StructureError, UnknownNameError
from circuitgraph.structural import Magnitude, torch_names


def chain(live: bool = False) -> cg.Circuit | cg.Network:
    circuit = cg.Circuit().add("x", 6).connect("x", "h", cg.Dense(), units=5).connect("h", "y", cg.Dense(), units=4)
    return cg.compile(circuit) if live else circuit


def twin(circuit: cg.Circuit) -> tuple[nn.Linear, nn.Linear]:
    """Give the same network to torch."""
    layers = []
    for name in ("x->h", "h->y"):
        pre, post = circuit.shapes(name)
        layer = nn.Linear(pre[0], post[0], bias=False)
        layer.weight.data = torch.tensor(circuit.projection(name).weight).view(post[0], pre[0])
        layers.append(layer)
    return layers[0], layers[1]


def circuit_after(target: cg.Circuit | cg.Network, result: object) -> cg.Circuit:
    if isinstance(target, cg.Network):
        assert isinstance(result, cg.Remap)
        return target.snapshot()
    assert isinstance(result, cg.Circuit)
    return result


live = pytest.mark.parametrize("live", [False, True], ids=["circuit", "network"])
amounts = pytest.mark.parametrize("amount", [0, 7, 0.0, 0.3, 0.55])


@live
@amounts
def test_l1_unstructured_removes_what_torch_masks(live: bool, amount: float) -> None:
    target = chain(live)
    layer, _ = twin(chain())
    torch_prune.l1_unstructured(layer, "weight", amount)
    after = circuit_after(target, torch_names.l1_unstructured(target, "x->h", amount))
    keep = layer.weight_mask.flatten().bool()
    assert after.projection("x->h").weight.tolist() == layer.weight.detach().flatten()[keep].tolist()
    assert after.projection("x->h").slot_ids.tolist() == keep.nonzero()[:, 0].tolist()


@live
@amounts
def test_global_unstructured_removes_what_torch_masks(live: bool, amount: float) -> None:
    target, layers = chain(live), twin(chain())
    given = [(layer, "weight") for layer in layers]
    torch_prune.global_unstructured(given, torch_prune.L1Unstructured, amount=amount)
    result = torch_names.global_unstructured(target, ["x->h", "h->y"], Magnitude(), amount=amount)
    after = circuit_after(target, result)
    for name, layer in zip(("x->h", "h->y"), layers, strict=True):
        assert after.projection(name).slot_ids.tolist() == layer.weight_mask.flatten().nonzero()[:, 0].tolist()


@live
@pytest.mark.parametrize("n", [1, 2, 0.5, math.inf])
@pytest.mark.parametrize(("amount", "dim"), [(2, 0), (0.4, 0), (3, 1), (0, 1)])
def test_ln_structured_removes_the_units_that_torch_masks(live: bool, amount: float, dim: int, n: float) -> None:
    target = chain(live)
    _, layer = twin(chain())
    torch_prune.ln_structured(layer, "weight", amount, n=n, dim=dim)
    after = circuit_after(target, torch_names.ln_structured(target, "h->y", amount, n=n, dim=dim))
    alive = layer.weight_mask.bool().any(1 - dim)
    assert after.population("y" if dim == 0 else "h").unit_ids.tolist() == alive.nonzero()[:, 0].tolist()
    assert after.projection("h->y").n_slots == int(layer.weight_mask.sum())
    assert after.projection("x->h").n_slots == 6 * after.population("h").n_units


@live
def test_random_removes_as_many_as_asked_and_the_same_for_one_seed(live: bool) -> None:
    kept = []
    for rng in (1, 1, 2):
        target = chain(live)
        after = circuit_after(target, torch_names.random_unstructured(target, "x->h", 0.5, rng=rng))
        assert after.projection("x->h").n_slots == 15
        kept.append(after.projection("x->h").slot_ids.tolist())
    assert kept[0] == kept[1] != kept[2]
    target = chain(live)
    after = circuit_after(target, torch_names.random_structured(target, "x->h", 2, dim=0, rng=3))
    assert after.population("h").n_units == 3


@live
@pytest.mark.parametrize("as_matrix", [False, True])
@pytest.mark.parametrize("dtype", [torch.bool, torch.float32, torch.int64])
def test_custom_from_mask_removes_the_zeros(live: bool, as_matrix: bool, dtype: torch.dtype) -> None:
    target = chain(live)
    keep = torch.rand(30, generator=torch.Generator().manual_seed(0)) > 0.5
    mask = (keep.view(5, 6) if as_matrix else keep).to(dtype)
    after = circuit_after(target, torch_names.custom_from_mask(target, "x->h", mask))
    assert after.projection("x->h").slot_ids.tolist() == keep.nonzero()[:, 0].tolist()


@live
def test_removing_nothing_is_the_identity(live: bool) -> None:
    target = chain(live)
    for result in (
        torch_names.l1_unstructured(target, "x->h", 0),
        torch_names.custom_from_mask(target, "x->h", np.ones(30)),
        torch_names.ln_structured(target, "x->h", 0, n=2, dim=0),
    ):
        assert result.is_identity if live else result is target


@live
def test_bad_input_is_refused_and_changes_nothing(live: bool) -> None:
    target = chain(live)
    circuit = target.circuit if live else target
    for amount in (-1, 31, 1.5, True, "half", math.nan):
        with pytest.raises(ShapeError, match="got"):
            torch_names.l1_unstructured(target, "x->h", amount)
    for mask in (np.ones(29), np.ones((6, 5)), np.full(30, 0.5), ["a"] * 30):
        with pytest.raises(ShapeError, match="mask of 'x->h'"):
            torch_names.custom_from_mask(target, "x->h", mask)
    with pytest.raises(StructureError, match="disconnect"):
        torch_names.custom_from_mask(target, "x->h", np.zeros(30))
    with pytest.raises(ShapeError, match="dim"):
        torch_names.ln_structured(target, "x->h", 1, n=2, dim=2)
    with pytest.raises(ShapeError, match="n "):
        torch_names.ln_structured(target, "x->h", 1, n=-1, dim=0)
    with pytest.raises(StructureError, match="no unit"):
        torch_names.ln_structured(target, "x->h", 5, n=1, dim=0)
    with pytest.raises(UnknownNameError, match="x->w"):
        torch_names.l1_unstructured(target, "x->w", 1)
    with pytest.raises(ShapeError, match="expected a Network or a Circuit"):
        torch_names.l1_unstructured(nn.Linear(2, 2), "weight", 1)
    assert (target.circuit if live else target) is circuit
