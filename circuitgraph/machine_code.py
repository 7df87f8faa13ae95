"""Functions that numba compiles at first use, and keeps on disk for as long as no file of compiled code changes.

numba itself looks at the one file that a function stands in.  A helper from another file is compiled into the function
all the same, and files of a reproducible build all have the same time: after an update the old code could go on.
"""

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from numba import njit


def named_by_source(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a function's name, by which numba finds what it kept, depend on the sources of all compiled code."""
    function.__qualname__ += f"_{fingerprint(Path(__file__).parent)}"
    return function


def kept(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Decorate a function that is compiled and kept; options are numba's."""
    return lambda function: njit(cache=True, **options)(named_by_source(function))


@cache
def fingerprint(folder: Path) -> str:
    """Give 12 digits that change with any Python file below a folder that names numba or this module."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        source = path.read_bytes()
        if b"numba" in source or b"machine_code" in source:
            digest.update(source)
    return digest.hexdigest()[:12]
