"""What files say of a circuit."""

import numpy as np

import circuitgraph as cg
from circuitgraph.io.spec import decode_circuit, encode_circuit


def test_a_file_older_than_attributes_of_the_whole_has_none() -> None:
    arrays: dict[str, np.ndarray] = {}
    circuit = cg.Circuit().add("x", 2).connect("x", "y", cg.Dense(), units=1)
    spec = encode_circuit(circuit, arrays)
    del spec["attributes"]
    assert decode_circuit(spec, arrays) == circuit
