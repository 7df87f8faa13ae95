"""Files that are damaged or lie: an error of ours or the circuit itself, never a crash, a hang, or code that runs."""

import gzip
import io
import json
import sys
import tracemalloc
import zipfile
from contextlib import contextmanager

import networkx as nx
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

import circuitgraph as cg
from circuitgraph.data.connectome import connectome
from circuitgraph.errors import CircuitGraphError, FileError
from circuitgraph.views.files import read, write
from circuitgraph.views.files.tables import read_table

FORMATS = (".graphml", ".json", ".parquet", ".feather", ".npz", ".csv", ".csv.gz", ".graphml.gz")
FORBIDDEN = ("exec", "pickle.find_class", "subprocess.Popen", "os.system", "socket.connect", "os.exec", "marshal.loads")
SEEN: list[str] = []
ROUNDS = 100


@pytest.fixture(scope="module", autouse=True)
def watched():
    """Write down every event that only code could cause; a hook cannot be taken off again, only switched off."""
    on = [True]
    sys.addaudithook(lambda event, args: SEEN.append(event) if on[0] and event in FORBIDDEN else None)
    yield
    on[0] = False


@contextmanager
def nothing_runs():
    before = len(SEEN)
    yield
    assert SEEN[before:] == []


def small():
    g = nx.DiGraph()
    g.add_node("a", type="K", n=1)
    g.add_node("b", type="P", n=2)
    g.add_weighted_edges_from([("a", "b", 0.5), ("b", "a", 2.0)])
    return cg.from_networkx(g)


def foreign(ending, path):
    """Write a file as other tools do, without our header."""
    if ending.startswith(".graphml"):
        nx.write_graphml(cg.to_networkx(small()), path)
    elif ending == ".json":
        path.write_text(json.dumps(nx.node_link_data(cg.to_networkx(small()))))
    elif ending == ".npz":
        sp.save_npz(path, cg.to_adjacency(small()))
    elif ending == ".csv":
        cg.to_pandas(small()).edges.to_csv(path, index=False)
    elif ending == ".csv.gz":
        cg.to_pandas(small()).edges.to_csv(path, index=False, compression="gzip")
    elif ending == ".parquet":
        cg.to_pandas(small()).edges.to_parquet(path)
    else:
        cg.to_pandas(small()).edges.to_feather(path)


def mutations(data, rng, n):
    """Cut, flip, splice, insert."""
    for k in range(n):
        kind, at = k % 4, int(rng.integers(len(data)))
        if kind == 0:
            yield data[:at]
        elif kind == 1:
            yield data[:at] + bytes([data[at] ^ (1 << int(rng.integers(8)))]) + data[at + 1 :]
        elif kind == 2:
            other = int(rng.integers(len(data)))
            yield data[:at] + data[other:]
        else:
            yield data[:at] + rng.integers(0, 256, 4, np.uint8).tobytes() + data[at + int(rng.integers(5)) :]


@pytest.mark.parametrize("ours", [True, False])
@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.filterwarnings("ignore")  # of the libraries beneath, about nonsense
def test_a_damaged_file_is_refused_or_read_and_nothing_else_happens(tmp_path, ending, ours):
    path = tmp_path / f"c{ending}"
    if ours:
        write(small(), path, lossy=True)
    else:
        foreign(ending, path)
    read(path)
    data, rng = path.read_bytes(), np.random.default_rng(0)
    with nothing_runs():
        for changed in mutations(data, rng, ROUNDS):
            path.write_bytes(changed)
            readers = (read, connectome) if ending in (".csv", ".csv.gz", ".parquet", ".feather") else (read,)
            for reader in readers:
                message = said(reader, path)
                assert message is None or message.startswith(f"{path}: "), message
                assert "\n" not in (message or ""), message


def said(reader, path):
    """Read, and give the message of an error of ours; any other error is the test's."""
    try:
        reader(path, merge="sum")
    except CircuitGraphError as error:
        return str(error)
    return None


