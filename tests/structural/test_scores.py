"""Scores against loops over samples and synapses, in float64, on every kind of wiring."""

import math

import numpy as np
import pytest
import torch

import circuitgraph as cg
from circuitgraph import registry
from circuitgraph.edits import whole_keys
from circuitgraph.errors import DataError, NumericError, ShapeError, StateError, StructureError, UnknownNameError
from circuitgraph.ir.value import decode, encode
from circuitgraph.structural import (
    Activity,
    BatchFisher,
    Community,
    Correlation,
    Fisher,
    Fraction,
    HebbianTrace,
    Magnitude,
    Prune,
    Random,
    Saliency,
    Score,
    Seen,
    Threshold,
    look,
    see,
)
from circuitgraph.structural.scores_activity import clusters
from circuitgraph.structural.seen import whole_dims

CONV = cg.Conv(3, padding=1)
WIRINGS = [
    (cg.Dense(), (3,), (4,)),
    (cg.Dense(), (2, 3), (2, 2)),
    (CONV, (2, 3, 3), (3, 3, 3)),
    (cg.Conv(3, padding=1, groups=2), (2, 3), (2, 3)),
    (cg.Pruned(CONV, np.arange(0, 54, 5)), (2, 3, 3), (3, 3, 3)),
    (cg.Pruned(cg.Dense(), [0, 2, 3, 7, 11]), (3,), (4,)),
    (cg.Explicit([0, 4, 1, 4, 2], [2, 0, 0, 2, 2]), (5,), (3,)),
    (cg.ErdosRenyi(0.5, seed=3), (6,), (2, 2)),
    (cg.GraphEdges([0, 1, 2, 2, 3], [1, 0, 3, 0, 3]), (2, 4), (2, 4)),
    (cg.GraphConv([0, 1, 2, 2], [1, 0, 3, 0]), (2, 4), (3, 4)),
]
wirings = pytest.mark.parametrize(("topology", "pre", "post"), WIRINGS, ids=repr)


def circuit_of(topology: cg.Topology, pre: tuple[int, ...], post: tuple[int, ...]) -> cg.Circuit:
    n = topology.n_slots(pre, post)
    weight = np.random.default_rng(1).standard_normal(n)
    circuit = cg.Circuit().add("x", pre).add("h", post, cg.ReLU()).connect("x", "h", topology, weight=weight)
    return circuit.connect("h", "y", cg.Dense(), units=2, weight=np.random.default_rng(2).standard_normal(2 * _n(post)))


def net_of(topology: cg.Topology, pre: tuple[int, ...], post: tuple[int, ...]) -> cg.Network:
    return cg.compile(circuit_of(topology, pre, post), keep=["x", "h"])


def batches(pre: tuple[int, ...], *sizes: int) -> list[torch.Tensor]:
    rng = torch.Generator().manual_seed(3)
    return [torch.randn(size, *pre, generator=rng, dtype=torch.float64) for size in sizes]


def activity(net: cg.Network, data: list[torch.Tensor], name: str) -> np.ndarray:
    """Give the activity of every neuron, sample by sample.  Shape: (N, n_neurons)."""
    return np.concatenate([net.step(x)[name].detach().flatten(1).numpy() for x in data])


