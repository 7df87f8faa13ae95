"""Compiled code that is kept on disk, and what makes it be compiled anew."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from circuitgraph import machine_code

CODE = """
from pathlib import Path
import lib
from circuitgraph import machine_code
machine_code.__file__ = str(Path(lib.__file__).with_name("x.py"))
from lib import helper, user
print(user.doubled(10))
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Write a package of two files of compiled code, all of the same time as those of a reproducible build."""
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "__init__.py").touch()
    write(tmp_path / "lib" / "helper.py", "from numba import njit\n@njit\ndef factor(): return 2\n")
    write(
        tmp_path / "lib" / "user.py",
        "from circuitgraph.machine_code import kept\nfrom lib.helper import factor\n"
        "@kept()\ndef doubled(x): return factor() * x\n",
    )
    return tmp_path


def write(path: Path, text: str) -> None:
    path.write_text(text)
    os.utime(path, (1_580_601_600, 1_580_601_600))


def run(folder: Path) -> tuple[str, int]:
    """Run the package in a process of its own; give what it printed, and how often code was kept so far."""
    environment = os.environ | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip(), len(list(folder.rglob("*.nbc")))


def test_a_helper_in_another_file_is_not_used_after_it_changed(package: Path) -> None:
    assert run(package) == ("20", 1)
    assert run(package) == ("20", 1)
    write(package / "lib" / "helper.py", "from numba import njit\n@njit\ndef factor(): return 3\n")
    assert run(package) == ("30", 2)


def test_files_without_compiled_code_do_not_count(tmp_path: Path) -> None:
    write(tmp_path / "a.py", "import numba\n")
    write(tmp_path / "b.py", "x = 1\n")
    machine_code.fingerprint.cache_clear()
    before = machine_code.fingerprint(tmp_path)
    write(tmp_path / "b.py", "x = 2\n")
    machine_code.fingerprint.cache_clear()
    assert machine_code.fingerprint(tmp_path) == before
    write(tmp_path / "a.py", "import numba  # changed\n")
    machine_code.fingerprint.cache_clear()
    assert machine_code.fingerprint(tmp_path) != before
    machine_code.fingerprint.cache_clear()


LOOPS = """
import torch, circuitgraph as cg
from circuitgraph.topologies import ErdosRenyi
for kernel in ("numba", "masked", "numba-tiles"):
    wiring = ErdosRenyi(0.8, seed=0) if kernel == "masked" else ErdosRenyi(0.2, seed=0)
    circuit = cg.Circuit().add("x", 96).add("y", 96).connect("x", "y", wiring, rule=cg.Oja(0.01))
    for batch in (1, 8):
        net = cg.compile(circuit, batch=batch, kernels={"x->y": kernel})
        state = net.step(torch.rand(batch, 96))
        net.learn(state)
        net.kernels["x->y"].pair(torch.rand(batch, 96), torch.rand(batch, 96))
"""


def test_loops_that_were_kept_are_found_by_the_next_process(tmp_path: Path) -> None:
    pytest.importorskip("numba")
    counts = []
    for _ in range(2):
        environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
        subprocess.run([sys.executable, "-c", LOOPS], env=environment, check=True, capture_output=True)
        counts.append(len(list(tmp_path.rglob("*.nbc"))))
    assert counts[0] == counts[1] > 5
