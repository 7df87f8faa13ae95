"""Where a set is looked for, and what happens when what lies there is damaged."""

from collections.abc import Callable
from pathlib import Path

import pytest

from circuitgraph.data import load_images
from circuitgraph.data.find import VARIABLE, find
from circuitgraph.data.published import Publication
from circuitgraph.errors import DataError

Lay = Callable[..., Path]
Files = dict[str, bytes]


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gz"])
@pytest.mark.parametrize("folder", ["mnist", "MNIST/raw", "MNIST", "."])
def test_every_usual_layout_is_found(
    folder: str, packed: bool, mnist: Publication, idx_files: Files, lay: Lay, tmp_path: Path
) -> None:
    lay(tmp_path / folder, idx_files, packed)
    images = load_images("mnist", data_dir=tmp_path, strict=True)
    assert images.labels.tolist() == [0, 1, 2, 3, 4, 5]
    assert images.images[0, 0].flatten().tolist() == list(idx_files["train-images-idx3-ubyte"][16 : 16 + 784])
    assert (images.name, images.requested, images.source) == ("mnist", "mnist", "publisher files")


@pytest.mark.parametrize("folder", ["cifar-10-batches-py", "cifar10", "cifar10/cifar-10-batches-py", "."])
def test_cifar_is_found_in_every_usual_layout(
    folder: str, cifar10: Publication, cifar_files: Files, lay: Lay, tmp_path: Path
) -> None:
    lay(tmp_path / folder, cifar_files)
    assert len(load_images("cifar10", data_dir=tmp_path, strict=True).labels) == 4


def test_data_dir_comes_before_the_variable_and_that_before_the_cache(
    mnist: Publication,
    idx_files: Files,
    lay: Lay,
    tmp_path: Path,
    no_other_place: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "variable"))
    damaged = {name: bytes(len(data)) for name, data in idx_files.items()}
    # The first place that holds anything is the one that is read, so its damage is what is reported.
    for place in (no_other_place, tmp_path / "variable", tmp_path / "given"):
        lay(place / "mnist", damaged)
        with pytest.raises(DataError, match=f"^{place}/mnist/train-images"):
            load_images("mnist", data_dir=tmp_path / "given")
    lay(tmp_path / "given" / "mnist", idx_files)
    assert load_images("mnist", data_dir=tmp_path / "given").name == "mnist"


def test_a_damaged_file_is_an_error_even_when_a_later_place_has_a_good_one(
    mnist: Publication, idx_files: Files, lay: Lay, tmp_path: Path, no_other_place: Path
) -> None:
    lay(no_other_place / "mnist", idx_files)
    damaged = bytearray(idx_files["t10k-labels-idx1-ubyte"])
    damaged[-1] ^= 1
    lay(tmp_path / "mnist", {**idx_files, "t10k-labels-idx1-ubyte": bytes(damaged)})
    with pytest.raises(DataError, match="t10k-labels-idx1-ubyte: altered"):
        load_images("mnist", data_dir=tmp_path)


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gz"])
@pytest.mark.parametrize(("change", "message"), [(lambda d: d[:-1], "truncated"), (lambda d: d + b"!", "too long")])
def test_a_file_of_another_size_is_an_error(
    change: Callable[[bytes], bytes],
    message: str,
    packed: bool,
    mnist: Publication,
    idx_files: Files,
    lay: Lay,
    tmp_path: Path,
) -> None:
    name = "train-images-idx3-ubyte"
    lay(tmp_path / "mnist", {**idx_files, name: change(idx_files[name])}, packed)
    with pytest.raises(DataError, match=message):
        load_images("mnist", data_dir=tmp_path)


@pytest.mark.parametrize("change", [lambda d: d[:-9], lambda d: b"no gzip", lambda d: d[:20] + b"\xff" * 9 + d[29:]])
def test_a_damaged_gz_is_an_error(
    change: Callable[[bytes], bytes], mnist: Publication, idx_files: Files, lay: Lay, tmp_path: Path
) -> None:
    path = lay(tmp_path / "mnist", idx_files, packed=True) / "train-images-idx3-ubyte.gz"
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(DataError, match=r"unreadable|altered|truncated"):
        load_images("mnist", data_dir=tmp_path)


def test_an_incomplete_set_is_an_error_that_names_what_is_missing(
    mnist: Publication, idx_files: Files, lay: Lay, tmp_path: Path
) -> None:
    del idx_files["t10k-labels-idx1-ubyte"]
    lay(tmp_path / "mnist", idx_files)
    with pytest.raises(DataError, match="3 of 4 files, expected also t10k-labels-idx1-ubyte"):
        load_images("mnist", data_dir=tmp_path)


def test_a_stray_file_does_not_make_a_folder_the_set(cifar10: Publication, lay: Lay, tmp_path: Path) -> None:
    lay(tmp_path, {"test_batch": b"something else"})
    assert find(cifar10, tmp_path) is None


def test_a_data_dir_that_is_a_file_is_an_error(mnist: Publication, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="not a folder"):
        load_images("mnist", data_dir=tmp_path / "file")
