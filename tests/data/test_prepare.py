"""datasets/prepare.py: fetch or check a set from the command line."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from circuitgraph.data.published import Publication

SCRIPT = Path(__file__).parents[2] / "datasets" / "prepare.py"


@pytest.fixture
def prepare() -> ModuleType:
    spec = importlib.util.spec_from_file_location("prepare", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_set_that_is_there_is_checked_and_described(
    prepare: ModuleType,
    mnist: Publication,
    idx_files: dict[str, bytes],
    lay: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    lay(tmp_path / "mnist", idx_files)
    assert prepare.main(["mnist", "--data-dir", str(tmp_path)]) == 0
    assert "6 training + 2 test images" in capsys.readouterr().out


def test_a_set_that_cannot_be_fetched_is_one_line_and_exit_2(
    prepare: ModuleType, mnist: Publication, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert prepare.main(["mnist", "--data-dir", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: fetch_images('mnist'): not fetched")
    assert error.count("\n") == 1


def test_the_embedded_set_needs_no_files(
    prepare: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert prepare.main(["digits", "--data-dir", str(tmp_path)]) == 0
    assert "scikit-learn digits" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())
