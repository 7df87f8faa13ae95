"""Names of cells in files of text: numbers where nothing is lost by that, else the text as it stands."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from circuitgraph.data.connectome import connectome
from circuitgraph.errors import FileError, StructureError
from circuitgraph.views.files import read

READERS = (read, connectome)
# Lines of pre and post, and the names that cells get.
NAMES = {
    "whole numbers": ("7,8 -3,0", [7, 8, -3, 0]),
    "leading zeros": ("007,7 07,8", ["007", "7", "07", "8"]),
    "a sign that does not print": ("+7,7", ["+7", "7"]),
    "minus nothing": ("-0,0", ["-0", "0"]),
    "hexadecimal": ("0x10,16 16,0x10", ["0x10", "16"]),
    "numbers beside words": ("a,1 1,2", ["a", "1", "2"]),
    "the largest of 64 bits": ("18446744073709551615,1", [2**64 - 1, 1]),
    "beyond 53 bits": (f"{2**63 + 1},{2**63 + 2} 5,{2**63 + 1}", [2**63 + 1, 2**63 + 2, 5]),
    "beyond 64 bits": (f"{2**64},{2**64 + 1}", [str(2**64), str(2**64 + 1)]),
    "64 bits of both kinds": (f"{2**64 - 1},-1", [str(2**64 - 1), "-1"]),
}


def labels(circuit):
    return circuit.population("neurons").attributes["label"].tolist()


def stored(path, case):
    path.write_text("pre,post\n" + NAMES[case][0].replace(" ", "\n") + "\n")
    return path


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("case", NAMES)
def test_every_cell_keeps_its_name(tmp_path, reader, case):
    assert labels(reader(stored(tmp_path / "e.csv", case))) == NAMES[case][1]


WITHOUT = """
import sys
sys.modules["pyarrow"] = None
import circuitgraph as cg
for path in sys.argv[1:]:
    print(cg.read(path).population("neurons").attributes["label"].tolist())
"""


def test_names_are_the_same_without_pyarrow(tmp_path):
    paths = [str(stored(tmp_path / f"{k}.csv", case)) for k, case in enumerate(NAMES)]
    run = subprocess.run([sys.executable, "-c", WITHOUT, *paths], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines() == [str(names) for _, names in NAMES.values()]


def test_padding_does_not_make_text_of_numbers(tmp_path):
    (tmp_path / "e.csv").write_text("pre,post\n 7,8\n8, 7 \n")
    assert labels(connectome(tmp_path / "e.csv")) == labels(read(tmp_path / "e.csv")) == [7, 8]


def test_cells_of_a_second_table_keep_their_names(tmp_path):
    stored(tmp_path / "e.csv", "leading zeros")
    (tmp_path / "n.csv").write_text("label,age\n7,1\n07,2\n8,3\n007,4\n")
    for circuit in (
        connectome(tmp_path / "e.csv", tmp_path / "n.csv"),
        read(tmp_path / "e.csv", nodes=tmp_path / "n.csv"),
    ):
        assert labels(circuit) == ["7", "07", "8", "007"]
        assert circuit.population("neurons").attributes["age"].tolist() == [1, 2, 3, 4]


def test_numbers_with_and_without_a_sign_are_one_kind_of_name():
    huge = np.array([2**63 + 1, 2**63 + 2], np.uint64)
    assert labels(connectome(pd.DataFrame({"pre": [1, 2], "post": huge}))) == [1, 2**63 + 1, 2, 2**63 + 2]
    assert labels(connectome(pd.DataFrame({"pre": [-1], "post": np.array([3], np.uint64)}))) == [-1, 3]
    with pytest.raises(StructureError, match="names of more than 64 bits"):
        connectome(pd.DataFrame({"pre": [-1, 2], "post": huge}))


BYTES = {
    "a name": b"pre,post,weight\na,b,1\n\xff\xfe,c,1\n",
    "an attribute": b"pre,post,kind\na,b,k\nb,c,\xff\xfe\n",
    "Latin-1": "pre,post\na,b\nM\xfcller,c\n".encode("latin-1"),
}


@pytest.mark.parametrize("case", BYTES)
def test_text_that_is_not_utf8_is_said_to_be_so(tmp_path, case):
    (tmp_path / "e.csv").write_bytes(BYTES[case])
    with pytest.raises(FileError, match=r"e\.csv: line 3: text of another encoding .*expected UTF-8"):
        read(tmp_path / "e.csv")
    (tmp_path / "e.csv").write_bytes("pre,post\na,b\n".encode("utf-16"))
    with pytest.raises(FileError, match=r"e\.csv: line 1: text of another encoding"):
        connectome(tmp_path / "e.csv")
