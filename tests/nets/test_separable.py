"""Separable and residual convolutions: published sizes, what they compute, learning, edits, wrong input."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F

import circuitgraph as cg
from circuitgraph.errors import ShapeError

Build = Callable[[], cg.Circuit]
SHAPE = (3, 16, 16)
RULES = {"rule": cg.SoftHebb(0.05), "depthwise_rule": cg.Oja(0.01, normalize="layer")}
BUILDS: dict[str, Build] = {
    "depthwise": lambda: cg.depthwise_cnn(SHAPE, widths=(4, 6, 8), **RULES),
    "residual": lambda: cg.residual_cnn(SHAPE, widths=(4, 6, 8), expansion=2, **RULES),
}


def n_learned(circuit: cg.Circuit) -> int:
    return sum(p.n_slots for p in circuit.projections if not p.fixed)


def images(n: int = 6) -> torch.Tensor:
    return torch.rand(n, *SHAPE, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("build", "weights"), [(cg.depthwise_cnn, 883_978), (cg.residual_cnn, 4_030_378)])
def test_they_have_the_published_number_of_weights(build: Callable[..., cg.Circuit], weights: int) -> None:
    circuit = build()
    assert circuit.populations[-1].shape == (1536, 4, 4)
    assert n_learned(circuit) + 10 * (24_576 + 1) == weights


@pytest.mark.parametrize("build", BUILDS.values(), ids=BUILDS.keys())
def test_rules_for_depthwise_and_other_projections_are_apart_and_all_learn(build: Build) -> None:
    net = cg.compile(build())
    plastic = [p for p in net.circuit.projections if not p.fixed]
    assert {p.name for p in plastic if p.rule == RULES["depthwise_rule"]} == {
        p.name for p in plastic if p.post.startswith("depth")
    }
    assert all(p.rule is not None for p in plastic)
    before = {p.name: net.weights[p.name].detach().clone() for p in plastic}
    net.learn(net.step(images()))
    for name, w in before.items():
        assert torch.isfinite(net.weights[name]).all(), name
        assert not torch.equal(w, net.weights[name]), name


@pytest.mark.parametrize("build", BUILDS.values(), ids=BUILDS.keys())
def test_edits_reach_every_kind_of_layer(build: Build) -> None:
    net, x = cg.compile(build()), images()
    for name in [p.name for p in net.circuit.projections if not p.fixed]:
        n_slots = net.circuit.projection(name).n_slots
        net.edit(cg.RemoveSlots(name, [0, n_slots - 1]))
        assert net.circuit.projection(name).n_slots == n_slots - 2
    net.edit(cg.RemoveUnits("depth2", [1]))
    net.learn(net.step(x))
    assert net(x).shape == (6, 8, 2, 2)
    assert torch.isfinite(net(x)).all()


def test_a_depthwise_layer_hears_one_unit_each_and_loses_it_with_it() -> None:
    circuit = BUILDS["depthwise"]()
    slots = circuit.slots("pool1->depth2")
    assert (slots.pre == slots.post).all()
    assert len(slots) == 4 * 9
    fewer, _ = cg.RemoveUnits("conv1", [2]).apply(circuit)
    assert [fewer.population(name).n_units for name in ("conv1", "pool1", "depth2")] == [3, 3, 3]


def test_a_block_hears_the_sum_of_its_branch_and_its_shortcut() -> None:
    net = cg.compile(BUILDS["residual"](), keep=["pool1", "block2"]).eval()
    state = net.step(images())

    def conv(name: str, x: torch.Tensor, groups: int = 1) -> torch.Tensor:
        p = net.circuit.projection(name)
        (kernel,) = p.topology.window(2)["kernel"][:1]
        w = torch.from_numpy(p.weight.copy()).view(net.circuit.population(p.post).n_units, kernel, kernel, -1)
        pad = F.pad(x, [kernel // 2] * 4, mode="reflect") if kernel > 1 else x
        return F.conv2d(pad, w.permute(0, 3, 1, 2), groups=groups)

    def triangle(u: torch.Tensor) -> torch.Tensor:
        return (u - u.mean(1, keepdim=True)).relu().pow(1.4)

    def normalised(u: torch.Tensor) -> torch.Tensor:  # in eval, before any learning: mean 0, variance 1
        return u / (1 + 1e-5) ** 0.5

    x = state["pool1"]
    inner = normalised(triangle(conv("pool1->expand2", x)))
    deep = normalised(conv("expand2->depth2", inner, groups=8))
    branch, shortcut = conv("depth2->block2", deep), conv("pool1->block2", x)
    expected = triangle(branch + shortcut)
    assert branch.abs().max() > 0
    assert shortcut.abs().max() > 0
    torch.testing.assert_close(state["block2"], expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: cg.depthwise_cnn(widths=(4, 4)), "got 2 layers, expected 3"),
        (lambda: cg.residual_cnn(widths=(4, 4, 4, 4)), "got 4 layers, expected 3"),
        (
            lambda: cg.depthwise_cnn((3, 4, 4), widths=(4, 4, 4)),
            "depthwise_cnn: layer 3 does not fit on 4 units of 1x1",
        ),
        (lambda: cg.residual_cnn((1, 2, 2), widths=(4, 4, 4)), "residual_cnn: layer 1 does not fit"),
        (lambda: cg.residual_cnn(widths=(4, 4, 4), expansion=0), "expansion"),
        (lambda: cg.depthwise_cnn(widths=(4, -4, 4)), "widths"),
        (lambda: cg.depthwise_cnn(widths=(4, 4, 4), depthwise_rule=[None] * 3), "depthwise_rule: one for each layer"),
        (lambda: cg.residual_cnn(widths=(4, 4, 4), rule=[None] * 2), "rule: one for each layer"),
        (lambda: cg.residual_cnn(widths=(4, 4, 4), neuron=[cg.ReLU()]), "neuron: one for each layer"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(build: Build, message: str) -> None:
    with pytest.raises(ShapeError, match=message) as caught:
        build()
    assert "\n" not in str(caught.value)
