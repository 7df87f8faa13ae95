"""Time several ways to do the same work, interleaved in one process."""

import time
from collections.abc import Callable, Mapping

import torch


def interleave(
    work: Mapping[str, Callable[[], object]], *, rounds: int, seconds: float, device: str = "cpu"
) -> dict[str, list[float]]:
    """Call everything once untimed, then in turns, and give the milliseconds of each call.

    What is slow drops out of the turns when it has used up its `seconds`, after two turns at the earliest: medians of
    the others then rest on more calls.  Each turn starts one place further along, so that none always follows another.

    Example:
        >>> times = interleave({"a": lambda: None, "b": lambda: None}, rounds=3, seconds=1.0)
        >>> {name: len(ms) for name, ms in times.items()}
        {'a': 3, 'b': 3}
    """
    for call in work.values():
        call()
    wait(device)
    times: dict[str, list[float]] = {name: [] for name in work}
    for turn in range(rounds):
        going = [name for name, ms in times.items() if len(ms) < 2 or sum(ms) < 1000 * seconds]
        for name in going[turn % max(1, len(going)) :] + going[: turn % max(1, len(going))]:
            start = time.perf_counter()
            work[name]()
            wait(device)
            times[name].append(1000 * (time.perf_counter() - start))
    return times


def wait(device: str) -> None:
    """Wait until an accelerator has done what it was given; processors never lag behind."""
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
