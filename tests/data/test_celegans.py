import csv
import gzip
import hashlib
import importlib.util
import io
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest

from circuitgraph.data.celegans import celegans
from circuitgraph.errors import UnknownNameError

FOLDER = Path(__file__).parents[2] / "datasets" / "celegans"
TABLES = Path(__file__).parents[2] / "circuitgraph" / "data" / "celegans_tables"


def matrix(circuit, name):
    p, n = circuit.projection(name), circuit.n_units
    out = np.zeros((n, n))
    out[p.topology.pre, p.topology.post] = p.weight
    return out


def between(circuit, name, pre, post):
    label = circuit.population("neurons").attributes["label"].tolist()
    return matrix(circuit, name)[label.index(pre), label.index(post)]


@pytest.mark.parametrize(
    ("which", "cells", "chemical", "contacts", "junctions", "loops"),
    [("white-1986", 309, 2386, 7943, 575, 6), ("cook-2019", 448, 4681, 27019, 1359, 14)],
)
def test_the_counts_are_the_published_ones(which, cells, chemical, contacts, junctions, loops):
    worm = celegans(which)
    assert worm.n_units == cells
    assert worm.projection("chemical").n_slots == chemical
    assert worm.projection("chemical").weight.sum() == contacts
    # Once in each direction, but a cell's junction with itself once.
    assert worm.projection("electrical").n_slots == 2 * junctions - loops
    assert [p.delay for p in worm.projections] == [1, 1]


@pytest.mark.parametrize("which", ["white-1986", "cook-2019"])
def test_gap_junctions_are_symmetric_and_chemical_synapses_are_not(which):
    worm = celegans(which)
    electrical, chemical = matrix(worm, "electrical"), matrix(worm, "chemical")
    assert (electrical == electrical.T).all()
    assert (chemical != chemical.T).any()


@pytest.mark.parametrize(("which", "chemical", "electrical"), [("white-1986", 2266, 1132), ("cook-2019", 3638, 2173)])
def test_only_neurons_stay_if_asked(which, chemical, electrical):
    worm = celegans(which, neurons_only=True)
    types = worm.population("neurons").attributes["type"].tolist()
    counts = {kind: types.count(kind) for kind in set(types)}
    assert counts == {"sensory": 83, "inter": 89, "motor": 123, "polymodal": 5}
    assert [p.n_slots for p in worm.projections] == [chemical, electrical]
    assert [p.name for p in celegans(which, electrical=False).projections] == ["chemical"]


def test_known_synapses_and_cells_are_there_under_plain_names():
    white, cook = celegans("white-1986"), celegans("cook-2019")
    assert between(white, "chemical", "ADAL", "AIBR") == 2
    assert between(cook, "chemical", "I1L", "I2L") == 10
    assert between(cook, "electrical", "AVAL", "VA5") == between(cook, "electrical", "VA5", "AVAL") == 5
    for worm in (white, cook):
        cells = worm.population("neurons").attributes
        labels = cells["label"].tolist()
        assert not [name for name in labels if name != name.strip() or re.search(r"[A-Z]0\d$", name)]
        assert {"AVAL", "DD1", "VD13", "AS1"} <= set(labels)
        assert np.count_nonzero(cells["sign"] == -1) == 26
        assert cells["type"][labels.index("AVAL")] == "inter"
        assert cells["group"][labels.index("ASHL")] == "Amphid, nociceptive"
    assert cook.population("neurons").attributes["type"].tolist().count("muscle") == 137


def test_the_source_is_named_and_another_reconstruction_is_not_known():
    assert "Nature 571" in celegans("cook-2019").attributes["source"]
    with pytest.raises(UnknownNameError, match=r"'varshney'.*cook-2019, white-1986"):
        celegans("varshney")


def test_the_tables_are_those_of_the_readme_and_small():
    said = dict(re.findall(r"`([\w-]+\.csv\.gz)`.*`([0-9a-f]{64})`", (FOLDER / "README.md").read_text()))
    assert said == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in TABLES.iterdir()}
    assert sum(path.stat().st_size for path in TABLES.iterdir()) < 50_000


def prepare():
    spec = importlib.util.spec_from_file_location("prepare_celegans", FOLDER / "prepare.py")
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def test_the_script_reads_lists_without_running_them_and_symmetrises_what_is_listed_twice(
    tmp_path, monkeypatch, capsys
):
    script = prepare()
    files = {
        "cect/Cells.py": "print(1/0)\nA = ['X']\nSENSORY_NEURONS_COOK = A + ['AS1']\nINTERNEURONS_COOK = ['B']\n"
        "MOTORNEURONS_COOK = []\nPHARYNGEAL_POLYMODAL_NEURONS = []\nUNKNOWN_FUNCTION_NEURONS = []\n",
        "cect/data/all_cell_info.csv": "Cell name,Type\nAS1,Touch\n",
        "cect/data/aconnectome_white_1986_whole.csv": "pre\tpost\ttype\tsynapses\nX\tB\telectrical\t2\n",
        "cect/data/herm_full_edgelist.csv": "Source,Target,Weight,Type\nAS01 , X  ,4,electrical\nX ,AS01,5,electrical\n"
        "X ,pm8,1,chemical\n",
    }
    with zipfile.ZipFile(tmp_path / "cect.whl", "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)
    monkeypatch.setattr(script, "SHA256", {n: hashlib.sha256(t.encode()).hexdigest() for n, t in files.items()})
    assert script.main(["--wheel", str(tmp_path / "cect.whl"), "--out", str(tmp_path / "out")]) == 0
    texts = {p.name: gzip.decompress(p.read_bytes()).decode() for p in (tmp_path / "out").iterdir()}
    read = {name: list(csv.reader(io.StringIO(text))) for name, text in texts.items()}
    assert read["cook-2019.csv.gz"][1:] == [["AS1", "X", "electrical", "5"], ["X", "pm8", "chemical", "1"]]
    assert read["white-1986.csv.gz"][1:] == [["X", "B", "electrical", "2"]]
    assert read["cells.csv.gz"][1:] == [
        ["AS1", "sensory", "Touch"], ["B", "inter", ""], ["X", "sensory", ""], ["pm8", "muscle", ""],
    ]  # fmt: skip
    assert "SHA-256" in capsys.readouterr().out


def test_the_script_refuses_another_file(tmp_path):
    script = prepare()
    with zipfile.ZipFile(tmp_path / "cect.whl", "w") as wheel:
        for name in script.SHA256:
            wheel.writestr(name, "changed")
    with pytest.raises(ValueError, match="another file"):
        script.read_sources(tmp_path / "cect.whl")
