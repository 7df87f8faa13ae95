"""load_images: what it returns when the data are there, and what it says when they are not."""

import os
import warnings

import pytest
import torch

from circuitgraph.data import DataFallbackWarning, ImageSet, embedded, load_images, names
from circuitgraph.data.published import Publication
from circuitgraph.errors import DataError, UnknownNameError


def fall_back() -> ImageSet:
    with pytest.warns(DataFallbackWarning):
        return load_images("cifar10", download=False)


def test_without_data_the_embedded_set_stands_in_under_its_own_name(cifar10: Publication) -> None:
    images = fall_back()
    assert (images.name, images.requested, images.source) == ("digits", "cifar10", "scikit-learn digits")
    assert images.label == "digits (not cifar10)"
    assert images.fallback_reason is not None
    assert "download is off" in images.fallback_reason


def test_the_warning_names_what_was_searched_the_reason_and_the_mend(
    cifar10: Publication, no_other_place: os.PathLike[str]
) -> None:
    with pytest.warns(DataFallbackWarning) as caught:
        load_images("cifar10")
    message = str(caught[0].message)
    assert caught[0].filename == __file__
    for part in ("NOT CIFAR10", str(no_other_place), "ConnectionError", "prepare.py cifar10", "CIRCUITGRAPH_DATA"):
        assert part in message


def test_strict_makes_missing_data_an_error_that_names_the_mend(cifar10: Publication) -> None:
    with pytest.raises(DataError, match=r"nothing in .*prepare\.py cifar10 --data-dir"):
        load_images("cifar10", strict=True)


def test_the_embedded_set_is_never_a_fallback_for_itself() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        images = load_images("digits", strict=True, download=False)
    assert not images.is_fallback


def test_the_embedded_set_is_the_same_each_time_and_uses_the_whole_range() -> None:
    images = embedded()
    assert torch.equal(images.images, embedded().images)
    assert (len(images.labels), len(images.test_labels)) == (1437, 360)
    assert (int(images.images.min()), int(images.images.max())) == (0, 255)
    assert images.labels.bincount().min() > 100
    assert images.test_labels.bincount().min() > 20


def test_an_unknown_name_gives_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match="cifar10, cifar100, mnist, fashion-mnist, digits"):
        load_images("imagenet")


SIZES = {"cifar10": (50000, 10), "cifar100": (50000, 100), "mnist": (60000, 10), "fashion-mnist": (60000, 10)}


@pytest.mark.parametrize("name", [name for name in names() if name != "digits"])
def test_the_real_set_has_its_published_size_and_balance(name: str) -> None:
    if not os.environ.get("CIRCUITGRAPH_DATA"):
        pytest.skip("CIRCUITGRAPH_DATA is not set")
    try:
        images = load_images(name, strict=True, download=False)
    except DataError as error:
        if "nothing in" not in str(error):
            raise
        pytest.skip(f"{name} is not in CIRCUITGRAPH_DATA")
    assert (len(images.labels), images.n_classes) == SIZES[name]
    assert len(images.test_labels) == 10000
    assert (int(images.images.min()), int(images.images.max())) == (0, 255)
    if name != "mnist":
        assert images.labels.bincount().unique().tolist() == [len(images.labels) // images.n_classes]
