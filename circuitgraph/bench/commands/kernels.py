"""`python -m circuitgraph.bench kernels`."""

import json
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console

from circuitgraph.bench import kernel_report, kernels, report
from circuitgraph.bench.commands.options import checked, device_of, fail
from circuitgraph.errors import CircuitGraphError


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
        settings = checked(kernels.QUICK if quick else kernels.KernelSettings(), given)
        where = device_of(device)
        out.mkdir(parents=True, exist_ok=True)
    except (CircuitGraphError, ValueError, OSError) as error:
        fail(str(error))
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
