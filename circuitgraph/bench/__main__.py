"""The command line: `python -m circuitgraph.bench [RECIPE] [OPTIONS]`, `... kernels`, or `... communities`."""

import json
import shlex
import sys
import warnings
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import torch
import typer
from pydantic import BaseModel, ValidationError
from rich.console import Console
from typer.core import TyperGroup

from circuitgraph import io
from circuitgraph.bench import community_report, community_tasks, kernel_report, kernels, pictures, report
from circuitgraph.bench.recipes import RECIPES
from circuitgraph.bench.run import Outcome, activity_type, result_line, run_seed
from circuitgraph.bench.settings import Preset, Recipe, Settings
from circuitgraph.compiler.network import find_device
from circuitgraph.data import DataFallbackWarning, ImageSet, load_images
from circuitgraph.errors import CircuitGraphError
from circuitgraph.kernels import tune_allocator

S = TypeVar("S", bound=BaseModel)


class _RecipeUnlessNamed(TyperGroup):
    """Take what is no command's name for a recipe's."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, args if args and args[0] in self.commands else ["run", *args])


app = typer.Typer(cls=_RecipeUnlessNamed, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command("run")
def bench(
    recipe: Annotated[str | None, typer.Argument(help="which recipe to run; without it, list them")] = None,
    preset: Annotated[str | None, typer.Option(help="which preset of the recipe")] = None,
    seeds: Annotated[str, typer.Option(help="how many seeds, or which: '3' or '0,5,7'")] = "1",
    quick: Annotated[
        bool, typer.Option("--quick", help="a narrower network and fewer images, for a first look")
    ] = False,
    epochs: Annotated[int | None, typer.Option(help="epochs of the part that is trained by gradient")] = None,
    batch_size: Annotated[int | None, typer.Option(help="batch size of that part")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="learning rate of that part")] = None,
    weight_decay: Annotated[float | None, typer.Option(help="weight decay of that part")] = None,
    hebbian_lr: Annotated[
        str | None, typer.Option(help="Hebbian learning rate: one for all layers, or one each, '0.08,0.005,0.01'")
    ] = None,
    hebbian_batch_size: Annotated[int | None, typer.Option(help="batch size of the unsupervised pass")] = None,
    hebbian_passes: Annotated[int | None, typer.Option(help="passes over the images without labels")] = None,
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
        chosen = _pick(RECIPES, recipe, "recipe")
        name = preset or next(iter(chosen.presets))
        which = _pick(chosen.presets, name, "preset")
        changes = {
            "epochs": epochs,
            "batch_size": batch_size,
            "learning_rate": learning_rate,
            "weight_decay": weight_decay,
            "hebbian_lr": _rates(hebbian_lr),
            "hebbian_batch_size": hebbian_batch_size,
            "hebbian_passes": hebbian_passes,
            "cutoff": cutoff,
            "normalize": normalize,
            "precision": precision,
        }
        settings = _settings(which, quick, changes)
        where = find_device(("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device)
        numbers = _seeds(seeds)
        which.build((3, 32, 32), 10, settings.model_copy(update={"widths": (2,) * len(settings.widths)}), 0)
        data = _load(chosen, data_dir, strict_data).to(where)
        folder = out or Path("runs") / f"{recipe}-{name}{'-quick' if quick else ''}"
        folder.mkdir(parents=True, exist_ok=True)
    except (CircuitGraphError, ValueError, OSError) as error:
        _fail(str(error))
    report.announce(console, data)
    _run(console, which, name, settings, data, numbers, folder, as_json)


@app.command("kernels")
def bench_kernels(
    densities: Annotated[str | None, typer.Option(help="shares of all pairs that are connected, '0.5,0.1'")] = None,
    sizes: Annotated[str | None, typer.Option(help="neurons on either side, '1024,4096'")] = None,
    batches: Annotated[str | None, typer.Option(help="samples at a time, '128' or '1,16,128'")] = None,
    precision: Annotated[str | None, typer.Option(help="types of activity: 'fp32,bf16', or one of them")] = None,
    rounds: Annotated[int | None, typer.Option(help="calls that each median is taken of, at most")] = None,
    seconds: Annotated[float | None, typer.Option(help="about how long to measure, without making wiring")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="tiny sizes, to see that it works")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ...")] = "auto",
    out: Annotated[Path, typer.Option(help="folder for results and the picture")] = Path("runs/kernels"),
    write_costs: Annotated[
        bool, typer.Option("--write-costs", help="make these the measurements that compile chooses kernels by")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="print one JSON line per measurement and nothing else on standard output")
    ] = False,
) -> None:
    """Compare the engines behind the kernel contract with dense products, over density and size."""
    console = Console(stderr=as_json)
    texts = {"densities": densities, "sizes": sizes, "batches": batches, "precision": precision}
    given = {k: tuple(v.split(",")) for k, v in texts.items() if v is not None} | {"rounds": rounds, "seconds": seconds}
    try:
        settings = _checked(kernels.KernelSettings, kernels.QUICK if quick else kernels.KernelSettings(), given)
        where = find_device(("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device)
        out.mkdir(parents=True, exist_ok=True)
    except (CircuitGraphError, ValueError, OSError) as error:
        _fail(str(error))
    lines, stopped = _measure_kernels(console, settings, where)
    if write_costs and not stopped:
        kernels.write_table(lines, where)
    kernels.add_choices(lines)
    written = "".join(json.dumps(line) + "\n" for line in lines)
    (out / "kernels.jsonl").write_text(written)
    if as_json:
        print(written, end="", flush=True)
    if lines:
        kernel_report.tables(console, lines)
        kernel_report.draw(lines, out / "kernels.png")
        console.print("\n".join(kernel_report.choices(lines)), highlight=False, soft_wrap=True)
        console.print(f"{lines[0]['processor']}; in {out}: kernels.jsonl, kernels.png", highlight=False, soft_wrap=True)
    if stopped:
        console.print(f"stopped: {len(lines)} measurements" + (", table not written" if write_costs else ""))
        raise typer.Exit(130)


@app.command("communities")
def bench_communities(
    graphs: Annotated[str | None, typer.Option(help="which graphs: 'blocks,lfr,attached,hidden'")] = None,
    seeds: Annotated[str, typer.Option(help="how many seeds, or which: '3' or '0,5,7'")] = "3",
    quick: Annotated[bool, typer.Option("--quick", help="two kinds of graphs, a short training")] = False,
    out: Annotated[Path, typer.Option(help="folder for results and the picture")] = Path("runs/communities"),
    as_json: Annotated[
        bool, typer.Option("--json", help="print one JSON line per result and nothing else on standard output")
    ] = False,
) -> None:
    """Prune edges between weakly interacting nodes of a graph network, against communities, chance and the truth."""
    console = Console(stderr=as_json)
    base = community_tasks.QUICK if quick else community_tasks.CommunitySettings()
    try:
        changes = {"graphs": None if graphs is None else tuple(graphs.split(","))}
        settings, numbers = _checked(community_tasks.CommunitySettings, base, changes), _seeds(seeds)
        out.mkdir(parents=True, exist_ok=True)
    except (CircuitGraphError, ValueError, OSError) as error:
        _fail(str(error))
    try:
        stopped = community_report.run(console, settings, numbers, out, as_json, _command())
    except CircuitGraphError as error:
        _fail(str(error), code=1)
    if stopped:
        console.print("stopped: not all seeds and methods finished")
        raise typer.Exit(130)


def _measure_kernels(
    console: Console, settings: kernels.KernelSettings, where: torch.device
) -> tuple[list[kernels.Line], bool]:
    """Measure with a line of progress; tell whether Ctrl-C ended it."""
    lines: list[kernels.Line] = []
    with report.Live(console).progress as progress:
        task = progress.add_task("kernels", total=len(settings.points), metrics="")
        try:
            for i, (point, found) in enumerate(kernels.measure(settings, where), 1):
                lines += found
                progress.update(task, completed=i, metrics=f"{point.n} neurons, {100 * point.density:g} %")
        except KeyboardInterrupt:
            return lines, True
    return lines, False


def _run(
    console: Console,
    preset: Preset,
    name: str,
    settings: Settings,
    data: ImageSet,
    seeds: list[int],
    folder: Path,
    as_json: bool,
) -> None:
    outcomes: list[Outcome] = []
    lines: list[dict[str, Any]] = []
    live, stopped = report.Live(console), False
    common = report.environment(data.images.device) | {"command": _command()}
    with live.progress:
        for seed in seeds:
            try:
                outcome = run_seed(preset, settings, data, seed, partial(live.phase, seed))
            except KeyboardInterrupt:
                stopped = True
                break
            except CircuitGraphError as error:
                live.progress.stop()
                _fail(str(error), code=1)
            line = result_line(outcome, data, name, settings, activity_type(settings, data.images.device)) | common
            outcomes.append(outcome)
            lines.append(line)
            with (folder / "results.jsonl").open("a") as file:
                file.write(json.dumps(line) + "\n")
            if as_json:
                print(json.dumps(line), flush=True)
    if outcomes:
        _finish(console, outcomes, lines, folder)
    if stopped:
        console.print(
            f"stopped: {len(outcomes)} of {len(seeds)} seeds finished" + ("" if outcomes else "; nothing was written")
        )
        raise typer.Exit(130)


def _finish(console: Console, outcomes: list[Outcome], lines: list[dict[str, Any]], folder: Path) -> None:
    report.summary(console, lines)
    io.save(outcomes[0].circuit, folder / "circuit.safetensors")
    title = f"{lines[0]['dataset']}, preset {lines[0]['preset']}"
    drawn = pictures.draw(outcomes, title, folder)
    console.print(f"in {folder}: results.jsonl, circuit.safetensors, {', '.join(p.name for p in drawn)}")


def _list(console: Console) -> None:
    for name, recipe in RECIPES.items():
        console.print(f"[bold]{name}[/bold]: {recipe.about}", highlight=False)
        for i, (key, preset) in enumerate(recipe.presets.items()):
            console.print(f"    {key:<10}{preset.about}{' (default)' if i == 0 else ''}", highlight=False)
    console.print("Run one: python -m circuitgraph.bench RECIPE --preset NAME --quick --seeds 3", highlight=False)
    console.print("Compare engines: python -m circuitgraph.bench kernels --quick", highlight=False)
    console.print("Prune graphs: python -m circuitgraph.bench communities --quick", highlight=False)
    console.print(
        "All options: python -m circuitgraph.bench [kernels|communities] --help", markup=False, highlight=False
    )


def _pick(known: dict[str, Any], name: str, what: str) -> Any:
    if name not in known:
        raise ValueError(f"{what} {name!r}: unknown (expected one of {', '.join(known)})")
    return known[name]


def _settings(preset: Preset, quick: bool, changes: dict[str, Any]) -> Settings:
    return _checked(
        type(preset.settings), preset.quick if quick and preset.quick is not None else preset.settings, changes
    )


def _checked(kind: type[S], base: S, changes: Mapping[str, Any]) -> S:
    """Change settings, or raise ValueError that names the option."""
    given = {k: v for k, v in changes.items() if v is not None}
    try:
        return kind(**(base.model_dump() | given))
    except ValidationError as error:
        first = error.errors()[0]
        option = "--" + str(first["loc"][0]).replace("_", "-")
        raise ValueError(f"{option}: {first['msg'][:1].lower()}{first['msg'][1:]} (got {first['input']!r})") from error


def _load(recipe: Recipe, data_dir: Path | None, strict: bool) -> ImageSet:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataFallbackWarning)
        return load_images(recipe.dataset, data_dir=data_dir, strict=strict)


def _seeds(text: str) -> list[int]:
    try:
        numbers = [int(n) for n in text.split(",")]
    except ValueError:
        numbers = []
    if not numbers or min(numbers) < 0 or (len(numbers) == 1 and "," not in text and numbers[0] < 1):
        raise ValueError(f"--seeds: not seeds (got {text!r}, expected a count such as 3, or a list such as 0,5,7)")
    return list(range(numbers[0])) if "," not in text else numbers


def _rates(text: str | None) -> tuple[float, ...] | None:
    if text is None:
        return None
    try:
        return tuple(float(n) for n in text.split(","))
    except ValueError as error:
        raise ValueError(f"--hebbian-lr: not a rate (got {text!r}, expected e.g. 0.01 or 0.08,0.005,0.01)") from error


def _command() -> str:
    """Repeat the command line without the folders of this machine."""
    words, skip = ["python", "-m", "circuitgraph.bench"], False
    for word in sys.argv[1:]:
        if skip or word.startswith(("--data-dir=", "--out=")):
            skip = False
        elif word in ("--data-dir", "--out"):
            skip = True
        else:
            words.append(word)
    return shlex.join(words)


def _fail(message: str, code: int = 2) -> NoReturn:
    Console(stderr=True).print(f"error: {message}", style="red", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(code)


def main() -> None:
    """Run the command line, with the process tuned for it: not done on import, nor where tests call the command."""
    # Before the first parallel operation: worker threads inherit the flag from the thread that starts them.
    torch.set_flush_denormal(True)
    tune_allocator()
    app()


if __name__ == "__main__":
    main()
