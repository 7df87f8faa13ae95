import copy
import pickle
import subprocess
import sys
from typing import Any, ClassVar

import numpy as np
import pytest

from circuitgraph.errors import NumericError, ShapeError, StructureError, UnknownNameError
from circuitgraph.ir import Circuit, Population, Projection, Value, normal, value
from circuitgraph.topologies import Conv, Dense, Explicit, OneToOne, Pool, Pruned


@value
class Leaky(Value):
    kind: ClassVar[str] = "neuron"
    tau_ms: float = 20.0


@value
class Grow(Value):
    kind: ClassVar[str] = "rule"
    rate: float = 0.1


def small() -> Circuit:
    return Circuit().add("x", (2, 4)).connect("x", "y", Conv(3), units=3, neuron=Leaky()).connect("y", "z", Pool(2))


def test_connect_adds_the_postsynaptic_population_with_its_shape() -> None:
    c = small()
    assert [p.shape for p in c.populations] == [(2, 4), (3, 2), (3, 1)]
    assert [p.neuron for p in c.populations] == [None, Leaky(), None]
    assert c.shapes("y->z") == ((3, 2), (3, 1))


def test_counts_agree_with_the_tables() -> None:
    c = small()
    assert (c.n_units, c.n_neurons) == (8, 17)
    assert c.n_slots == sum(len(c.slots(p)) for p in c.projections) == 21
    assert c.n_synapses == sum(len(c.synapses(p.name)) for p in c.projections) == 42
    assert c.summary() == "3 populations, 8 units, 17 neurons, 21 slots, 42 synapses"


def test_summary_counts_one_in_the_singular() -> None:
    c = Circuit().add("x", 1).connect("x", "x", Dense(), delay=1)
    assert c.summary() == "1 population, 1 unit, 1 neuron, 1 slot, 1 synapse"
    assert Circuit().summary() == "0 populations, 0 units, 0 neurons, 0 slots, 0 synapses"


def test_a_circuit_prints_its_populations_and_projections() -> None:
    c = small().connect("z", "y", Dense(), delay=2, port="gate", rule=Grow())
    assert str(c).splitlines() == [
        "Circuit: 3 populations, 8 units, 17 neurons, 39 slots, 60 synapses",
        "  x     2x4           Linear()",
        "  y     3x2           Leaky()",
        "  z     3x1           Linear()",
        "  x->y  Conv(kernel=3)  18 slots, gradient",
        "  y->z  Pool(kernel=2)  3 slots, fixed",
        "  z->y  Dense()  18 slots, Grow(), delay 2, port 'gate'",
    ]
    assert repr(c) == str(c)


def test_circuits_are_equal_and_hash_alike_if_all_parts_are() -> None:
    assert small() == small()
    assert hash(small()) == hash(small())
    assert small() != small().replace_projection("x->y", weight=np.zeros(18))
    assert small() != small().add("w", 1)


def test_copies_and_other_processes_see_an_equal_circuit() -> None:
    c = Circuit().add("x", 2).connect("x", "y", Dense(), units=2)
    assert c.n_synapses == 4
    for again in (copy.copy(c), copy.deepcopy(c), pickle.loads(pickle.dumps(c))):
        assert again == c
        assert again.fingerprint == c.fingerprint


def test_what_is_written_by_hand_is_what_connect_makes() -> None:
    by_hand = Circuit((Population("x", (2,)), Population("y", (1,))), (Projection("x", "y", Dense(), [1.0, 2.0]),))
    assert by_hand == Circuit().add("x", 2).connect("x", "y", Dense(), units=1, weight=[1.0, 2.0])


def test_weights_are_drawn_the_same_from_the_same_seed() -> None:
    def weights(**options: Any) -> np.ndarray:
        return Circuit().add("x", 3).connect("x", "y", Dense(), units=2, **options).projections[0].weight

    assert np.array_equal(weights(rng=3), weights(rng=3))
    assert not np.array_equal(weights(rng=3), weights(rng=4))
    assert np.array_equal(weights(rng=np.random.default_rng(1)), normal()(np.random.default_rng(1), 6, 3.0))
    assert weights().dtype == np.float32


