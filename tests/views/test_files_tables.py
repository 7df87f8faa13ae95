"""Edge lists of other tools: what is named has to be there, and errors name the row and the column."""

import networkx as nx
import pandas as pd
import pytest

from circuitgraph.data.connectome import connectome
from circuitgraph.errors import FileError, StructureError
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


BAD_HEADERS = {
    "old line ends": ("pre,post,weight\ra,b,1\r", "line 1: a carriage return within"),
    "a long name": ("pre,post," + "w" * 200_000 + "\na,b,1\n", "line 1: not a header .field larger than"),
    "no line end": ("pre,post," + "w" * 2_000_000, "line 1: not a header .field larger than"),
}


@pytest.mark.parametrize("case", BAD_HEADERS)
def test_a_broken_header_is_one_line_with_its_number(tmp_path, case):
    text, said = BAD_HEADERS[case]
    (tmp_path / "e.csv").write_bytes(text.encode())
    for reader in (read, connectome):
        with pytest.raises(FileError, match=said) as caught:
            reader(tmp_path / "e.csv")
        assert str(caught.value).startswith(f"{tmp_path / 'e.csv'}: ")
        assert "\n" not in str(caught.value)


def test_lines_may_end_as_in_windows_and_fields_be_long(tmp_path):
    (tmp_path / "e.csv").write_bytes(b"pre,post,weight\r\n" + b"a" * 200_000 + b",b,1\r\n")
    assert read(tmp_path / "e.csv").n_units == 2
