"""The command line: `python -m circuitgraph.bench [RECIPE] [OPTIONS]`, or `... kernels`, `communities`, `table`."""

import json
import warnings
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from rich.console import Console
from typer.core import TyperGroup

from circuitgraph import io
from circuitgraph.bench import pictures, report
from circuitgraph.bench.commands.communities import bench_communities
from circuitgraph.bench.commands.kernels import bench_kernels
from circuitgraph.bench.commands.options import (
    checked,
    command_line,
    counts_of,
    device_of,
    fail,
    pick,
    rates_of,
    seeds_of,
)
from circuitgraph.bench.commands.table import bench_table
from circuitgraph.bench.recipes import RECIPES
from circuitgraph.bench.run import Outcome, activity_type, result_line, run_seed
from circuitgraph.bench.settings import Preset, Recipe, Settings
from circuitgraph.bench.wiring import check
from circuitgraph.data import DataFallbackWarning, ImageSet, load_images
from circuitgraph.errors import CircuitGraphError
from circuitgraph.kernels import tune_allocator

KINDS = ("hebbian", "random", "backprop")


class _RecipeUnlessNamed(TyperGroup):
    """Take what is no command's name for a recipe's."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, args if args and args[0] in self.commands else ["run", *args])


app = typer.Typer(cls=_RecipeUnlessNamed, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
app.command("kernels")(bench_kernels)
app.command("communities")(bench_communities)
app.command("table")(bench_table)


@app.command("run")
def bench(
    recipe: Annotated[str | None, typer.Argument(help="which recipe to run; without it, list them")] = None,
    preset: Annotated[str | None, typer.Option(help="which preset of the recipe")] = None,
    train_by: Annotated[
        str | None, typer.Option(help="train the preset's circuit otherwise: hebbian, random (not at all), backprop")
    ] = None,
    seeds: Annotated[str, typer.Option(help="how many seeds, or which: '3' or '0,5,7'")] = "1",
    quick: Annotated[
        bool, typer.Option("--quick", help="a narrower network and fewer images, for a first look")
    ] = False,
    depth: Annotated[int | None, typer.Option(help="layers, where the preset lets choose")] = None,
    widths: Annotated[str | None, typer.Option(help="units of each layer, '96,384,1536'")] = None,
    whiten: Annotated[int | None, typer.Option(help="size of the local whitening kernel, odd; 0 is none")] = None,
    whiten_eps: Annotated[float | None, typer.Option(help="smallest variance that whitening amplifies fully")] = None,
    training: Annotated[
        str | None, typer.Option(help="layers learn at once ('all'), or one after the other ('layers')")
    ] = None,
    layer_passes: Annotated[
        str | None, typer.Option(help="passes of each layer when they learn one after the other, '1,1,4'")
    ] = None,
    readout_from: Annotated[str | None, typer.Option(help="layers that the read-out hears: 'last' or 'all'")] = None,
    standardize: Annotated[
        bool | None, typer.Option(help="give the read-out's features one scale, that of training images")
    ] = None,
    flips: Annotated[bool | None, typer.Option(help="features are the mean over an image and its mirror image")] = None,
    shifts: Annotated[
        int | None, typer.Option(help="features are the mean over an image moved by up to so many pixels")
    ] = None,
    probe: Annotated[bool | None, typer.Option(help="fit a linear read-out after every layer, for comparison")] = None,
    epochs: Annotated[int | None, typer.Option(help="epochs of the part that is trained by gradient")] = None,
    batch_size: Annotated[int | None, typer.Option(help="batch size of that part")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="learning rate of that part")] = None,
    weight_decay: Annotated[float | None, typer.Option(help="weight decay of that part")] = None,
    hebbian_lr: Annotated[
        str | None, typer.Option(help="Hebbian learning rate: one for all layers, or one each, '0.08,0.005,0.01'")
    ] = None,
    hebbian_batch_size: Annotated[int | None, typer.Option(help="batch size of the unsupervised pass")] = None,
    hebbian_passes: Annotated[int | None, typer.Option(help="passes over the images without labels")] = None,
    hebbian_decay: Annotated[bool | None, typer.Option(help="Hebbian rates fall linearly to zero over them")] = None,
    cutoff: Annotated[
        float | None, typer.Option(help="last layer: units with a smaller share of the win do not learn")
    ] = None,
    normalize: Annotated[str | None, typer.Option(help="'layer' (as published) or 'neuron' (purely local)")] = None,
    precision: Annotated[str | None, typer.Option(help="type of activity: auto, bf16 or fp32")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ...")] = "auto",
    data_dir: Annotated[Path | None, typer.Option(help="folder with the publishers' files")] = None,
    strict_data: Annotated[
        bool, typer.Option("--strict-data", help="fail where the data set is missing, instead of running on another")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="folder for results, pictures and the circuit (default: runs/RECIPE-PRESET)")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="print one JSON line per seed and nothing else on standard output")
    ] = False,
) -> None:
    """Train a circuit on real data and measure it."""
    console = Console(stderr=as_json)
    if recipe is None:
        _list(console)
        return
    try:
        changes = {
            "depth": depth,
            "widths": counts_of(widths, "--widths"),
            "whiten": whiten,
            "whiten_eps": whiten_eps,
            "training": training,
            "layer_passes": counts_of(layer_passes, "--layer-passes"),
            "readout_from": readout_from,
            "standardize": standardize,
            "flips": flips,
            "shifts": shifts,
            "probe": probe,
            "epochs": epochs,
            "batch_size": batch_size,
            "learning_rate": learning_rate,
            "weight_decay": weight_decay,
            "hebbian_lr": rates_of(hebbian_lr),
            "hebbian_batch_size": hebbian_batch_size,
            "hebbian_passes": hebbian_passes,
            "hebbian_decay": hebbian_decay,
            "cutoff": cutoff,
            "normalize": normalize,
            "precision": precision,
        }
        chosen = pick(RECIPES, recipe, "recipe")
        name = preset or next(iter(chosen.presets))
        which = _trained_by(_preset(chosen, name), train_by)
        settings = checked(which.quick if quick and which.quick is not None else which.settings, changes)
        where, numbers = device_of(device), seeds_of(seeds)
        which.build(chosen.shape, chosen.n_classes, settings, numbers[0])
        data = _load(chosen, data_dir, strict_data).to(where)
        check(which, settings, data, numbers[0])
        words = [recipe, name, *([train_by] if train_by else []), *(["quick"] if quick else [])]
        folder = out or Path("runs") / "-".join(words)
        folder.mkdir(parents=True, exist_ok=True)
    except (CircuitGraphError, ValueError, OSError) as error:
        fail(str(error))
    report.announce(console, data)
    _Runs(console, which, name, settings, data, folder, as_json).run(numbers)


@dataclass(frozen=True)
class _Runs:
    """One preset, seed after seed."""

    console: Console
    preset: Preset
    name: str
    settings: Settings
    data: ImageSet
    folder: Path
    as_json: bool

    def run(self, seeds: list[int]) -> None:
        """Train, measure and write down; with Ctrl-C what was reached stays."""
        outcomes: list[Outcome] = []
        lines: list[dict[str, Any]] = []
        live, stopped = report.Live(self.console), False
        with live.progress:
            for seed in seeds:
                try:
                    outcome = run_seed(self.preset, self.settings, self.data, seed, partial(live.phase, seed))
                except KeyboardInterrupt:
                    stopped = True
                    break
                except CircuitGraphError as error:
                    live.progress.stop()
                    fail(str(error), code=1 if live.progress.tasks else 2)
                outcomes.append(outcome)
                lines.append(self._written(outcome))
        if outcomes:
            self._finish(outcomes, lines)
        if stopped:
            reached = f"stopped: {len(outcomes)} of {len(seeds)} seeds finished"
            self.console.print(reached + ("" if outcomes else "; nothing was written"))
            raise typer.Exit(130)

    def _written(self, outcome: Outcome) -> dict[str, Any]:
        where = self.data.images.device
        kind = activity_type(self.settings, where)
        line = result_line(outcome, self.data, self.name, self.preset, self.settings, kind)
        line |= report.environment(where) | {"command": command_line()}
        with (self.folder / "results.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")
        if self.as_json:
            print(json.dumps(line), flush=True)
        return line

    def _finish(self, outcomes: list[Outcome], lines: list[dict[str, Any]]) -> None:
        report.summary(self.console, lines)
        io.save(outcomes[0].circuit, self.folder / "circuit.safetensors")
        title = f"{lines[0]['dataset']}, preset {lines[0]['preset']}"
        drawn = pictures.draw(outcomes, title, self.folder, self.data.images[:128])
        names = ", ".join(p.name for p in drawn)
        self.console.print(f"in {self.folder}: results.jsonl, circuit.safetensors, {names}")


def _list(console: Console) -> None:
    for name, recipe in RECIPES.items():
        console.print(f"[bold]{name}[/bold]: {recipe.about}", highlight=False)
        for i, (key, preset) in enumerate(recipe.presets.items()):
            goal = preset.goal
            numbers = [f"{what} {n:g} %" for what, n in (("published", goal.published), ("here", goal.expected)) if n]
            more = [*(["default"] if i == 0 else []), *numbers]
            console.print(f"    {key:<14}{preset.about}" + (f" ({', '.join(more)})" if more else ""), highlight=False)
    console.print("Run one: python -m circuitgraph.bench RECIPE --preset NAME --quick --seeds 3", highlight=False)
    console.print("Compare results: python -m circuitgraph.bench table", highlight=False)
    console.print("Compare engines: python -m circuitgraph.bench kernels --quick", highlight=False)
    console.print("Prune graphs: python -m circuitgraph.bench communities --quick", highlight=False)
    console.print(
        "All options: python -m circuitgraph.bench [kernels|communities|table] --help", markup=False, highlight=False
    )


def _preset(recipe: Recipe, name: str) -> Preset:
    """Look up a preset; ValueError that says where it fits, if it exists for other data."""
    fits = [r.dataset for r in RECIPES.values() if name in r.presets]
    if fits and name not in recipe.presets:
        known = ", ".join(recipe.presets)
        raise ValueError(
            f"preset {name!r}: does not fit {recipe.dataset} (got {name!r}, expected one of {known}); "
            f"it runs on {', '.join(fits)}"
        )
    found: Preset = pick(recipe.presets, name, "preset")
    return found


def _trained_by(preset: Preset, kind: str | None) -> Preset:
    if kind is None:
        return preset
    if kind not in KINDS:
        raise ValueError(f"--train-by: unknown (got {kind!r}, expected one of {', '.join(KINDS)})")
    if preset.run is not None:
        raise ValueError(f"--train-by: the preset trains in a way of its own (got {kind!r}); leave it out")
    return preset if kind == preset.kind else preset.trained_by(kind)  # type: ignore[arg-type]


def _load(recipe: Recipe, data_dir: Path | None, strict: bool) -> ImageSet:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataFallbackWarning)
        return load_images(recipe.dataset, data_dir=data_dir, strict=strict)


def main() -> None:
    """Run the command line, with the process tuned for it: not done on import, nor where tests call the command."""
    # Before the first parallel operation: worker threads inherit the flag from the thread that starts them.
    torch.set_flush_denormal(True)
    tune_allocator()
    app()


if __name__ == "__main__":
    main()