def test_projections_drawn_from_one_seed_do_not_share_numbers() -> None:
    c = Circuit().add("x", 3).connect("x", "a", Dense(), units=3).connect("x", "b", Dense(), units=3)
    assert not np.array_equal(c.projection("x->a").weight, c.projection("x->b").weight)


def test_weights_may_be_a_number_a_list_or_an_initializer() -> None:
    def weights(given: Any) -> list[float]:
        return Circuit().add("x", 2).connect("x", "y", Dense(), units=1, weight=given).projections[0].weight.tolist()

    assert weights(0.5) == weights(np.float64(0.5)) == weights([0.5, 0.5]) == [0.5, 0.5]
    assert weights(lambda rng, n, fan_in: np.full(n, fan_in)) == [2.0, 2.0]


def test_what_is_not_plastic_is_fixed_at_one_unless_a_rule_is_given() -> None:
    c = Circuit().add("x", 2)
    relay = c.connect("x", "y", OneToOne()).projections[0]
    assert (relay.fixed, relay.weight.tolist()) == (True, [1.0, 1.0])
    assert not c.connect("x", "y", OneToOne(), rule=Grow()).projections[0].fixed
    assert not c.connect("x", "y", OneToOne(), fixed=False).projections[0].fixed
    assert not c.connect("x", "y", Dense(), units=1).projections[0].fixed
    assert c.connect("x", "y", Dense(), units=1, fixed=True).projections[0].fixed


@pytest.mark.parametrize(
    ("args", "options", "error", "message"),
    [
        (("q", "y", Dense()), {"units": 1}, StructureError, r"connect 'q' to 'y': no population 'q' \(got 'x', 'h'\)"),
        (("q", "x", Dense()), {}, StructureError, "connect 'q' to 'x': no population 'q'"),
        (("x", "h", Dense()), {}, StructureError, "projection 'x->h': name is taken; .*, pass another name="),
        (("x", "h", Dense()), {"name": "h"}, StructureError, "projection 'h': name is taken"),
        (("x", "h", Dense()), {"name": "a.b"}, StructureError, "projection: bad name"),
        (("h", "x", Dense()), {}, StructureError, "loop (x -> h -> x|h -> x -> h); give one of its projections"),
        (("h", "h", Dense()), {}, StructureError, "zero-delay loop h -> h;"),
        (("x", "y", Dense), {"units": 1}, StructureError, "connect 'x' to 'y': not a topology"),
        (("x", "h", Dense()), {"units": 3}, StructureError, "'h' exists; leave units and neuron out"),
        (("x", "h", Dense()), {"neuron": Leaky()}, StructureError, "'h' exists; leave units and neuron out"),
        (("x", "y", Dense()), {"units": 1, "neuron": Grow()}, StructureError, "population 'y': not a neuron"),
        (("x", "y", Dense()), {"units": 1, "rule": Leaky()}, StructureError, "projection 'x->y': not a rule"),
        (("x", "y", Dense()), {"units": 1, "delay": -1}, StructureError, "bad delay"),
        (("x", "y", Dense()), {"units": 1, "rng": "seed"}, StructureError, "rng: not a source of numbers"),
        (("x", "y", Dense()), {}, ShapeError, r"Dense\(\): number of postsynaptic units not given; pass units="),
        (("x", "y", Dense()), {"units": 0}, ShapeError, "population 'y': not a shape"),
        (("x", "y", OneToOne()), {"units": 3}, ShapeError, r"decides the number of units \(got 3, expected 4\)"),
        (("x", "y", Conv(3)), {"units": 1}, ShapeError, "needs 1 to 3 dimensions of sites"),
        (("x", "h", Explicit([9], [0])), {"name": "n"}, ShapeError, r"pre out of range \(got 9, expected 0 to 3\)"),
        (("x", "y", Dense()), {"units": 1, "weight": [1.0]}, ShapeError, "wrong number of weights for .*got 1"),
        (("x", "y", Dense()), {"units": 1, "weight": np.ones((1, 4))}, ShapeError, "one flat vector"),
        (("x", "y", Dense()), {"units": 1, "weight": np.nan}, NumericError, "NaN or infinity"),
        (("x", "y", Dense()), {"units": 1, "weight": "ones"}, NumericError, "weights are not numbers"),
        (("x", "y", Dense()), {"units": 1, "weight": lambda rng, n, f: np.ones(5)}, ShapeError, "got 5, expected 4"),
    ],
)  # fmt: skip
def test_connect_says_what_is_wrong(args: Any, options: dict[str, Any], error: type[Exception], message: str) -> None:
    c = Circuit().add("x", 4).connect("x", "h", Dense(), units=2)
    with pytest.raises(error, match=message):
        c.connect(*args, **options)


