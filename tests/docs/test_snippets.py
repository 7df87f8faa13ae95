"""Every code example of the documentation runs and prints what its page says."""

import doctest
import runpy
import time
from pathlib import Path

import pytest

from circuitgraph import registry

SNIPPETS = Path(__file__).parents[2] / "docs" / "snippets"
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
# Processor time: the machine may be doing other things at once.
LIMIT_S = 10.0


@pytest.fixture(autouse=True)
def own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let snippets register classes without showing them to the tests that follow."""
    kinds = (
        registry.topologies, registry.kernels, registry.neurons, registry.rules, registry.competitions, registry.edits,
        registry.scores,
    )  # fmt: skip
    for known in kinds:
        list(known)  # the built-in ones first, which stay
        monkeypatch.setattr(known, "_classes", dict(known._classes))


@pytest.mark.parametrize("path", sorted(SNIPPETS.glob("*.py")), ids=lambda p: p.stem)
def test_snippet_runs_and_prints_what_its_page_says(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    start = time.process_time()
    runpy.run_path(str(path), run_name=f"docs_{path.stem}")
    seconds = time.process_time() - start
    printed, expected = capsys.readouterr().out, _expected(path)
    assert doctest.OutputChecker().check_output(expected, printed, FLAGS), (
        f"{path.name} printed other than {path.stem}.txt says\n--- expected\n{expected}--- printed\n{printed}"
    )
    assert seconds < LIMIT_S, f"{path.name}: {seconds:.1f} s of processor time (expected below {LIMIT_S:.0f})"


def _expected(path: Path) -> str:
    """Read what a snippet prints, without the marks that let a page show one part of it."""
    text = path.with_suffix(".txt")
    lines = text.read_text().splitlines(keepends=True) if text.exists() else []
    return "".join(line for line in lines if "--8<-- [" not in line)
