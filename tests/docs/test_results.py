"""The tables in README and docs are those of the results that are committed."""

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("page", ["README.md", "docs/benchmarks.md"])
def test_the_tables_on_the_pages_are_what_the_results_give(page: str) -> None:
    table = runpy.run_path(str(ROOT / "benchmarks" / "table.py"))
    text = (ROOT / page).read_text()
    rows = [row for make in table["PAGES"][page] for row in make()]
    assert rows, "no results are committed"
    for row in rows:
        assert row in text, "run: python benchmarks/table.py --write"
