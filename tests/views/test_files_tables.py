"""Edge lists of other tools: what is named has to be there, and errors name the row and the column."""

import networkx as nx
import pandas as pd
import pytest

from circuitgraph.data.connectome import connectome
from circuitgraph.errors import FileError, NumericError, StructureError
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


ROWS = {"pre": ["a", "b", "c"], "post": ["b", "c", "a"], "weight": [1.0, 2.0, 3.0]}
WRONG_ROWS = {
    "one cell is text": ({"weight": ["1", "x", "y"]}, r"'b' -> 'c' \(row 2, column 'weight'\): .* \(got 'x'"),
    "an empty weight": ({"weight": [1.0, 2.0, None]}, r"'c' -> 'a' \(row 3, column 'weight'\): .* \(got nan"),
    "an infinite weight": ({"weight": [1.0, float("inf"), 1]}, r"'b' -> 'c' \(row 2, column 'weight'\): .* \(got inf"),
    "a pair twice": ({"pre": ["a", "b", "a"], "post": ["b", "c", "b"]}, "'a' -> 'b' comes twice, in rows 1 and 3;"),
    "no name": ({"post": ["b", None, "a"]}, "column 'post' has no label in row 2;"),
}


@pytest.mark.parametrize("case", WRONG_ROWS)
def test_what_is_wrong_is_said_with_its_row_and_column(stored, case):
    changes, said = WRONG_ROWS[case]
    with pytest.raises((NumericError, StructureError), match=said) as caught:
        read(stored(**ROWS | changes))
    assert "\n" not in str(caught.value)


def test_wrong_rows_of_nodes_are_said_too(stored):
    edges = stored(**ROWS)
    with pytest.raises(StructureError, match="'c' in row 2, column 'post', is not a node"):
        read(edges, nodes=stored("few", label=["a", "b"]))
    with pytest.raises(StructureError, match="label 'a' comes twice, in rows 1 and 3, column 'label'"):
        read(edges, nodes=stored("twice", label=["a", "b", "a"]))


def test_the_line_with_the_bad_weight_is_said_where_weights_are_text(tmp_path):
    nx.write_graphml(nx.DiGraph([("a", "b", {"weight": "1"}), ("b", "a", {"weight": "x"})]), tmp_path / "g.graphml")
    with pytest.raises(NumericError, match=r"line \d+: 'weight' is not a finite number \(got 'x'"):
        read(tmp_path / "g.graphml")