def test_loops_are_allowed_with_a_delay() -> None:
    c = Circuit().add("x", 2).connect("x", "h", Dense(), units=2)
    assert c.connect("h", "h", Dense(), delay=1).connect("h", "x", Dense(), delay=2).n_slots == 12


def test_a_zero_delay_loop_is_spelled_out() -> None:
    c = Circuit().add("in", 2).connect("in", "a", Dense(), units=2).connect("a", "b", Dense(), units=2)
    c = c.connect("b", "c", Dense(), units=2)
    with pytest.raises(StructureError, match=r"zero-delay loop (a -> b -> c -> a|b -> c -> a -> b|c -> a -> b -> c);"):
        c.connect("c", "a", Dense())


def test_add_refuses_names_that_are_taken_and_arguments_it_would_ignore() -> None:
    c = Circuit().add("x", 2).connect("x", "y", Dense(), units=1)
    with pytest.raises(StructureError, match="population 'x': name is taken"):
        c.add("x", 3)
    with pytest.raises(StructureError, match="name is taken"):
        c.add("x->y", 3)
    with pytest.raises(StructureError, match="population 'p': comes with its shape and neuron"):
        c.add(Population("p", (2,)), 3)
    with pytest.raises(ShapeError, match="population 'z': not a shape"):
        c.add("z")


def test_a_circuit_written_by_hand_is_checked() -> None:
    x = Population("x", (2,))
    with pytest.raises(StructureError, match=r"projection 'x->y': no population 'y' \(got 'x'\); add it first"):
        Circuit((x,), (Projection("x", "y", Dense(), [1.0]),))
    with pytest.raises(StructureError, match=r"circuit: populations \(got 'x', expected Populations\)"):
        Circuit(("x",))  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match="got 1, expected 4"):
        Circuit((x,), (Projection("x", "x", Dense(), [1.0], delay=1),))


def test_looking_up_a_name_that_is_not_there_lists_those_that_are() -> None:
    with pytest.raises(UnknownNameError, match=r"no population 'q' \(expected one of 'x', 'y', 'z'\)"):
        small().population("q")
    with pytest.raises(UnknownNameError, match=r"no projection 'q' \(expected one of 'x->y', 'y->z'\)"):
        small().projection("q")
    with pytest.raises(UnknownNameError, match="expected one of none"):
        Circuit().population("q")


def test_replacing_keeps_everything_else_and_the_order() -> None:
    c = small()
    new = c.replace_projection("x->y", rule=Grow(), attributes={"age": np.arange(18)})
    assert [p.name for p in new.projections] == ["x->y", "y->z"]
    assert np.array_equal(new.projection("x->y").weight, c.projection("x->y").weight)
    assert new.replace_projection("x->y", rule=None, attributes={}) == c
    assert (
        c.replace_population("y", attributes={"label": ["a", "b", "c"]}).population("y").attributes["label"][1] == "b"
    )
    with pytest.raises(UnknownNameError):
        c.replace_population("q", shape=2)
    with pytest.raises(ShapeError, match="does not fit"):
        c.replace_population("y", shape=(3, 3))


