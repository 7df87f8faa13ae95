import gzip
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from circuitgraph.data.connectome import connectome
from circuitgraph.errors import FileError, NumericError, StructureError, UnknownNameError
from circuitgraph.ir import ABSENT
from circuitgraph.views import from_pandas

# FlyWire's columns; the pair 11 -> 12 in two neuropils, names beyond what a float holds.
ROOT = 720575940600000000
ROWS = pd.DataFrame(
    {
        "pre_root_id": [ROOT + 13, ROOT + 11, ROOT + 11, ROOT + 12],
        "post_root_id": [ROOT + 11, ROOT + 12, ROOT + 12, ROOT + 11],
        "neuropil": ["AL_L", "AL_L", "MB_CA_R", "AL_R"],
        "syn_count": [4, 5, 6, 7],
        "nt_type": ["ACH", "GABA", "ACH", "DA"],
    }
)
CELLS = pd.DataFrame(
    {
        "root_id": [ROOT + 12, ROOT + 11, ROOT + 13],
        "nt_type": ["glutamate", "Acetylcholine", None],
        "side": ["left", None, "right"],
    }
)


def stored(table, path):
    kind = "".join(path.suffixes)
    if kind.startswith((".csv", ".tsv", ".txt")):
        table.to_csv(path, index=False, sep="\t" if kind == ".tsv" else ",")
    elif kind == ".parquet":
        table.to_parquet(path)
    else:
        table.to_feather(path)
    return path


def edges_of(circuit):
    label = circuit.population("neurons").attributes["label"].tolist()
    p = circuit.projections[0]
    ends = zip(p.topology.pre.tolist(), p.topology.post.tolist(), p.weight.tolist(), strict=True)
    return {(label[pre], label[post]): weight for pre, post, weight in ends}


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".tsv", ".parquet", ".feather"])
def test_every_format_gives_the_same_circuit(tmp_path, ending):
    circuit = connectome(stored(ROWS, tmp_path / f"c{ending}"), merge="sum")
    assert edges_of(circuit) == {(ROOT + 13, ROOT + 11): 4, (ROOT + 11, ROOT + 12): 11, (ROOT + 12, ROOT + 11): 7}
    units = circuit.population("neurons").attributes
    assert units["label"].dtype == np.int64
    assert units["label"].tolist() == [ROOT + 13, ROOT + 11, ROOT + 12]
    # 11 says GABA over 5 synapses and ACH over 6: the larger sum counts.
    assert units["transmitter"].tolist() == ["ACH", "ACH", "DA"]
    assert units["sign"].tolist() == [1, 1, 0]
    assert circuit.projections[0].weight.dtype == np.float64
    assert circuit.attributes["source"] == f"c{ending}"


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_a_table_of_cells_gives_order_attributes_and_signs(tmp_path, ending):
    paths = [stored(table, tmp_path / f"{k}{ending}") for k, table in enumerate((ROWS, CELLS))]
    circuit = connectome(*paths, merge="sum")
    units = circuit.population("neurons").attributes
    assert units["label"].tolist() == [ROOT + 12, ROOT + 11, ROOT + 13]
    assert units["transmitter"].tolist() == ["GLUT", "ACH", ABSENT]
    assert units["sign"].tolist() == [-1, 1, 0]
    assert units["side"].tolist() == ["left", ABSENT, "right"]
    assert edges_of(circuit)[ROOT + 12, ROOT + 11] == -7


def test_signs_are_an_argument_and_none_leaves_counts_alone():
    assert connectome(ROWS, merge="sum", signs=None).projections[0].weight.min() > 0
    assert "sign" not in connectome(ROWS, merge="sum", signs=None).population("neurons").attributes
    circuit = connectome(ROWS, merge="sum", signs={"dopamine": -1})
    assert edges_of(circuit)[ROOT + 12, ROOT + 11] == -7
    with pytest.raises(NumericError, match="'DA' has no sign"):
        connectome(ROWS, merge="sum", signs={"DA": 2})


