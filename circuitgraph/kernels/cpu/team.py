"""Run one loop on several threads: torch's own OpenMP threads where they can be reached, else Python's."""

import ctypes
from array import array
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from pathlib import Path

import torch

from circuitgraph.kernels.cpu.tasks import Loop, shares

_CALL = ctypes.CFUNCTYPE(None, ctypes.c_ssize_t)


def run(loop: Loop, tasks: int, *, seats: int = 0, **parameters: int) -> None:
    """Give `tasks` tasks of a loop to as many threads as torch uses; parameters are numbers and addresses.

    Where `seats` is said, there are no more threads than that: so many have room of their own.  A second pool of
    threads would compete with torch's for the cores, so its own is used: starting takes 3 us.
    """
    if not tasks:
        return
    assert len(parameters) == len(loop.names), f"expected {loop.names}, got {tuple(parameters)}"
    threads = min(tasks, torch.get_num_threads(), seats or tasks)
    fork, number = _fork()
    packed = array("q", [0, tasks, *map(parameters.__getitem__, loop.names)])
    size = len(packed)
    packed += _shares(threads, number)
    address, _ = packed.buffer_info()
    packed[0] = address + 8 * size
    if threads == 1:
        _CALL(loop.address)(address)
    else:
        fork(loop.address, address, threads)


_shares = lru_cache(shares)


@lru_cache(maxsize=1)
def _fork() -> tuple[Callable[[int, int, int], None], int]:
    """Find what runs a C function on threads, and the address of what says which of them asks, 0 where nothing does."""
    for name in [*sorted(map(str, (Path(torch.__file__).parent / "lib").glob("libgomp*"))), "libgomp.so.1"]:
        try:
            library = ctypes.CDLL(name)
            parallel, number = library.GOMP_parallel, library.omp_get_thread_num
        except (OSError, AttributeError):
            continue
        parallel.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
        parallel.restype = None
        return partial(_torch_threads, parallel), ctypes.cast(number, ctypes.c_void_p).value or 0
    return _python_threads, 0


def _torch_threads(parallel: Callable[..., None], address: int, packed: int, threads: int) -> None:
    parallel(address, packed, threads, 0)


def _python_threads(address: int, packed: int, threads: int) -> None:
    call = _CALL(address)  # releases the interpreter's lock
    list(_pool(threads).map(call, [packed] * threads))


@lru_cache(maxsize=1)
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="circuitgraph")
