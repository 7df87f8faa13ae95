"""Downloads: complete, or nothing."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from circuitgraph.data import fetch, fetch_images, load_images
from circuitgraph.data.published import Download, Publication
from circuitgraph.errors import DataError, UnknownNameError

Files = dict[str, bytes]


def serve(files: Files) -> Callable[[Download, Path, bool], None]:
    """Stand in for the network: write what the address names, as the publisher packs it."""

    def retrieve(download: Download, folder: Path, progress: bool) -> None:
        name = download.file_name.removesuffix(".gz")
        if name not in files:
            raise ConnectionError(f"no {name}")
        (folder / download.file_name).write_bytes(gzip.compress(files[name]))

    return retrieve


def test_a_download_goes_to_data_dir_and_is_found_there(
    mnist: Publication, idx_files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "new" / "root"
    monkeypatch.setattr(fetch, "retrieve", serve(idx_files))
    assert load_images("mnist", data_dir=root, strict=True).labels.tolist() == [0, 1, 2, 3, 4, 5]
    monkeypatch.setattr(fetch, "retrieve", serve({}))
    assert load_images("mnist", data_dir=root, strict=True).name == "mnist"
    assert [path.name for path in root.iterdir()] == ["mnist"]


def test_a_download_goes_to_the_cache_when_no_folder_is_named(
    mnist: Publication, idx_files: Files, no_other_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "retrieve", serve(idx_files))
    load_images("mnist", strict=True)
    assert sorted(path.name for path in (no_other_place / "mnist").iterdir()) == sorted(f"{n}.gz" for n in idx_files)


def test_a_download_leaves_other_files_in_its_folder_alone(
    mnist: Publication, idx_files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mnist").mkdir()
    (tmp_path / "mnist" / "README.md").write_text("mine")
    monkeypatch.setattr(fetch, "retrieve", serve(idx_files))
    assert fetch_images("mnist", tmp_path) == tmp_path / "mnist"
    assert (tmp_path / "mnist" / "README.md").read_text() == "mine"
    assert len(list((tmp_path / "mnist").iterdir())) == 5


def test_a_download_that_breaks_off_leaves_nothing(
    mnist: Publication, idx_files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del idx_files["t10k-labels-idx1-ubyte"]
    monkeypatch.setattr(fetch, "retrieve", serve(idx_files))
    with pytest.raises(DataError, match="t10k-labels"):
        load_images("mnist", data_dir=tmp_path / "root", strict=True)
    assert not (tmp_path / "root").exists()


def test_an_altered_download_is_an_error_and_not_a_reason_to_fall_back(
    mnist: Publication, idx_files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    idx_files["t10k-labels-idx1-ubyte"] = idx_files["t10k-labels-idx1-ubyte"][:-1] + b"\x00"
    monkeypatch.setattr(fetch, "retrieve", serve(idx_files))
    with pytest.raises(DataError, match="altered"):
        load_images("mnist", data_dir=tmp_path / "root")
    assert not (tmp_path / "root").exists()


def test_files_that_are_there_are_not_fetched_again(
    mnist: Publication, idx_files: Files, lay: Callable[..., Path], tmp_path: Path
) -> None:
    folder = lay(tmp_path / "MNIST" / "raw", idx_files)
    assert fetch_images("mnist", tmp_path) == folder


def test_fetching_offline_says_where_to_put_the_files(mnist: Publication, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"put the files into .*mnist by hand"):
        fetch_images("mnist", tmp_path)


def test_the_embedded_set_and_unknown_sets_cannot_be_fetched(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no files"):
        fetch_images("digits", tmp_path)
    with pytest.raises(UnknownNameError, match="expected one of cifar10"):
        fetch_images("imagenet", tmp_path)
