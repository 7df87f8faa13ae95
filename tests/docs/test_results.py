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


@pytest.mark.parametrize("page", ["README.md", "docs/hebbian.md"])
def test_the_comparison_of_presets_on_the_pages_is_what_the_results_give(page: str) -> None:
    table = runpy.run_path(str(ROOT / "benchmarks" / "table.py"))
    assert page in table["PRESET_PAGES"]
    rows = table["preset_table"]()
    assert len(rows) > 2, "no results are committed"
    place = (ROOT / page).read_text().split("<!-- presets:begin -->")[1].split("<!-- presets:end -->")[0]
    assert place.strip().splitlines() == rows, "run: python -m circuitgraph.bench table --write"