def test_slots_come_by_post_then_pre_and_keep_columns_of_the_first_row():
    circuit = connectome(ROWS, merge="sum", keep=("neuropil",))
    law = circuit.projections[0].topology
    assert sorted(zip(law.post.tolist(), law.pre.tolist(), strict=True)) == list(
        zip(law.post.tolist(), law.pre.tolist(), strict=True)
    )
    label = circuit.population("neurons").attributes["label"]
    kept = dict(zip(label[law.pre].tolist(), circuit.projections[0].attributes["neuropil"].tolist(), strict=True))
    assert kept[ROOT + 11] == "AL_L"


def test_it_agrees_with_from_pandas_on_random_tables():
    rng = np.random.default_rng(0)
    for text in (True, False):
        pre, post = rng.integers(0, 40, (2, 300))
        names = np.array([f"n{k}" for k in range(40)], dtype=object) if text else np.arange(40) * 10**15
        table = pd.DataFrame({"pre": names[pre], "post": names[post], "weight": rng.integers(1, 9, 300)})
        ours, theirs = connectome(table, merge="sum"), from_pandas(table, merge="sum")
        assert edges_of(ours) == edges_of(theirs)
        assert ours.population("neurons") == theirs.population("neurons")


def test_padding_of_names_is_stripped_and_padded_pairs_are_one():
    table = pd.DataFrame({"pre": ["I1L ", "I1L"], "post": [" I3", "I3"], "weight": [1, 2]})
    assert edges_of(connectome(table, merge="sum")) == {("I1L", "I3"): 3}
    with pytest.raises(StructureError, match="'I1L' -> 'I3' comes twice, in rows 1 and 2"):
        connectome(table)


def test_rows_without_weights_count_one_each():
    table = pd.DataFrame({"pre": [1, 1, 2], "post": [2, 2, 1]})
    assert edges_of(connectome(table, merge="sum")) == {(1, 2): 2, (2, 1): 1}


def test_names_that_look_like_nothing_are_names(tmp_path):
    (tmp_path / "c.csv").write_text("pre,post,weight\nNA,None,1\nnan,NA,2\n")
    assert edges_of(connectome(tmp_path / "c.csv")) == {("NA", "None"): 1, ("nan", "NA"): 2}


def test_columns_are_found_by_what_publishers_call_them_or_by_name():
    table = pd.DataFrame({"bodyId_pre": [1], "bodyId_post": [2], "weight": [3]})
    assert edges_of(connectome(table)) == {(1, 2): 3}
    assert edges_of(connectome(table, pre="bodyId_post", post="bodyId_pre")) == {(2, 1): 3}


def test_rows_of_unknown_cells_are_an_error_or_dropped(tmp_path):
    cells = CELLS.iloc[:2]
    with pytest.raises(StructureError, match=rf"{ROOT + 13} in row 1 is not among the 2 cells"):
        connectome(ROWS, cells, merge="sum")
    circuit = connectome(ROWS, cells, merge="sum", dangling="drop", keep=("neuropil",))
    assert edges_of(circuit) == {(ROOT + 11, ROOT + 12): 11, (ROOT + 12, ROOT + 11): -7}
    with pytest.raises(StructureError, match="comes twice, in rows 2 and 3"):
        connectome(ROWS, cells, dangling="drop")


BAD = {
    "duplicate edge": (ROWS, {}, StructureError, "comes twice, in rows 2 and 3; pass merge='sum'"),
    "no such column": (ROWS, {"pre": "x"}, StructureError, "no column for pre 'x' .*'pre_root_id'"),
    "no column at all": (ROWS[["syn_count"]], {}, StructureError, "no column for pre .*pass its name as pre="),
    "nothing to keep": (ROWS, {"keep": ("x",)}, StructureError, "no column to keep 'x'"),
    "NaN weight": (ROWS.assign(syn_count=[1, 2, np.nan, 4]), {}, NumericError, "row 3, column 'syn_count' .got nan"),
    "text weight": (ROWS.assign(syn_count=["1", "2", "3", "x"]), {}, NumericError, "row 4, .*got 'x'"),
    "infinite weight": (ROWS.assign(syn_count=[np.inf, 1, 1, 1]), {}, NumericError, "row 1, column 'syn_count'"),
    "missing name": (ROWS.assign(pre_root_id=[1, None, 3, 4]), {}, StructureError, "row 2, column 'pre_root_id'"),
    "names with a point": (ROWS.assign(pre_root_id=1.5), {}, StructureError, "'pre_root_id' does not hold names"),
    "names of two kinds": (ROWS.assign(pre_root_id="a"), {}, StructureError, "names of two kinds"),
    "no rows": (ROWS.iloc[:0], {}, StructureError, "no rows"),
    "no such merge": (ROWS, {"merge": "max"}, UnknownNameError, "merge 'max'"),
}  # fmt: skip


