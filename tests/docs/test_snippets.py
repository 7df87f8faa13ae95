"""Every code example of the documentation runs, prints what the page says, and pages link to pages that exist."""

import doctest
import re
import runpy
import time
from pathlib import Path

import pytest

from circuitgraph import registry

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SNIPPETS = sorted((DOCS / "snippets").glob("*.py"))
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.rglob("*.md")])
LIMIT_S = 10.0
# One process may be asked to run tests and a training at once: processor time is what a snippet answers for.
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE

_FENCE = re.compile(r"^```.*?^```", re.M | re.S)
_INCLUDE = re.compile(r'^\s*--8<-- "([^":]+)(?::(\w+))?"', re.M)
_LINK = re.compile(r"\]\(([^)\s#]+)(?:#[^)\s]*)?\)")


@pytest.fixture(autouse=True)
def own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let snippets register classes without showing them to the tests that follow."""
    for known in (registry.topologies, registry.kernels, registry.neurons, registry.rules, registry.edits):
        list(known)  # the built-in ones first, which stay
        monkeypatch.setattr(known, "_classes", dict(known._classes))


@pytest.mark.parametrize("path", SNIPPETS, ids=lambda p: p.stem)
def test_snippet_runs_and_prints_what_the_page_says(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    start = time.process_time()
    runpy.run_path(str(path), run_name=f"docs_{path.stem}")
    seconds = time.process_time() - start
    printed, expected = capsys.readouterr().out, _expected(path)
    assert doctest.OutputChecker().check_output(expected, printed, FLAGS), (
        f"{path.name}: printed other than {path.stem}.txt says\n--- expected\n{expected}\n--- printed\n{printed}"
    )
    assert seconds < LIMIT_S, f"{path.name}: {seconds:.1f} s of processor time (expected below {LIMIT_S:.0f})"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_and_included_snippets_exist(page: Path) -> None:
    text = page.read_text()
    for name, section in _INCLUDE.findall(text):
        path = DOCS / "snippets" / name
        assert path.is_file(), f"{page.name}: includes {name}, which does not exist"
        assert not section or f"[start:{section}]" in path.read_text(), f"{page.name}: {name} has no section {section}"
    for target in _LINK.findall(_FENCE.sub("", text)):
        if "://" not in target and not target.startswith("mailto:"):
            assert (page.parent / target).exists(), f"{page.name}: links to {target}, which does not exist"


def test_every_snippet_is_shown_on_a_page() -> None:
    shown = {name for page in PAGES for name, _ in _INCLUDE.findall(page.read_text())}
    files = {p.name for p in (DOCS / "snippets").iterdir() if p.suffix in (".py", ".txt")}
    assert files - shown == set(), f"not shown anywhere: {sorted(files - shown)}"


def test_readme_shows_the_first_snippet() -> None:
    code = (DOCS / "snippets" / "first.py").read_text().split("[start:code]\n")[1].split("# --8<-- [end:code]")[0]
    assert f"```python\n{code}```" in (ROOT / "README.md").read_text(), "README.md differs from docs/snippets/first.py"


def test_no_page_names_a_folder_of_somebodys_machine() -> None:
    for page in PAGES:
        assert not re.search(r"(?<![\w.])/(home|root|work|Users|tmp)/", page.read_text()), page.name


def _expected(path: Path) -> str:
    """Read what a snippet prints, without the marks that let a page show one part of it."""
    text = path.with_suffix(".txt")
    lines = text.read_text().splitlines(keepends=True) if text.exists() else []
    return "".join(line for line in lines if "--8<-- [" not in line)
