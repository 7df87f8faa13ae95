"""Run one loop on several threads: torch's own OpenMP threads where they can be reached, else Python's."""

import ctypes
from array import array
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

import torch

from circuitgraph.kernels.cpu.tasks import Loop

_CALL = ctypes.CFUNCTYPE(None, ctypes.c_ssize_t)


def run(loop: Loop, tasks: int, *, seats: int = 0, **parameters: int) -> None:
    """Give `tasks` tasks of a loop to as many threads as torch uses; parameters are numbers and addresses.

    Where `seats` is said, there are no more threads than that: so many have room of their own.  A second pool of
    threads would compete with torch's for the cores, so its own is used: starting takes 3 us.
    """
    if not tasks:
        return
    assert len(parameters) == len(loop.names), f"expected {loop.names}, got {tuple(parameters)}"
    packed = array("q", [0, tasks, *map(parameters.__getitem__, loop.names)])
    address, _ = packed.buffer_info()
    threads = min(tasks, torch.get_num_threads(), seats or tasks)
    if threads == 1:
        _CALL(loop.address)(address)
    else:
        _fork()(loop.address, address, threads)


@lru_cache(maxsize=1)
def _fork() -> Callable[[int, int, int], None]:
    for name in [*sorted(map(str, (Path(torch.__file__).parent / "lib").glob("libgomp*"))), "libgomp.so.1"]:
        try:
            parallel = ctypes.CDLL(name).GOMP_parallel
        except (OSError, AttributeError):
            continue
        parallel.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
        parallel.restype = None
        return lambda address, packed, threads: parallel(address, packed, threads, 0)
    return _python_threads


def _python_threads(address: int, packed: int, threads: int) -> None:
    call = _CALL(address)  # releases the interpreter's lock
    list(_pool(threads).map(call, [packed] * threads))


@lru_cache(maxsize=1)
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="circuitgraph")