@pytest.mark.parametrize("ending", [None, ".csv", ".parquet"])
@pytest.mark.parametrize("case", BAD)
def test_bad_tables_are_refused_with_row_and_column(tmp_path, case, ending):
    table, options, kind, said = BAD[case]
    source = table if ending is None else stored(table, tmp_path / f"c{ending}")
    if ending == ".csv" and case in ("NaN weight", "missing name", "no rows"):
        said = said.split(" .got")[0] if case == "NaN weight" else r"row|names|no rows"
    with pytest.raises(kind, match=said) as caught:
        connectome(source, **options)
    assert "\n" not in str(caught.value)


def test_a_cell_that_comes_twice_is_named():
    with pytest.raises(StructureError, match=rf"{ROOT + 12} comes twice .row 4, column 'root_id'"):
        connectome(ROWS, pd.concat([CELLS, CELLS.iloc[:1]]), merge="sum")


def test_a_broken_line_is_named(tmp_path):
    (tmp_path / "c.csv").write_text("pre,post,weight\n1,2,3\n4,5\n")
    with pytest.raises(FileError, match=r"c\.csv: unreadable; .*(Row #3|line 3|Expected 3 columns)"):
        connectome(tmp_path / "c.csv")


def test_two_columns_of_one_name_are_refused(tmp_path):
    (tmp_path / "c.csv").write_text("pre,post,pre\n1,2,3\n")
    with pytest.raises(FileError, match="two columns are called 'pre'"):
        connectome(tmp_path / "c.csv")


WITHOUT = """
import sys
sys.modules["pyarrow"] = None
from circuitgraph.data.connectome import connectome
from circuitgraph.errors import FileError
for path in sys.argv[1:]:
    try:
        c = connectome(path, merge="sum")
        print(c.population("neurons").attributes["label"].tolist(), c.projections[0].weight.tolist())
    except FileError as error:
        print(error)
"""


def test_without_pyarrow_tables_of_text_are_read_and_others_name_the_extra(tmp_path):
    paths = [stored(ROWS, tmp_path / f"c{ending}") for ending in (".csv", ".csv.gz", ".parquet", ".feather")]
    run = subprocess.run([sys.executable, "-c", WITHOUT, *map(str, paths)], capture_output=True, text=True, check=True)
    lines = run.stdout.splitlines()
    circuit = connectome(paths[0], merge="sum")
    labels = circuit.population("neurons").attributes["label"].tolist()
    assert lines[0] == lines[1] == f"{labels} {circuit.projections[0].weight.tolist()}"
    assert len(lines) == 4
    assert all("pip install 'circuitgraph-nn[connectome]'" in line for line in lines[2:])


def test_what_is_larger_than_the_limit_is_refused(tmp_path):
    (tmp_path / "c.csv.gz").write_bytes(gzip.compress(b"pre,post\n" + b"1,2\n" * 100_000))
    with pytest.raises(FileError, match=r"too large .*raise max_bytes"):
        connectome(tmp_path / "c.csv.gz", max_bytes=100_000)


def test_a_million_rows_are_read_without_a_python_object_each(tmp_path):
    rng = np.random.default_rng(0)
    pre, post = ROOT + rng.integers(0, 3000, (2, 1_000_000))
    table = pd.DataFrame({"pre_root_id": pre, "post_root_id": post, "syn_count": 1})
    circuit = connectome(stored(table, tmp_path / "c.feather"), merge="sum")
    assert circuit.projections[0].weight.sum() == 1_000_000
    expected = len(table.drop_duplicates(["pre_root_id", "post_root_id"]))
    assert circuit.n_slots == expected
