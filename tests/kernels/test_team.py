"""Tasks of compiled loops: each is done once, and a thread keeps to its own share while it has one."""

import ctypes
from array import array
from collections.abc import Callable, Iterator

import pytest
import torch

from circuitgraph.kernels.cpu import team
from circuitgraph.kernels.cpu.tasks import count_on, loop, peek, pointer, shares, take_task

_NUMBER = ctypes.CFUNCTYPE(ctypes.c_int)


@loop("times order next")
def _note_loop() -> Callable[[int], None]:
    """Count how often a task is done, and note when."""

    def note(p: int) -> None:
        task = take_task(p)
        while task < peek(p, 1):
            count_on(peek(p, 2) + 8 * task)
            pointer("i8", peek(p, 3))[count_on(peek(p, 4))] = task
            task = take_task(p)

    return note


def _done(tasks: int) -> tuple[list[int], list[int]]:
    times, order, following = torch.zeros(3, max(1, tasks), dtype=torch.int64)
    team.run(_note_loop(), tasks, times=times.data_ptr(), order=order.data_ptr(), next=following.data_ptr())
    return times[:tasks].tolist(), order[:tasks].tolist()


@pytest.fixture(params=["torch", "python"])
def _threads_of(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "python":
        monkeypatch.setattr(team, "_fork", lambda: (team._python_threads, 0))


@pytest.fixture(params=[1, 2, 3])
def _threads(request: pytest.FixtureRequest) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("_threads_of", "_threads")
@pytest.mark.parametrize("tasks", [0, 1, 2, 3, 7, 1000])
def test_each_task_is_done_once(tasks: int) -> None:
    times, order = _done(tasks)

    assert times == [1] * tasks
    assert sorted(order) == list(range(tasks))


@pytest.mark.parametrize(
    ("asks", "expected"), [(0, [0, 1, 2, 3, 4, 5, 6]), (1, [2, 3, 4, 5, 6, 0, 1]), (2, [4, 5, 6, 0, 1, 2, 3])]
)
def test_a_thread_begins_with_its_share_and_then_helps_the_next(asks: int, expected: list[int]) -> None:
    # One thread alone is told to be that of a number, and the others never come.
    code, number = _note_loop(), _NUMBER(lambda: asks)
    times, order, following = torch.zeros(3, 7, dtype=torch.int64)
    mine = shares(3, ctypes.cast(number, ctypes.c_void_p).value or 0)
    packed = array("q", [mine.buffer_info()[0], 7, times.data_ptr(), order.data_ptr(), following.data_ptr()])

    ctypes.CFUNCTYPE(None, ctypes.c_ssize_t)(code.address)(packed.buffer_info()[0])

    assert order.tolist() == expected


def test_torch_lends_its_threads_and_says_which_one_asks() -> None:
    _, number = team._fork()
    if not number:
        pytest.skip("torch has no OpenMP of GNU here")

    assert _NUMBER(number)() == 0  # the thread that calls, outside of any team
