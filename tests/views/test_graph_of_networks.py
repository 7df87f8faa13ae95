import copy

import networkx as nx
import numpy as np
import pytest
import torch

import circuitgraph as cg


def network(**options):
    c = cg.Circuit().add("x", 3).connect("x", "y", cg.Dense(), units=2, weight=1.0, rule=cg.Oja(0.1))
    return cg.compile(c.connect("y", "z", cg.Dense(), units=2, weight=2.0), **options)


def weights(net):
    return net.graph().arrays().weight


def in_place(net):
    with torch.no_grad():
        net.weights["x->y"].mul_(3)


def behind_autograd(net):
    net.weights["x->y"].data.mul_(3)


def through_numpy(net):
    net.weights["x->y"].detach().numpy()[:] *= 3


def by_a_new_tensor(net):
    net.weights["x->y"].data = torch.full_like(net.weights["x->y"], 3.0)


@pytest.mark.parametrize("change", [in_place, behind_autograd, through_numpy, by_a_new_tensor])
def test_weights_are_never_stale_however_they_were_written(change):
    net = network()
    before = net.graph()
    change(net)
    after = net.graph()
    assert after.edges[("x", 0), ("y", 0)]["weight"] == 3.0
    assert before.edges[("x", 0), ("y", 0)]["weight"] == 1.0
    assert after.post is before.post
    assert net.graph() is after


def test_what_learning_changes_is_what_networkx_sees():
    net = network()
    before = nx.to_numpy_array(net)
    net.learn(net.step(torch.ones(4, 3)))
    assert not np.allclose(nx.to_numpy_array(net), before)
    np.testing.assert_allclose(nx.to_numpy_array(net), nx.to_numpy_array(net.snapshot()), rtol=1e-6)


def test_an_optimiser_s_step_shows():
    net = network()
    optimizer = torch.optim.SGD([net.weights["y->z"]], lr=0.1)
    before = weights(net)
    net(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    assert not np.allclose(weights(net), before)


def test_an_edit_is_a_new_graph():
    net = network()
    assert len(net) == 7
    net.edit(cg.RemoveUnits("y", [0]))
    assert len(net) == 6
    assert list(net.graph()) == list(net.snapshot().graph())


def test_narrow_weights_are_read_too():
    assert weights(network(dtype=torch.bfloat16)).tolist() == [1.0] * 6 + [2.0] * 4


@pytest.mark.parametrize("level", ["unit", "neuron", "population"])
def test_every_level_is_that_of_the_snapshot(level):
    net = network()
    in_place(net)
    assert nx.utils.graphs_equal(net.graph(level).to_networkx(), net.snapshot().graph(level).to_networkx())


def test_a_network_is_read_as_a_graph_and_stays_a_module():
    net = network()
    assert (nx.density(net), net.is_directed(), ("x", 0) in net, net.degree["z", 1]) == (10 / 42, True, True, 2)
    assert nx.betweenness_centrality(net)["y", 0] > 0
    assert sorted(net.state_dict()) == ["weights.x->y", "weights.y->z"]
    other = copy.deepcopy(net)
    in_place(other)
    assert not np.allclose(weights(other), weights(net))
    with pytest.raises(AttributeError, match="no attribute 'edgess'"):
        net.edgess  # noqa: B018
