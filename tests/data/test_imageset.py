"""ImageSet: what it refuses, how it splits."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from circuitgraph.data import ImageSet
from circuitgraph.errors import DataError


def toy(n_images: int = 5) -> ImageSet:
    images = torch.arange(n_images * 4, dtype=torch.uint8).reshape(n_images, 1, 2, 2)
    labels = torch.arange(n_images) % 2
    return ImageSet("toy", images, labels, images[:2], labels[:2], ("even", "odd"), "by hand")


@given(n_images=st.integers(2, 60), data=st.data())
def test_a_split_holds_every_training_image_once(n_images: int, data: st.DataObject) -> None:
    n_validation = data.draw(st.integers(1, n_images - 1))
    training, validation = toy(n_images).split(n_validation, rng=data.draw(st.integers(0, 9)))
    assert len(validation) == n_validation
    assert sorted([*training.tolist(), *validation.tolist()]) == list(range(n_images))


def test_the_same_seed_splits_the_same_way_and_another_does_not() -> None:
    images = toy(60)
    assert images.split(20, rng=3)[1].tolist() == images.split(20, rng=3)[1].tolist()
    assert images.split(20, rng=3)[1].tolist() != images.split(20, rng=4)[1].tolist()


def test_an_int_and_its_generator_split_the_same_way() -> None:
    generator = torch.Generator().manual_seed(3)
    assert toy(60).split(20, rng=3)[0].tolist() == toy(60).split(20, rng=generator)[0].tolist()


def test_splitting_draws_nothing_from_the_global_generator() -> None:
    before = torch.random.get_rng_state()
    toy().split(2, rng=0)
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("n_validation", [-1, 0, 5, 6])
def test_a_split_that_leaves_a_part_empty_is_refused(n_validation: int) -> None:
    with pytest.raises(DataError, match="expected 1 to 4"):
        toy(5).split(n_validation, rng=0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": torch.zeros(5, 1, 2, 2)}, "images do not fit"),
        ({"images": torch.zeros(5, 2, 2, dtype=torch.uint8)}, "images do not fit"),
        ({"images": torch.zeros(0, 1, 2, 2, dtype=torch.uint8)}, "images do not fit"),
        ({"labels": torch.zeros(4, dtype=torch.int64)}, "labels do not fit"),
        ({"labels": torch.zeros(5, dtype=torch.int32)}, "labels do not fit"),
        ({"labels": torch.tensor([0, 1, 2, 0, 1])}, "names no class"),
        ({"labels": torch.tensor([0, 1, -1, 0, 1])}, "names no class"),
        ({"test_images": torch.zeros(2, 1, 3, 3, dtype=torch.uint8)}, "other image shape"),
        ({"test_labels": torch.tensor([0])}, "test: labels do not fit"),
    ],
)
def test_tensors_that_do_not_fit_together_are_refused(change: dict[str, torch.Tensor], message: str) -> None:
    with pytest.raises(DataError, match=message):
        replace(toy(), **change)


def test_moving_keeps_every_value_and_name() -> None:
    moved = replace(toy(), requested="cifar10", fallback_reason="offline").to("cpu")
    assert torch.equal(moved.images, toy().images)
    assert (moved.requested, moved.fallback_reason) == ("cifar10", "offline")


def test_a_set_that_stands_in_says_so_in_its_label_and_repr() -> None:
    stand_in = replace(toy(), requested="cifar10")
    assert stand_in.is_fallback
    assert stand_in.label == "toy (not cifar10)"
    assert "toy (not cifar10)" in repr(stand_in)
    assert "\n" not in repr(stand_in)
