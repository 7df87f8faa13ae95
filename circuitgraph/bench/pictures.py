"""The pictures of a run."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from circuitgraph.bench.run import Outcome
from circuitgraph.ir import Circuit
from circuitgraph.pictures import receptive_fields
from circuitgraph.topologies import Conv

INK, ACCENTS = "#444444", ("#0b6e8a", "#d1495b", "#6a994e", "#8d6a9f")


def draw(outcomes: Sequence[Outcome], title: str, folder: Path) -> list[Path]:
    """Draw accuracy over epochs, first-layer receptive fields and weight norms; returns the files that there are."""
    out = [
        _accuracy(outcomes, title, folder / "accuracy.png"),
        _fields(outcomes[0].circuit, title, folder / "receptive_fields.png"),
        _norms(outcomes, title, folder / "weight_norms.png"),
        _structure(outcomes, title, folder / "structure.png"),
    ]
    return [path for path in out if path is not None]


def _accuracy(outcomes: Sequence[Outcome], title: str, path: Path) -> Path | None:
    figure, axes = _axes(title)
    for outcome, color in zip(outcomes, ACCENTS * len(outcomes), strict=False):
        rows = [r for r in outcome.curve if "validation" in r]
        axes.plot(
            [r["epoch"] for r in rows],
            [r["validation"] for r in rows],
            "o-",
            ms=3,
            color=color,
            label=f"seed {outcome.seed}, validation",
        )
        if rows and outcome.test_accuracy is not None:
            axes.plot(
                rows[-1]["epoch"],
                outcome.test_accuracy,
                "*",
                ms=11,
                color=color,
                label=f"seed {outcome.seed}, test {outcome.test_accuracy:.2f} %",
            )
    axes.set(xlabel="epoch", ylabel="accuracy (%)")
    axes.legend(frameon=False, fontsize=8, loc="lower right")
    figure.savefig(path)
    return path


def _fields(circuit: Circuit, title: str, path: Path) -> Path | None:
    """Draw each unit's kernel, scaled to its own largest weight; colour where the input has three units."""
    convolutions = [(p, p.topology) for p in circuit.projections if isinstance(p.topology, Conv)]
    if not convolutions or len(circuit.shapes(convolutions[0][0])[0]) != 3:
        return None
    first, _ = convolutions[0]
    axes = receptive_fields(circuit, first.post, range(circuit.population(first.post).n_units))
    axes.set_title(f"{title}: {axes.get_title()}", fontsize=10, color=INK)
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.savefig(path)
    return path


def _norms(outcomes: Sequence[Outcome], title: str, path: Path) -> Path | None:
    rows = outcomes[0].norms
    if len(rows) < 2:
        return None
    figure, axes = _axes(title)
    steps = [r.get("step", 0) for r in rows]
    for name, color in zip([k for k in rows[0] if k != "step"], ACCENTS, strict=False):
        axes.plot(steps, [r[name] for r in rows], color=color, label=name)
    axes.axhline(1, color=INK, lw=0.8, ls=":", label="fixed point")
    axes.set(xlabel="unsupervised step", ylabel="mean weight norm of a unit", yscale="log")
    axes.legend(frameon=False, fontsize=8, loc="center right")
    figure.savefig(path)
    return path


def _structure(outcomes: Sequence[Outcome], title: str, path: Path) -> Path | None:
    """Draw how many slots and units each population and projection has, after each edit."""
    table = outcomes[0].structure
    if table is None or len(table) < 2:
        return None
    figure, axes = _axes(f"{title}: structure", (8.0, 4.0))
    for kind, style in (("slots", "-"), ("units", "--")):
        names = [c for c in table.columns if c.startswith(f"{kind} ") and table[c].nunique() > 1]
        for name, color in zip([kind, *names], (INK, *ACCENTS * len(names)), strict=False):
            last = f"{table[name].iloc[-1]:,.0f}"
            axes.step(table["step"], table[name], style, where="post", color=color, lw=1.2, label=f"{name}: {last}")
    axes.set(xlabel="training step", ylabel="units and slots left", yscale="log")
    figure.legend(frameon=False, fontsize=7, loc="outside right center")
    figure.savefig(path)
    return path


def _axes(title: str, size: tuple[float, float] = (6.4, 4.0)) -> tuple[Figure, Axes]:
    figure = Figure(figsize=size, dpi=150, layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title, fontsize=10, color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes
