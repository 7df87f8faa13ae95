"""Pages link to pages that exist, show snippets that exist, and say what the command line says."""

import re
from pathlib import Path

import pytest
import typer.main
from typer.core import TyperGroup

from circuitgraph.bench.__main__ import app
from circuitgraph.bench.kernel_work import METHODS
from circuitgraph.bench.recipes import RECIPES

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
INCLUDE = re.compile(r'^\s*--8<-- "([^":]+)(?::(\w+))?"', re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s#]*)(?:#([^)\s]*))?\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_to_pages_and_headings_that_exist(page: Path) -> None:
    for target, heading in LINK.findall(CODE.sub("", page.read_text())):
        if "://" in target:
            continue
        path = page.parent / target if target else page
        assert path.exists(), f"{page.name} links to {target}, which does not exist"
        assert not heading or heading in _headings(path), (
            f"{page.name} links to {target}#{heading}, which does not exist"
        )


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_included_snippets_exist(page: Path) -> None:
    for name, section in INCLUDE.findall(page.read_text()):
        path = DOCS / "snippets" / name
        assert path.is_file(), f"{page.name} includes {name}, which does not exist"
        assert not section or f"[start:{section}]" in path.read_text(), f"{page.name}: no section {section} in {name}"


def test_every_snippet_is_shown_on_a_page() -> None:
    shown = {name for page in PAGES for name, _ in INCLUDE.findall(page.read_text())}
    files = {p.name for p in (DOCS / "snippets").iterdir() if p.suffix in (".py", ".txt")}
    assert files <= shown, f"shown nowhere: {sorted(files - shown)}"


def test_the_readme_shows_the_first_snippet() -> None:
    code = (DOCS / "snippets" / "first.py").read_text().split("[start:code]\n")[1].split("# --8<-- [end:code]")[0]
    assert f"```python\n{code}```" in (ROOT / "README.md").read_text(), "README.md differs from docs/snippets/first.py"


def test_the_benchmark_page_names_every_recipe_preset_and_option() -> None:
    page = (DOCS / "benchmarks.md").read_text()
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    options = [o for c in group.commands.values() for p in c.params for o in p.opts if o.startswith("--")]
    presets = {name for recipe in RECIPES.values() for name in recipe.presets}
    for word in [*RECIPES, *presets, *options, *METHODS, "kernels"]:
        assert f"`{word}`" in page, f"docs/benchmarks.md does not mention {word}"


@pytest.mark.parametrize("name", ["README.md", "docs/benchmarks.md"])
def test_pages_keep_the_place_of_the_results(name: str) -> None:
    text = (ROOT / name).read_text()
    assert text.index("<!-- results:begin -->") < text.index("<!-- results:end -->")


def _headings(page: Path) -> set[str]:
    lines = [line.lstrip("#").strip() for line in CODE.sub("", page.read_text()).splitlines() if line.startswith("#")]
    return {re.sub(r"\s+", "-", re.sub(r"[^\w\s-]", "", line.lower())) for line in lines}
