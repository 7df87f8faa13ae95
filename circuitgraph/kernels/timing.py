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

    A turn is one call, or as many as fill `turn_seconds` and an untimed one before them: each then finds the caches as
    in a loop, not as what another way left them.  What is slow drops out when it has used up its `seconds`,
    after two turns at the earliest: medians of the others then rest on more turns.  Each turn starts one place further
    along, so that none always follows another.

    Example:
        >>> times = interleave({"a": lambda: None, "b": lambda: None}, rounds=3, seconds=1.0)
        >>> {name: len(ms) for name, ms in times.items()}
        {'a': 3, 'b': 3}
    """
    for call in work.values():
        call()
    wait(device)
    calls = {name: _calls(call, turn_seconds, device) for name, call in work.items()}
    times: dict[str, list[float]] = {name: [] for name in work}
    spent = dict.fromkeys(work, 0.0)
    for turn in range(rounds):
        going = [name for name, ms in times.items() if len(ms) < 2 or spent[name] < seconds]
        for name in going[turn % max(1, len(going)) :] + going[: turn % max(1, len(going))]:
            if calls[name] > 1:
                _time(work[name], 1, device)
            took = _time(work[name], calls[name], device)
            spent[name] += took
            times[name].append(1000 * took / calls[name])
    return times


def _calls(call: Callable[[], object], seconds: float, device: str) -> int:
    """Say how many calls fill a turn."""
    return max(1, round(seconds / max(_time(call, 1, device), 1e-6))) if seconds else 1


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
