"""Time several ways to do the same work, interleaved in one process."""

import time
from collections.abc import Callable, Mapping

import torch


def interleave(
    work: Mapping[str, Callable[[], object]],
    *,
    rounds: int,
    seconds: float,
    device: str = "cpu",
    turn_seconds: float = 0.0,
) -> dict[str, list[float]]:
    """Call everything once untimed, then in turns, and give the milliseconds of a call in each turn.

    A turn is one call; with `turn_seconds`, as many as fill them, one at least, and an untimed one before them: each
    then finds the caches as in a loop, not as what another way left them.  What is slow drops out when it has used up
    its `seconds`, after two turns at the earliest: medians of the others then rest on more turns.  Each turn starts one
    place further along, so that none always follows another.  With `turn_seconds`, what takes more than `seconds` is
    timed once.

    Example:
        >>> times = interleave({"a": lambda: None, "b": lambda: None}, rounds=3, seconds=1.0)
        >>> {name: len(ms) for name, ms in times.items()}
        {'a': 3, 'b': 3}
    """
    for call in work.values():
        call()
    wait(device)
    first = {name: _time(call, 1, device) if turn_seconds else 0.0 for name, call in work.items()}
    calls = {name: max(1, round(turn_seconds / max(took, 1e-6))) for name, took in first.items()}
    # One call that takes longer than all that there is time for is enough to say so.
    times = {name: [1000 * took] if took > seconds else [] for name, took in first.items()}
    spent = {name: took if took > seconds else 0.0 for name, took in first.items()}
    for turn in range(rounds):
        going = [
            name for name, ms in times.items() if spent[name] < seconds or (len(ms) < 2 and first[name] <= seconds)
        ]
        for name in going[turn % max(1, len(going)) :] + going[: turn % max(1, len(going))]:
            warming = _time(work[name], 1, device) if turn_seconds else 0.0
            took = _time(work[name], calls[name], device)
            spent[name] += warming + took
            times[name].append(1000 * took / calls[name])
    return times


def _time(call: Callable[[], object], times: int, device: str) -> float:
    start = time.perf_counter()
    for _ in range(times):
        call()
    wait(device)
    return time.perf_counter() - start


def wait(device: str) -> None:
    """Wait until an accelerator has done what it was given; processors never lag behind."""
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