@pytest.mark.parametrize("ending", [".csv.gz", ".graphml.gz", ".json.gz"])
def test_a_bomb_is_refused_at_the_limit(tmp_path, ending):
    bomb = gzip.compress(b"pre,post,weight\n" + b"0,1,2\n" * 2_000_000, 9)
    (tmp_path / f"bomb{ending}").write_bytes(bomb)
    assert len(bomb) < 100_000
    tracemalloc.start()
    with pytest.raises(FileError, match=r"too large \(got more than 1,000,000 bytes"):
        read(tmp_path / f"bomb{ending}", max_bytes=1_000_000)
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()


@pytest.mark.parametrize("ending", [".parquet", ".feather"])
def test_a_table_larger_than_the_limit_is_refused_before_it_is_unpacked(tmp_path, ending):
    table = pd.DataFrame({"pre": np.zeros(1_000_000, np.int64), "post": np.ones(1_000_000, np.int64)})
    table.to_parquet(tmp_path / "t.parquet")
    table.to_feather(tmp_path / "t.feather", compression="lz4")
    assert (tmp_path / f"t{ending}").stat().st_size < 200_000
    with pytest.raises(FileError, match="too large"):
        read_table(tmp_path / f"t{ending}", max_bytes=1_000_000)


def npy(a, shape=None):
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        buffer, {"descr": a.dtype.str, "fortran_order": False, "shape": shape or a.shape}
    )
    return buffer.getvalue() + a.tobytes()


LIES = {
    "a shape of more than there is": ({"data.npy": npy(np.ones(1), (10**15,))}, "do not fill shape"),
    "a matrix of more units than fit": ({"shape.npy": npy(np.array([10**12, 10**12]))}, "shape out of bounds"),
    "an index beyond": ({"row.npy": npy(np.array([7]))}, "exceeds|out of range"),
    "a negative index": ({"row.npy": npy(np.array([-1]))}, "negative|out of range"),
    "no shape": ({"shape.npy": None}, "not a sparse matrix"),
    "objects": ({"data.npy": npy(np.ones(1)).replace(b"'<f8'", b"'|O' ")}, "objects are refused"),
    "another format": ({"format.npy": npy(np.array(b"dia"))}, "not a sparse matrix"),
    "NaN": ({"data.npy": npy(np.array([np.nan]))}, "NaN or infinity"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_matrix_that_lies_is_refused(tmp_path, lie):
    members = {
        "row.npy": npy(np.array([0])), "col.npy": npy(np.array([1])), "data.npy": npy(np.ones(1)),
        "shape.npy": npy(np.array([2, 2])), "format.npy": npy(np.array(b"coo")),
    }  # fmt: skip
    changes, said = LIES[lie]
    with zipfile.ZipFile(tmp_path / "m.npz", "w") as archive:
        for name, data in (members | changes).items():
            if data is not None:
                archive.writestr(name, data)
    with pytest.raises(CircuitGraphError, match=said):
        read(tmp_path / "m.npz")


def test_a_pickled_array_is_never_unpickled(tmp_path):
    np.savez(tmp_path / "p.npz", data=np.array([{"a": 1}], dtype=object), format="coo")
    with nothing_runs(), pytest.raises(FileError, match="objects are refused"):
        read(tmp_path / "p.npz")


@pytest.mark.parametrize("ending", [".graphml", ".json", ".npz"])
def test_a_header_that_was_tampered_with_is_refused(tmp_path, ending):
    write(small(), tmp_path / f"a{ending}")
    write(small().replace_projection("neurons->neurons", delay=5), tmp_path / f"b{ending}")
    a, b = ((tmp_path / f"{n}{ending}").read_bytes() for n in "ab")
    differs = [k for k, (x, y) in enumerate(zip(a, b, strict=False)) if x != y]
    assert differs
    if ending != ".npz":  # where the archive's own checksum refuses it first
        k = differs[0]
        (tmp_path / f"a{ending}").write_bytes(a[:k] + b[k : k + 1] + a[k + 1 :])
        with pytest.raises(FileError, match=r"checksum|JSON|safetensors"):
            read(tmp_path / f"a{ending}")
