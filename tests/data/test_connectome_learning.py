"""A wiring diagram made a network: what feeds it, what it keeps, and that it learns through its own synapses."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch
from sklearn.datasets import load_digits

import circuitgraph as cg
from circuitgraph.data.celegans import celegans
from circuitgraph.data.connectome import connectome
from circuitgraph.errors import NumericError, ShapeError, StructureError, UnknownNameError
from circuitgraph.views.connectome import from_connectome, growth, spectral_radius

TABLE = pd.DataFrame({"pre": ["a", "b", "c", "b"], "post": ["b", "c", "a", "a"], "weight": [2.0, 3.0, 4.0, -1.0]})


def of_table(**options):
    return from_connectome(TABLE, **({"inputs": ["a"], "outputs": ["c"]} | options))


def dense(circuit, names):
    n = circuit.population("neurons").n_units
    out = np.zeros((n, n))
    for name in names:
        p = circuit.projection(name)
        np.add.at(out, (p.topology.post, p.topology.pre), p.weight)
    return out


def test_inputs_and_outputs_are_the_units_that_were_chosen():
    circuit = of_table(inputs=["b", "a"], outputs=["c"], n_inputs=3, n_outputs=4)
    feed, relay = circuit.projection("input->neurons").topology, circuit.projection("neurons->readout").topology
    assert sorted(zip(feed.pre.tolist(), feed.post.tolist(), strict=True)) == [(i, u) for i in range(3) for u in (0, 1)]
    assert relay == cg.Explicit([2], [0])
    assert [(p.name, p.n_units) for p in circuit.populations] == [
        ("input", 3),
        ("neurons", 3),
        ("readout", 1),
        ("output", 4),
    ]
    assert [p.name for p in circuit.projections if p.fixed] == ["neurons->readout"]


def test_without_numbers_each_chosen_unit_has_an_input_or_output_of_its_own():
    net = cg.compile(of_table(inputs=["b", "a"], outputs=["a", "b", "c"]))
    assert net(torch.tensor([[5.0, 7.0]])).tolist() == [[7.0, 5.0, 0.0]]


def test_the_network_steps_as_the_matrix_says():
    circuit = of_table(inputs=["a", "b", "c"], outputs=["a", "b", "c"], radius=None)
    w, x = dense(circuit, ["neurons->neurons"]), np.array([1.0, -2.0, 0.5])
    outputs, _ = cg.compile(circuit).run(torch.tensor(np.array([x, 0 * x, 0 * x]), dtype=torch.float32)[:, None])
    assert np.allclose(outputs[:, 0].detach().numpy(), [x, w @ x, w @ w @ x])


@pytest.mark.parametrize("dale", [False, True])
@pytest.mark.parametrize("radius", [0.5, 2.0])
def test_weights_have_the_spectral_radius_that_was_asked_for(dale, radius):
    worm = celegans("white-1986", neurons_only=True)
    circuit = from_connectome(worm, inputs={"type": "sensory"}, outputs={"type": "motor"}, radius=radius, dale=dale)
    names = [p.name for p in circuit.projections if p.pre == p.post]
    assert np.abs(np.linalg.eigvals(dense(circuit, names))).max() == pytest.approx(radius, rel=1e-4)
    if not dale:
        plain = np.concatenate([p.weight for p in worm.projections])
        scaled = np.concatenate([circuit.projection(p.name).weight for p in worm.projections])
        assert np.allclose(scaled / plain, scaled[0] / plain[0])


def test_the_radius_of_a_large_matrix_is_that_of_all_its_eigenvalues():
    rng = np.random.default_rng(0)
    matrix = sp.random_array((700, 700), density=0.02, rng=rng, data_sampler=rng.standard_normal).tocsr()
    exact = float(np.abs(np.linalg.eigvals(matrix.toarray())).max())
    assert spectral_radius(matrix) == pytest.approx(exact, rel=1e-3)
    assert growth(matrix, rng.standard_normal(700), 4000) == pytest.approx(exact, rel=2e-2)
    assert growth(sp.csr_array((600, 600)), np.ones(600)) == 0


def test_wiring_without_loops_cannot_be_scaled():
    chain = TABLE.iloc[:2]
    with pytest.raises(NumericError, match="no loops; pass radius=None"):
        from_connectome(chain, inputs=["a"], outputs=["c"])
    assert from_connectome(chain, inputs=["a"], outputs=["c"], radius=None).n_slots == 4


def test_dale_splits_by_sign_attribute_then_by_weights_then_by_the_rule_for_unknown_ones():
    cells = pd.DataFrame({"label": ["a", "b", "c", "d"], "transmitter": ["GABA", None, None, "ACH"]})
    edges = pd.DataFrame({"pre": ["a", "b", "c", "d"], "post": ["b", "c", "d", "a"], "weight": [1.0, -2.0, 3.0, 4.0]})
    source = connectome(edges, cells)
    options = {"inputs": ["a"], "outputs": ["b"], "radius": None, "dale": True}
    cases = (
        (1, {"e": [4, 3], "i": [-1, -2]}),
        (-1, {"e": [4], "i": [-1, -2, -3]}),
        (0, {"e": [4], "i": [-1, -2], "u": [3]}),
    )
    for unknown, expected in cases:
        circuit = from_connectome(source, unknown=unknown, **options)
        parts = {p.name[-1]: p for p in circuit.projections if p.pre == p.post}
        assert {k: p.weight.tolist() for k, p in parts.items()} == expected
        assert {k: p.sign for k, p in parts.items()} == {k: {"e": 1, "i": -1, "u": 0}[k] for k in expected}


def test_gap_junctions_stay_whole_and_positive_under_dale():
    worm = celegans(neurons_only=True)
    circuit = from_connectome(worm, inputs={"type": "sensory"}, outputs={"type": "motor"}, dale=True)
    assert [(p.name, p.sign) for p in circuit.projections if p.pre == p.post] == [
        ("chemical_e", 1), ("chemical_i", -1), ("electrical", 1),
    ]  # fmt: skip
    assert sum(p.n_slots for p in circuit.projections if p.pre == p.post) == worm.n_slots


def test_names_attributes_and_identities_survive():
    source = connectome(TABLE, pd.DataFrame({"label": ["c", "b", "a"], "type": ["x", "y", "z"]}))
    circuit = from_connectome(source, inputs=["a"], outputs=["c"], neuron=cg.ReLU(), dale=True, radius=None)
    cells = circuit.population("neurons")
    assert cells.attributes["type"].tolist() == ["x", "y", "z"]
    assert cells.neuron == cg.ReLU()
    ids = np.concatenate([p.slot_ids for p in circuit.projections if p.pre == p.post])
    assert sorted(ids.tolist()) == [0, 1, 2, 3]


BAD = {
    "no such label": ({"inputs": ["z"]}, UnknownNameError, "no unit 'z'"),
    "no such attribute": ({"inputs": {"type": "x"}}, UnknownNameError, "no attribute 'type'"),
    "nothing chosen": ({"outputs": {"label": "z"}}, StructureError, "no unit is chosen"),
    "text": ({"inputs": "a"}, StructureError, "not a choice"),
    "twice": ({"inputs": ["a", "a"]}, StructureError, "a unit comes twice"),
    "short mask": ({"inputs": np.array([True])}, ShapeError, "mask of another shape"),
    "no inputs": ({"n_inputs": 0}, ShapeError, "n_inputs .got 0"),
    "no outputs": ({"n_outputs": -1}, ShapeError, "n_outputs .got -1"),
    "negative radius": ({"radius": -1.0}, NumericError, "radius .got -1.0"),
    "no sign": ({"dale": True, "unknown": 2}, StructureError, "unknown: no sign"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_choices_are_refused(case):
    options, kind, said = BAD[case]
    with pytest.raises(kind, match=said):
        of_table(**options)


def test_a_network_of_several_populations_is_refused():
    circuit = cg.Circuit().add("x", 2).connect("x", "y", cg.Dense(), units=2)
    with pytest.raises(StructureError, match="needs one population"):
        from_connectome(circuit, inputs=["a"], outputs=["b"])


@pytest.mark.parametrize("dale", [False, True])
def test_the_worm_learns_to_read_digits_through_its_own_wiring(dale):
    images, labels = load_digits(return_X_y=True)
    x, y = torch.tensor(images / 16, dtype=torch.float32), torch.tensor(labels)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    train, held_out = order[:1300], order[1300:]
    worm = celegans("white-1986", neurons_only=True)
    ends = {"inputs": {"type": "sensory"}, "outputs": {"type": "motor"}, "n_inputs": 64, "n_outputs": 10}
    net = cg.compile(from_connectome(worm, neuron=cg.ReLU(), dale=dale, **ends))
    optimiser = torch.optim.Adam(net.parameters(), lr=5e-3)

    def read(images):
        outputs, state = net.run(images.expand(4, *images.shape))  # four steps: sensory neurons reach motor neurons
        return outputs[-1], state

    for _ in range(4):
        for batch in train.split(50):
            outputs, state = read(x[batch])
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(outputs, y[batch]).backward()
            optimiser.step()
            net.learn(state)
    with torch.no_grad():
        accuracy = (read(x[held_out])[0].argmax(1) == y[held_out]).float().mean().item()
        assert accuracy > 0.88
        for p in net.circuit.projections:
            assert not p.sign or (p.sign * net.weights[p.name] >= 0).all()
            if p.pre == p.post:
                net.weights[p.name].zero_()
        assert (read(x[held_out])[0].argmax(1) == y[held_out]).float().mean().item() < 0.2
