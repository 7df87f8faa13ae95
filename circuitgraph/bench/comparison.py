"""Presets compared: what was published, what our runs gave, and what they cost."""

import json
import shlex
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from circuitgraph.bench.recipes import RECIPES
from circuitgraph.bench.settings import Preset
from circuitgraph.errors import FileError

Line = dict[str, Any]

PLAIN = {"--preset", "--train-by", "--seeds", "--json", "--device", "--strict-data", "--probe", "--no-probe"}
"""Options that leave a preset what it is; a run with others is a variant, and not compared."""
HEAD = ("data", "preset", "published %", "ours %", "seeds", "weights", "synapses", "seconds", "device")


@dataclass(frozen=True)
class Row:
    """All runs of one preset on one data set and one device."""

    dataset: str
    preset: str
    lines: tuple[Line, ...]

    @property
    def published(self) -> float | None:
        """Give the published test accuracy in percent, as the runs know it, else as the preset does."""
        known = next((line["published"] for line in self.lines if line.get("published") is not None), None)
        preset = _preset(self.lines[0])
        own = preset is not None and _kind(self.lines[0]) == preset.kind
        return known if known is not None or preset is None or not own else preset.goal.published

    def cells(self) -> tuple[str, ...]:
        """Write the row, in the columns of `HEAD`."""
        first, test = self.lines[0], [line["test_accuracy"] for line in self.lines]
        ours = f"{statistics.mean(test):.2f}" + (f" ± {statistics.stdev(test):.2f}" if len(test) > 1 else "")
        readout = first.get("readout_weights")
        weights = f"{first['n_slots']:,}" + (f" + {readout:,}" if readout else "")
        seconds = f"{statistics.mean(line['seconds']['total'] for line in self.lines):.0f}"
        published = "" if self.published is None else f"{self.published:g}"
        n = str(len(test))
        return (
            self.dataset,
            self.preset,
            published,
            ours,
            n,
            weights,
            f"{first['n_synapses']:,}",
            seconds,
            first["device"],
        )


def read_lines(folder: Path) -> list[Line]:
    """Read the runs of presets from the result lines in a folder; variants and other results are left out.

    Raises:
        FileError: for a folder that does not exist, or a line that is no JSON.
    """
    if not folder.is_dir():
        raise FileError(f"table: no folder of results (got {str(folder)!r}); pass --results FOLDER")
    found = []
    for path in sorted(folder.glob("*.jsonl")):
        for i, text in enumerate(path.read_text().splitlines(), 1):
            line = _line(text, f"{path.name}, line {i}") if text.strip() else None
            if line is not None and _is_plain(line):
                found.append(line)
    return found


def rows_of(lines: Sequence[Line]) -> list[Row]:
    """Gather runs by data, preset, way of training and device; of a seed that was run twice the last one counts."""
    groups: dict[tuple[str, ...], dict[int, Line]] = {}
    for line in lines:
        key = line["dataset"], label(line), line["device"].split(",")[0]  # whatever the number of threads
        groups.setdefault(key, {})[line["seed"]] = line
    rows = [Row(data, name, tuple(of.values())) for (data, name, _), of in groups.items()]
    return sorted(rows, key=_place)


def label(line: Line) -> str:
    """Name a preset, and how its circuit was trained where that is not the preset's own way."""
    preset, kind = _preset(line), _kind(line)
    own = preset is None or kind is None or kind == preset.kind
    return str(line["preset"]) if own else f"{line['preset']}, {kind}"


def markdown(rows: Sequence[Row]) -> list[str]:
    """Write the rows as lines of a markdown table."""
    if not rows:
        return []
    cells = [HEAD, ("---",) * len(HEAD), *(row.cells() for row in rows)]
    return ["| " + " | ".join(each) + " |" for each in cells]


def insert(page: Path, text: str, marker: str) -> None:
    """Replace what is between `<!-- marker:begin -->` and `<!-- marker:end -->` on a page.

    Raises:
        FileError: for a page that is not there, or has no such markers.
    """
    before, after = place_of(page, marker)
    page.write_text(f"{before}\n\n{text}\n\n{after}")


def place_of(page: Path, marker: str) -> tuple[str, str]:
    """Give what stands before and after the place between two markers, markers included; FileError without them."""
    begin, end = (f"<!-- {marker}:{side} -->" for side in ("begin", "end"))
    whole = page.read_text() if page.is_file() else ""
    before, _, rest = whole.partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise FileError(f"table: no place in {page} (expected {begin} and, behind it, {end}); add them")
    return before + begin, end + after


def _line(text: str, where: str) -> Line | None:
    try:
        line = json.loads(text)
    except json.JSONDecodeError as error:
        raise FileError(f"table: {where}: no JSON (got {text[:40]!r}); run the benchmark again") from error
    return line if isinstance(line, dict) else None


def _is_plain(line: Line) -> bool:
    """Tell whether this is a run of a preset with its own settings, on the data that it names."""
    needed = {"dataset", "requested", "preset", "seed", "test_accuracy", "n_slots", "n_synapses", "device", "command"}
    if not line.keys() >= needed or line["test_accuracy"] is None or not isinstance(line.get("seconds"), dict):
        return False
    options = {word.split("=")[0] for word in shlex.split(line["command"]) if word.startswith("--")}
    return options <= PLAIN and line["dataset"] == line["requested"]


def _preset(line: Line) -> Preset | None:
    recipe = RECIPES.get(line["dataset"])
    return recipe.presets.get(line["preset"]) if recipe else None


def _kind(line: Line) -> str | None:
    """Say how the circuit was trained; lines from before that was stored are the preset's own way."""
    preset = _preset(line)
    kind = line.get("train_by")
    return kind if kind is not None or preset is None else preset.kind


def _place(row: Row) -> tuple[int, int, str, str]:
    data, line = list(RECIPES), row.lines[0]
    presets = list(RECIPES[row.dataset].presets) if row.dataset in RECIPES else []
    at = presets.index(line["preset"]) if line["preset"] in presets else len(presets)
    return data.index(row.dataset) if row.dataset in data else len(data), at, row.preset, line["device"]
