import subprocess
import sys

PROGRAM = """
import sys
import numpy as np, networkx as nx
import circuitgraph as cg
from circuitgraph.views import to_adjacency
graph = nx.DiGraph([("a", "b", {"weight": 2.0}), ("b", "c", {"weight": -1.0})])
circuit = cg.from_networkx(graph)
assert nx.utils.graphs_equal(cg.to_networkx(circuit), graph)
assert cg.from_pandas(*cg.to_pandas(circuit)[::-1]) == circuit
assert cg.from_adjacency(to_adjacency(circuit), ["a", "b", "c"]).n_slots == 2
cg.save(circuit, sys.argv[1])
assert cg.load(sys.argv[1]) == circuit
assert "torch" not in sys.modules
"""


def test_a_connectome_is_read_viewed_and_saved_without_torch(tmp_path):
    path = str(tmp_path / "c.safetensors")
    done = subprocess.run([sys.executable, "-c", PROGRAM, path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
