"""Edge lists of other tools: what is named has to be there, and errors name the row and the column."""

import networkx as nx
import pandas as pd
import pytest

from circuitgraph.errors import StructureError
from circuitgraph.views.files import read


@pytest.fixture(params=[".csv", ".tsv", ".parquet", ".feather"])
def stored(request, tmp_path):
    """Give a function that stores columns as one kind of table."""

    def store(name="edges", **columns):
        table, path = pd.DataFrame(columns), tmp_path / f"{name}{request.param}"
        if request.param in (".csv", ".tsv"):
            table.to_csv(path, index=False, sep="\t" if request.param == ".tsv" else ",")
        else:
            {".parquet": table.to_parquet, ".feather": table.to_feather}[request.param](path)
        return path

    return store


def test_a_weight_column_that_is_named_has_to_be_there(stored):
    path = stored(pre=["a"], post=["b"], synapses=[1.5])
    with pytest.raises(StructureError, match=r"edges\.\w+: edges: no column 'nope' \(got 'pre', 'post', 'synapses'\)"):
        read(path, weight="nope")
    assert read(path, weight="synapses").projections[0].weight.tolist() == [1.5]
    assert read(path).projections[0].weight.tolist() == [1.0]


@pytest.mark.parametrize("ending", [".graphml", ".json"])
def test_a_weight_attribute_that_is_named_has_to_be_there(tmp_path, ending):
    g = nx.DiGraph([("a", "b", {"synapses": 1.5}), ("b", "a", {})])
    path = tmp_path / f"g{ending}"
    if ending == ".graphml":
        nx.write_graphml(g, path)
    else:
        path.write_text('{"nodes": [{"id": 1}], "edges": [{"source": 1, "target": 1, "synapses": 1.5}]}')
    with pytest.raises(StructureError, match=r"edges: no attribute 'nope' \(got 'synapses'\)"):
        read(path, weight="nope")
    assert read(path, weight="synapses").projections[0].weight.tolist()[0] == 1.5
    assert set(read(path).projections[0].weight.tolist()) == {1.0}