def test_ids_and_attributes_go_with_units_and_slots() -> None:
    c = Circuit().add(Population("x", (2,), attributes={"label": ["a", "b"]}, ids=np.array([5, 3])))
    c = c.connect("x", "y", Dense(), units=1).replace_projection("x->y", ids=[8, 9], attributes={"age": [1, 2]})
    assert c.population("x").unit_ids.tolist() == [5, 3]
    assert c.population("y").unit_ids.tolist() == [0]
    assert c.projection("x->y").slot_ids.tolist() == [8, 9]


def test_the_fingerprint_ignores_weights_rules_and_labels() -> None:
    c = small()
    same = [
        c.replace_projection("x->y", weight=np.zeros(18)),
        c.replace_projection("x->y", rule=Grow()),
        c.replace_projection("x->y", attributes={"age": np.zeros(18)}),
        c.replace_population("x", attributes={"label": [1, 2]}),
        c.replace_population("x", ids=[0, 1]),
        c.replace_projection("x->y", ids=np.arange(18)),
    ]
    assert {c.fingerprint} == {other.fingerprint for other in same}


def test_the_fingerprint_changes_with_structure() -> None:
    c = Circuit().add("x", 4).connect("x", "y", Dense(), units=2)
    others = [
        c,
        Circuit().add("x", 4).connect("x", "y", Dense(), units=3),
        Circuit().add("x", (2, 2)).connect("x", "y", Dense(), units=2),
        Circuit().add("z", 4).connect("z", "y", Dense(), units=2),
        c.replace_population("y", neuron=Leaky()),
        c.replace_population("y", neuron=Leaky(10.0)),
        c.replace_population("y", ids=[1, 0]),
        c.replace_projection("x->y", ids=[0, 1, 2, 3, 4, 5, 6, 8]),
        c.replace_projection("x->y", topology=Pruned(Dense(), [0, 1]), weight=[0.0, 0.0]),
        c.replace_projection("x->y", topology=Pruned(Dense(), [0, 2]), weight=[0.0, 0.0]),
        c.replace_projection("x->y", topology=Explicit([0, 1], [0, 0]), weight=[0.0, 0.0]),
        c.replace_projection("x->y", delay=1),
        c.replace_projection("x->y", port="gate"),
        c.add("w", 1),
        Circuit().add("x", 4).connect("x", "y", Dense(), units=2, name="other"),
    ]
    assert len({other.fingerprint for other in others}) == len(others)


def test_the_fingerprint_knows_where_one_edge_list_ends() -> None:
    def chain(*lists: Explicit) -> str:
        c = Circuit().add("x", 6).add("y", 6)
        for k, law in enumerate(lists):
            c = c.connect("x", "y", law, name=f"p{k}", weight=0.0)
        return c.fingerprint

    # The same six numbers in the same order, cut in two ways.
    assert chain(Explicit([0], [1]), Explicit([2, 3], [4, 5])) != chain(Explicit([0, 1], [2, 3]), Explicit([4], [5]))


def test_the_fingerprint_is_the_same_in_every_process() -> None:
    code = (
        "from circuitgraph import Circuit, Dense; "
        "print(Circuit().add('x', 2).connect('x', 'y', Dense(), units=2).fingerprint)"
    )
    here = Circuit().add("x", 2).connect("x", "y", Dense(), units=2).fingerprint
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == here


def test_a_large_convolution_is_built_and_counted_without_its_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a table was built")

    for law in (Conv, Pruned):
        monkeypatch.setattr(law, "slots", refuse)
        monkeypatch.setattr(law, "synapses", refuse)
    c = Circuit().add("x", (384, 8, 8)).connect("x", "y", Conv(3, padding=1), units=1536, weight=0.0)
    c = c.connect("y", "z", Pool(2))
    assert (c.n_slots, c.n_synapses) == (5_308_416 + 1536, 384 * 1536 * 22**2 + 1536 * 64)
    keep = np.arange(0, 5_308_416, 2)
    c = c.replace_projection("x->y", topology=Pruned(Conv(3, padding=1), keep), weight=np.zeros(len(keep)))
    assert c.n_synapses == 384 * 1536 * 22**2 // 2 + 1536 * 64