def end_of(neuron: int, shape: tuple[int, ...], end: str) -> int:
    sites = math.prod(shape[1:])
    return {"unit": neuron // sites, "site": neuron % sites, "neuron": neuron}[end]


def of_end(values: np.ndarray, end: int, shape: tuple[int, ...], kind: str) -> float:
    """Average what is known of neurons over those of one end."""
    return float(np.mean([v for n, v in enumerate(values) if end_of(n, shape, kind) == end]))


def _n(shape: tuple[int, ...]) -> int:
    return math.prod(shape)


def unit_sums(circuit: cg.Circuit, values: np.ndarray, side: str = "post") -> list[float]:
    """Sum a number per slot over each unit's slots, by a loop over synapses."""
    table, shape = circuit.synapses("x->h"), circuit.shapes("x->h")[0 if side == "pre" else 1]
    reached = {(int(n) // math.prod(shape[1:]), int(k)) for n, k in zip(getattr(table, side), table.slot, strict=True)}
    return [sum(values[k] for unit, k in sorted(reached) if unit == u) for u in range(shape[0])]


@wirings
def test_magnitude_is_the_size_of_weights(topology: cg.Topology, pre: tuple[int, ...], post: tuple[int, ...]) -> None:
    circuit = circuit_of(topology, pre, post)
    w, seen = circuit.projection("x->h").weight, see(circuit, "x->h")
    assert Magnitude().score(seen).tolist() == [abs(v) for v in w]
    assert Magnitude().score_units([seen]).numpy() == pytest.approx(unit_sums(circuit, np.abs(w)))
    expected = [v**0.5 for v in unit_sums(circuit, w**2)]
    assert Magnitude(2.0).score_units([seen]).numpy() == pytest.approx(expected)


@wirings
def test_norms_of_outgoing_and_largest_weights_follow_the_synapses(
    topology: cg.Topology, pre: tuple[int, ...], post: tuple[int, ...]
) -> None:
    circuit = circuit_of(topology, pre, post)
    w, seen = circuit.projection("x->h").weight, see(circuit, "x->h")
    got = seen.norm_units(seen.weight, "pre", power=2.0)
    assert got.numpy() == pytest.approx([v**0.5 for v in unit_sums(circuit, w**2, "pre")])
    largest = [max((abs(v) for v in one), default=0.0) for one in _slots_of_units(circuit, w)]
    assert seen.norm_units(seen.weight, power=math.inf).tolist() == pytest.approx(largest)


def _slots_of_units(circuit: cg.Circuit, w: np.ndarray) -> list[list[float]]:
    table, shape = circuit.synapses("x->h"), circuit.shapes("x->h")[1]
    sites = math.prod(shape[1:])
    return [
        [float(w[k]) for n, k in zip(table.post, table.slot, strict=True) if n // sites == u] for u in range(shape[0])
    ]


@wirings
@pytest.mark.parametrize("of", ["level", "rate"])
def test_activity_of_a_slot_is_that_of_its_two_ends(
    topology: cg.Topology, pre: tuple[int, ...], post: tuple[int, ...], of: str
) -> None:
    net, data = net_of(topology, pre, post), batches(pre, 3, 4)
    seen = look(net, ["x->h"], data, reads=["levels"])["x->h"]
    x, y = (activity(net, data, name) for name in "xh")
    x, y = ((np.abs(a) if of == "level" else a > 0).mean(0) for a in (x, y))
    table = net.circuit.slots("x->h")
    expected = [
        of_end(x, i, pre, table.pre_end) * of_end(y, j, post, table.post_end)
        for i, j in zip(table.pre, table.post, strict=True)
    ]
    assert Activity(of).score(seen).numpy() == pytest.approx(expected)
    assert Activity(of).score_units([seen]).numpy() == pytest.approx(
        [of_end(y, u, post, "unit") for u in range(post[0])]
    )


@wirings
def test_hebbian_trace_is_the_cosine_of_the_activity_that_meets(
    topology: cg.Topology, pre: tuple[int, ...], post: tuple[int, ...]
) -> None:
    net, data = net_of(topology, pre, post), batches(pre, 3, 4)
    trace = HebbianTrace().score(look(net, ["x->h"], data, reads=["trace"])["x->h"])
    x, y = (activity(net, data, name) for name in "xh")
    table, n = net.circuit.synapses("x->h"), net.circuit.projection("x->h").n_slots
    xy, xx, yy = np.zeros(n), np.zeros(n), np.zeros(n)
    for b in range(len(x)):
        for i, j, k, coef in zip(table.pre, table.post, table.slot, table.coef, strict=True):
            xy[k] += coef * x[b, i] * y[b, j]
            xx[k] += coef * x[b, i] ** 2
            yy[k] += coef * y[b, j] ** 2
    expected = [abs(a) / math.sqrt(b * c) if b * c > 0 else 0.0 for a, b, c in zip(xy, xx, yy, strict=True)]
    assert trace.numpy() == pytest.approx(expected)
    assert trace.max() <= 1


def differences(net: cg.Network, x: torch.Tensor, target: torch.Tensor, loss: torch.nn.Module) -> np.ndarray:
    """Differentiate the loss by small steps of one weight after the other."""
    w, step, out = net.weights["x->h"].data, 1e-6, []
    for k in range(len(w)):
        ends = []
        for sign in (1, -1):
            w[k] += sign * step
            ends.append(float(loss(net(x), target).detach()))
            w[k] -= sign * step
        out.append((ends[0] - ends[1]) / (2 * step))
    return np.array(out)


@wirings
def test_saliency_and_fisher_are_what_differences_of_the_loss_say(
    topology: cg.Topology, pre: tuple[int, ...], post: tuple[int, ...]
) -> None:
    net, loss = net_of(topology, pre, post), torch.nn.MSELoss()
    data = [(x, torch.ones(len(x), 2, dtype=torch.float64)) for x in batches(pre, 2, 3)]
    seen = look(net, ["x->h"], data, loss=loss, reads=["gradient", "squares", "batch_squares"])["x->h"]
    w = net.circuit.projection("x->h").weight
    single = np.array([differences(net, x[i : i + 1], t[i : i + 1], loss) for x, t in data for i in range(len(x))])
    whole = [len(x) * differences(net, x, t, loss) ** 2 for x, t in data]
    mean = single.mean(0)
    near = {"rel": 1e-5, "abs": 1e-8}
    assert Saliency().score(seen).numpy() == pytest.approx(np.abs(w * mean), **near)
    assert Saliency().score_units([seen]).numpy() == pytest.approx(np.abs(unit_sums(net.circuit, w * mean)), **near)
    assert Fisher().score(seen).numpy() == pytest.approx(w**2 * (single**2).mean(0) / 2, **near)
    sizes = [len(x) for x, _ in data]
    expected = sum(n * f for n, f in zip(sizes, whole, strict=True)) / sum(sizes)
    assert BatchFisher().score(seen).numpy() == pytest.approx(w**2 * expected / 2, **near)


def test_batches_of_one_give_fisher_exactly() -> None:
    net, data = net_of(cg.Dense(), (3,), (4,)), batches((3,), 1, 1, 1)
    seen = look(net, ["x->h"], data, loss=lambda y: y.square().mean(), reads=["squares", "batch_squares"])["x->h"]
    torch.testing.assert_close(seen.squares, seen.batch_squares)


@wirings
@pytest.mark.parametrize("within", [True, False])
def test_community_tells_slots_within_from_slots_between(
    topology: cg.Topology, pre: tuple[int, ...], post: tuple[int, ...], within: bool
) -> None:
    circuit = circuit_of(topology, pre, post)
    table = circuit.slots("x->h")
    labels = {
        name: np.arange(max(end, 1)) % 2
        for name, end in (("x", _ends(pre, table.pre_end)), ("h", _ends(post, table.post_end)))
    }
    score = Community(labels, within=within).score(see(circuit, "x->h"))
    alike = [(int(i) % 2 == int(j) % 2) == within for i, j in zip(table.pre, table.post, strict=True)]
    assert (score >= 1).tolist() == alike
    w = np.abs(circuit.projection("x->h").weight)
    for kind in (True, False):
        at = [k for k, a in enumerate(alike) if a == kind]
        assert sorted(at, key=lambda k: score[k]) == sorted(at, key=lambda k: w[k])


def _ends(shape: tuple[int, ...], end: str) -> int:
    return {"unit": shape[0], "site": math.prod(shape[1:]), "neuron": math.prod(shape)}[end]


def test_labels_of_units_serve_wiring_between_neurons() -> None:
    circuit = cg.Circuit().add("x", 2).add("h", (2, 3)).connect("x", "h", cg.Dense())
    score = Community({"x": [5, 9], "h": [5, 9]}).score(see(circuit, "x->h"))
    assert (score >= 1).view(6, 2).tolist() == [[True, False]] * 3 + [[False, True]] * 3


def test_labels_that_do_not_fit_are_refused() -> None:
    circuit = cg.Circuit().add("x", 3).connect("x", "h", cg.Dense(), units=2)
    with pytest.raises(ShapeError, match="do not fit"):
        Community({"x": [0, 1], "h": [0, 1]}).score(see(circuit, "x->h"))
    with pytest.raises(UnknownNameError, match="no labels of population 'h'"):
        Community({"x": [0, 1, 1]}).score(see(circuit, "x->h"))
    with pytest.raises(ShapeError, match="labels of 'x'"):
        Community({"x": [0.5, 1.0, 2.0]})


def redundant_net(sites: tuple[int, ...] = ()) -> tuple[cg.Network, list[torch.Tensor]]:
    """Units 0, 1 and 3 say the same, 2 something else, 4 nothing."""
    rows = [[1.0, 0.0], [2.0, 0.01], [0.0, 1.0], [0.5, 0.0], [0.0, 0.0]]
    law = cg.Conv(1) if sites else cg.Dense()
    circuit = cg.Circuit().add("x", (2, *sites)).connect("x", "h", law, units=5, weight=np.ravel(rows))
    net = cg.compile(circuit)
    return net, [torch.randn(8, 2, *sites, dtype=torch.float64, generator=torch.Generator().manual_seed(0))]


@pytest.mark.parametrize("sites", [(), (3,), (2, 2)])
@pytest.mark.parametrize(("how", "per_cluster"), [("cosine", 1), ("cosine", 2), ("pearson", 1)])
def test_correlation_keeps_the_strongest_of_those_who_say_the_same(
    sites: tuple[int, ...], how: str, per_cluster: int
) -> None:
    net, data = redundant_net(sites)
    seen = look(net, ["x->h"], data, reads=["gram"])["x->h"]
    score = Correlation(0.9, per_cluster, how).score_units([seen])
    assert (score >= 1).tolist() == [per_cluster == 2, True, True, False, False]
    assert score[4] == 0
    assert Correlation(0.9, per_cluster, how).score(seen).tolist() == score.repeat_interleave(2).tolist()


def test_similarity_is_that_of_activity_over_samples_and_sites() -> None:
    net = net_of(CONV, (2, 3, 3), (3, 3, 3))
    data = batches((2, 3, 3), 3, 4)
    gram = look(net, ["x->h"], data, reads=["gram"])["x->h"].gram
    rows = np.concatenate([net.step(x)["h"].detach().movedim(1, 0).flatten(1).numpy() for x in data], axis=1)
    for u in range(3):
        for v in range(3):
            a, b = rows[u], rows[v]
            cosine = sum(p * q for p, q in zip(a, b, strict=True)) / math.sqrt((a**2).sum() * (b**2).sum())
            assert gram.similarity()[u, v] == pytest.approx(cosine)
            assert gram.similarity("pearson")[u, v] == pytest.approx(np.corrcoef(a, b)[0, 1])


def test_clusters_are_those_of_average_linkage_by_loops() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        rows = rng.standard_normal((7, 3))
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        similarity, threshold = rows @ rows.T, 0.3
        groups = [[i] for i in range(7)]
        while len(groups) > 1:
            nearest = max(
                ((a, b) for a in range(len(groups)) for b in range(a)),
                key=lambda ab: similarity[np.ix_(groups[ab[0]], groups[ab[1]])].mean(),
            )
            if similarity[np.ix_(groups[nearest[0]], groups[nearest[1]])].mean() < threshold:
                break
            groups[nearest[1]] += groups.pop(nearest[0])
        label = clusters(similarity, threshold)
        assert sorted(map(sorted, groups)) == sorted([list(np.flatnonzero(label == c)) for c in np.unique(label)])


def test_random_scores_depend_on_seed_projection_and_generator_alone() -> None:
    circuit = circuit_of(cg.Dense(), (3,), (4,))
    first = Random(1).score(see(circuit, "x->h"))
    assert torch.equal(first, Random(1).score(see(circuit, "x->h")))
    assert not torch.equal(first, Random(2).score(see(circuit, "x->h")))
    assert not torch.equal(first[:8], Random(1).score(see(circuit, "h->y")))
    drawn = [Random(1).score(see(circuit, "x->h", rng=np.random.default_rng(7))) for _ in range(2)]
    assert torch.equal(*drawn)
    assert not torch.equal(first, drawn[0])
    assert Random(1).score_units([see(circuit, "x->h")]).shape == (4,)


@pytest.mark.parametrize("score", [e for n in registry.scores for e in registry.scores[n].examples()], ids=repr)
def test_every_score_gives_one_number_per_slot_and_unit_and_comes_back_from_data(score: Score) -> None:
    arrays: dict[str, np.ndarray] = {}
    assert decode(encode(score, arrays), arrays) == score
    circuit = cg.Circuit().add("x", 3).connect("x", "y", cg.Dense(), units=2)
    net = cg.compile(circuit, dtype=torch.float32)
    before = {k: v.clone() for k, v in net.state_dict().items()}
    data = [torch.randn(4, 3, generator=torch.Generator().manual_seed(0))]
    seen = look(net, ["x->y"], data, loss=lambda y: y.square().mean(), reads=score.reads)["x->y"]
    assert score.score(seen).shape == (6,)
    assert score.score_units([seen]).shape == (2,)
    assert torch.isfinite(score.score(seen)).all()
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())


def test_units_are_scored_over_all_projections_that_reach_them() -> None:
    circuit = cg.Circuit().add("x", 2).add("v", 1).connect("x", "h", cg.Dense(), units=2, weight=[1.0, 2.0, 3.0, 4.0])
    circuit = circuit.connect("v", "h", cg.Dense(), weight=[10.0, 0.0])
    seen = [see(circuit, "x->h"), see(circuit, "v->h")]
    assert Magnitude().score_units(seen).tolist() == [13.0, 7.0]
    assert Magnitude(2.0).score_units(seen).numpy() == pytest.approx([math.sqrt(105), 5.0])
    assert Magnitude(math.inf).score_units(seen).tolist() == [10.0, 4.0]


def noisy_net() -> cg.Network:
    circuit = cg.Circuit().add("x", 3, cg.BatchNorm()).connect("x", "h", cg.Dense(), units=4, rule=cg.Oja(0.1))
    net = cg.compile(circuit.connect("h", "y", cg.Dense(), units=2).connect("h", "h", cg.Dense(), delay=1))
    net(torch.ones(2, 3)).sum().backward()
    return net


def test_data_never_changes_the_network() -> None:
    net = noisy_net().train()
    net.memory["x"].eval()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    grads = {n: w.grad.clone() for n, w in net.weights.items() if w.grad is not None}
    modes = [m.training for m in net.modules()]
    asked = {n: w.requires_grad for n, w in net.weights.items()}
    data = [torch.randn(4, 3, generator=torch.Generator().manual_seed(0))]
    every = ["levels", "gram", "trace", "gradient", "squares", "batch_squares"]
    look(net, ["x->h", "h->y", "h->h"], data, loss=lambda y: y.sum(), reads=every)
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())
    assert grads.keys() == {n for n, w in net.weights.items() if w.grad is not None}
    assert all(torch.equal(net.weights[n].grad, g) for n, g in grads.items())
    assert [m.training for m in net.modules()] == modes
    assert {n: w.requires_grad for n, w in net.weights.items()} == asked


def test_a_loss_that_fails_leaves_the_network_as_it_was() -> None:
    net = noisy_net().train()

    def fail(y: torch.Tensor) -> torch.Tensor:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        look(net, ["x->h"], [torch.ones(2, 3)], loss=fail, reads=["gradient"])
    assert net.training
    assert not net.weights["x->h"].requires_grad


def test_the_trace_of_a_late_projection_is_with_what_was_sent_then() -> None:
    net, data = noisy_net(), [torch.randn(4, 3, generator=torch.Generator().manual_seed(0))]
    trace = look(net, ["h->h"], data, reads=["trace"])["h->h"].trace
    net.eval()
    first = net.step(data[0])
    x, y = first["h"].detach(), net.step(data[0], first)["h"].detach()
    expected = [
        [abs(float(x[:, i] @ y[:, j])) / float(x[:, i].norm() * y[:, j].norm()) for i in range(4)] for j in range(4)
    ]
    assert trace.numpy() == pytest.approx(np.ravel(expected), rel=1e-5)


def test_a_batch_may_be_a_tensor_a_pair_or_named_inputs() -> None:
    net = net_of(cg.Dense(), (3,), (4,))
    x = batches((3,), 6)[0]
    ways = [x, [x], [x[:2], x[2:]], iter([x]), {"x": x}, [{"x": x}], (x, None), [(x, x)], [[x, x]]]
    seen = [look(net, ["x->h"], data, reads=["levels"])["x->h"].pre_levels.mean for data in ways]
    for mean in seen:
        torch.testing.assert_close(mean, x.abs().mean(0))


def test_what_cannot_be_looked_at_is_an_error() -> None:
    net, x = net_of(cg.Dense(), (3,), (4,)), torch.ones(2, 3)
    with pytest.raises(DataError, match="no data"):
        look(net, ["x->h"], reads=["trace"])
    with pytest.raises(DataError, match="no loss"):
        look(net, ["x->h"], [x], reads=["squares"])
    with pytest.raises(DataError, match="no samples"):
        look(net, ["x->h"], [], reads=["levels"])
    with pytest.raises(UnknownNameError, match="'mood'"):
        look(net, ["x->h"], [x], reads=["mood"])
    with pytest.raises(UnknownNameError, match="x->w"):
        look(net, ["x->w"])
    with pytest.raises(ShapeError, match="3 parts"):
        look(net, ["x->h"], [(x, x, x)], reads=["levels"])
    with pytest.raises(StructureError, match="no gradient"):
        look(net, ["x->h"], [x], loss=lambda y: y, reads=["gradient"])
    with pytest.raises(StructureError, match="no gradient"):
        look(net, ["x->h"], [x], loss=lambda y: 3.0, reads=["gradient"])
    with pytest.raises(StateError, match="no trace"):
        HebbianTrace().score(see(net.circuit, "x->h"))


def test_activity_that_a_fusion_removed_names_the_mend() -> None:
    circuit = cg.Circuit().add("x", (1, 4, 4)).add("h", (2, 4, 4), cg.ReLU()).connect("x", "h", CONV)
    circuit = circuit.connect("h", "p", cg.Pool(2)).connect("p", "y", cg.Dense(), units=2)
    with pytest.raises(StateError, match=r"keep=\['h'\]"):
        look(cg.compile(circuit), ["x->h"], [torch.ones(2, 1, 4, 4)], reads=["levels"])
    kept = cg.compile(circuit, keep=["h"])
    assert look(kept, ["x->h"], [torch.ones(2, 1, 4, 4)], reads=["levels"])["x->h"].post_levels.mean.shape == (32,)
    with pytest.raises(StructureError, match="no Hebbian trace"):
        look(kept, ["h->p"], [torch.ones(2, 1, 4, 4)], reads=["trace"])


def test_a_score_of_nan_is_refused_and_removes_nothing() -> None:
    net = net_of(cg.Dense(), (3,), (4,))
    with torch.no_grad():
        net.weights["x->h"][3] = math.nan
    with pytest.raises(NumericError, match="NaN"):
        Prune(Magnitude(), Fraction(0.5))(net)
    assert net.circuit.projection("x->h").n_slots == 12


@pytest.mark.parametrize(
    "make",
    [
        lambda: Magnitude(0.0),
        lambda: Magnitude(True),
        lambda: Random(-1),
        lambda: Activity("mood"),
        lambda: Correlation(1.5),
        lambda: Correlation("high"),
        lambda: Correlation(0.5, 0),
        lambda: Correlation(0.5, how="spearman"),
    ],
)
def test_bad_arguments_are_refused_at_once(make: object) -> None:
    with pytest.raises(ShapeError, match="got"):
        make()  # type: ignore[operator]


@pytest.mark.parametrize(
    ("topology", "pre", "post", "dims"),
    [
        (cg.Dense(), (2, 3), (2, 2), (6, 4)),
        (cg.Conv((3, 2), groups=2), (4, 5, 5), (6, 3, 4), (2, 6, 3, 2)),
        (cg.Pruned(cg.Explicit([0, 1], [1, 0]), [1]), (3,), (4,), (3, 4)),
        (cg.GraphEdges([0], [1]), (2, 5), (2, 5), (5, 5)),
        (cg.GraphConv([0], [1]), (2, 5), (3, 5), (2, 3)),
        (cg.OneToOne(), (3,), (3,), (1, 3)),
    ],
)
def test_a_whole_law_has_all_that_could_be(
    topology: cg.Topology, pre: tuple[int, ...], post: tuple[int, ...], dims: tuple[int, ...]
) -> None:
    assert whole_dims(topology, pre, post) == dims
    assert math.prod(dims) == whole_keys(topology, pre, post)[0]


def test_redundant_units_are_removed_from_a_live_network() -> None:
    net, data = redundant_net()
    circuit = net.circuit.connect("h", "y", cg.Dense(), units=2)
    net = cg.compile(circuit)
    Prune(Correlation(0.9), Threshold(1.0), units=True)(net, data)
    assert net.circuit.population("h").unit_ids.tolist() == [1, 2]


def test_seen_is_not_gathered_twice_for_one_population() -> None:
    net = net_of(cg.Dense(), (3,), (4,))
    seen = look(net, ["x->h", "h->y"], batches((3,), 5), reads=["levels"])
    assert isinstance(seen["x->h"], Seen)
    torch.testing.assert_close(seen["x->h"].post_levels.mean, seen["h->y"].pre_levels.mean)
