"""CIFAR batches: read when they are the published ones, and never able to run anything."""

import collections
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from circuitgraph.data import load_images
from circuitgraph.data.cifar import unpickle
from circuitgraph.data.published import Publication
from circuitgraph.errors import DataError

HERE = Path("here")


class Shell:
    """A pickle of this runs a command when it is opened without care."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (self.command,)


def test_batches_are_read_in_order_with_their_colours_apart(
    cifar10: Publication, cifar_files: dict[str, bytes], lay: Callable[..., Path], tmp_path: Path
) -> None:
    lay(tmp_path / "cifar-10-batches-py", cifar_files)
    images = load_images("cifar10", data_dir=tmp_path)
    assert images.shape == (3, 32, 32)
    assert images.labels.tolist() == [0, 1, 1, 0]
    assert images.test_labels.tolist() == [0, 1]
    assert images.classes == ("airplane", "frog")
    # The fixture's pixel i of image n of batch b is (3072 n + i + b) mod 256, colours 1024 apart, rows 32 apart.
    assert images.images[1, 2, 3, 4] == (3072 + 2 * 1024 + 3 * 32 + 4) % 256
    assert images.images[2, 0, 0, 0] == 1
    assert images.test_images[0, 0, 0, 0] == 2


@pytest.mark.parametrize("protocol", [0, 1, 2, 4])
def test_a_hostile_pickle_runs_nothing_even_when_its_checksum_matches(
    protocol: int, as_published: Callable, tmp_path: Path
) -> None:
    proof = tmp_path / "ran"
    data = pickle.dumps({1: Shell(f"touch {proof}")}, protocol)
    with pytest.raises(DataError, match="system is not allowed"):
        unpickle(data, as_published("data_batch_1", data), HERE)
    assert not proof.exists()


def test_a_pickle_is_not_opened_before_its_checksum_matches(
    as_published: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[object] = []
    monkeypatch.setattr("circuitgraph.data.cifar._Unpickler", opened.append)
    data = pickle.dumps({})
    with pytest.raises(DataError, match="altered"):
        unpickle(data[:-2] + b"!.", as_published("data_batch_1", data), HERE)
    assert not opened


@pytest.mark.parametrize("content", [collections.Counter(), {1: eval}, {1: os.getcwd}, {1: collections.OrderedDict}])
def test_any_other_type_is_refused(content: object, as_published: Callable) -> None:
    data = pickle.dumps(content)
    with pytest.raises(DataError, match="is not allowed"):
        unpickle(data, as_published("meta", data), HERE)


def test_an_array_of_objects_is_refused(cifar_files: dict[str, bytes], as_published: Callable) -> None:
    data = cifar_files["test_batch"].replace(b"u1", b"O8")
    with pytest.raises(DataError, match="is not allowed"):
        unpickle(data, as_published("test_batch", data), HERE)


@pytest.mark.parametrize("data", [b"", b"\x80\x02", b"nonsense", pickle.dumps([1, 2])])
def test_bytes_that_are_no_batch_give_a_data_error(data: bytes, as_published: Callable) -> None:
    with pytest.raises(DataError, match="not a CIFAR batch"):
        unpickle(data, as_published("meta", data), HERE)
