"""Reading options, and one clear line where they are wrong."""

import shlex
import sys
from collections.abc import Mapping
from typing import Any, NoReturn, TypeVar

import torch
import typer
from pydantic import BaseModel, ValidationError
from rich.console import Console

from circuitgraph.compiler.network import find_device

S = TypeVar("S", bound=BaseModel)


def pick(known: Mapping[str, Any], name: str, what: str) -> Any:
    """Look up a name; ValueError that lists the known ones."""
    if name not in known:
        raise ValueError(f"{what} {name!r}: unknown (expected one of {', '.join(known)})")
    return known[name]


def checked(base: S, changes: Mapping[str, Any]) -> S:
    """Change settings where a change is given; ValueError that names the option."""
    given = {k: v for k, v in changes.items() if v is not None}
    try:
        return type(base)(**(base.model_dump() | given))
    except ValidationError as error:
        first = error.errors()[0]
        option = "--" + str(first["loc"][0]).replace("_", "-")
        raise ValueError(f"{option}: {first['msg'][:1].lower()}{first['msg'][1:]} (got {first['input']!r})") from error


def seeds_of(text: str) -> list[int]:
    """Read a count or a list of seeds, of one with a comma behind it; ValueError for anything else.

    Example:
        >>> seeds_of("3"), seeds_of("0,5"), seeds_of("7,")
        ([0, 1, 2], [0, 5], [7])
    """
    try:
        numbers = [int(n) for n in text.removesuffix(",").split(",")]
    except ValueError:
        numbers = []
    if not numbers or min(numbers) < 0 or (len(numbers) == 1 and "," not in text and numbers[0] < 1):
        raise ValueError(f"--seeds: not seeds (got {text!r}, expected a count such as 3, or a list such as 0,5,7)")
    return list(range(numbers[0])) if "," not in text else numbers


def rates_of(text: str | None) -> tuple[float, ...] | None:
    """Read Hebbian rates, one for all layers or one each; ValueError for what are no numbers."""
    if text is None:
        return None
    try:
        return tuple(float(n) for n in text.split(","))
    except ValueError as error:
        raise ValueError(f"--hebbian-lr: not a rate (got {text!r}, expected e.g. 0.01 or 0.08,0.005,0.01)") from error


def counts_of(text: str | None, option: str) -> tuple[int, ...] | None:
    """Read counts, one each layer; ValueError for what are no positive integers.

    Example:
        >>> counts_of("96,384", "--widths")
        (96, 384)
    """
    if text is None:
        return None
    parts = text.split(",")
    if not all(n.strip().isdecimal() and int(n) for n in parts):
        raise ValueError(f"{option}: not counts (got {text!r}, expected positive integers such as 1,1,4)")
    return tuple(int(n) for n in parts)


def device_of(name: str) -> torch.device:
    """Find a device; "auto" is CUDA where there is one."""
    return find_device(("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name)


def command_line() -> str:
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


def fail(message: str, code: int = 2) -> NoReturn:
    """Print an error on standard error, and exit."""
    Console(stderr=True).print(f"error: {message}", style="red", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(code)
