import os
import subprocess
import sys
from pathlib import Path

import pytest

import circuitgraph

HEAVY = ("torch", "networkx", "pandas")


def run(code: str, *folders: Path) -> subprocess.CompletedProcess[str]:
    """Run code in a new process, with folders put before everything else that is importable."""
    path = os.pathsep.join(map(str, [*folders, Path(circuitgraph.__file__).parents[1]]))
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
        check=False,
    )


@pytest.mark.parametrize(
    "code",
    [
        "import circuitgraph",
        "import circuitgraph as cg; cg.Circuit().add('x', (2, 4)).connect('x', 'y', cg.Conv(3), units=2).fingerprint",
        "from circuitgraph import registry; registry.topologies['conv']",
    ],
)
def test_structure_loads_nothing_heavy(code: str) -> None:
    done = run(f"{code}\nimport sys; print([m for m in {HEAVY} if m in sys.modules])")
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_importing_the_package_loads_not_even_numpy() -> None:
    done = run("import circuitgraph, sys; print('numpy' in sys.modules, 'importlib.metadata' in sys.modules)")
    assert done.stdout.split() == ["False", "False"]


def test_unknown_public_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="module 'circuitgraph' has no attribute 'nothing'"):
        _ = circuitgraph.nothing


def test_public_names_are_listed_before_they_are_loaded() -> None:
    assert {"Circuit", "Dense", "compile"} <= set(dir(circuitgraph)) & set(circuitgraph.__all__)


def install(folder: Path, entry: str, name: str) -> Path:
    """Lay out what an installer leaves behind for a distribution."""
    (folder / entry).mkdir()
    (folder / entry / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.2.0\n")
    return folder


@pytest.mark.parametrize("entry", ["circuitgraph-0.2.0.dist-info", "CircuitGraph-0.2.0.dist-info"])
def test_an_unrelated_package_of_our_import_name_is_named(tmp_path: Path, entry: str) -> None:
    done = run("import circuitgraph", install(tmp_path, entry, "circuitgraph"))
    last = done.stderr.splitlines()[-1]
    assert done.returncode == 1
    assert last.startswith("ImportError: circuitgraph: the unrelated package 'circuitgraph' is installed")
    assert "pip uninstall circuitgraph, then pip install --force-reinstall circuitgraph-nn" in last


@pytest.mark.parametrize("name", ["circuitgraph-nn", "circuitgraph-tools", "circuitgraphs"])
def test_distributions_of_other_names_raise_no_alarm(tmp_path: Path, name: str) -> None:
    folder = install(tmp_path, f"{name.replace('-', '_')}-0.2.0.dist-info", name)
    (folder / "circuitgraph-notes").mkdir()
    done = run("import circuitgraph; print('fine')", folder, tmp_path / "not-there")
    assert (done.stdout.strip(), done.stderr) == ("fine", "")
