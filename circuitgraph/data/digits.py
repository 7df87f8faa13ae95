"""A small real set that comes with scikit-learn, so that every recipe runs without a download."""

import numpy as np
import torch

from circuitgraph.data.imageset import ImageSet

N_TRAIN = 1437
_LARGEST_COUNT = 16


def embedded() -> ImageSet:
    """Load scikit-learn's digits: 1,797 handwritten digits of 8 x 8 pixels, 1,437 to train on and 360 to test on.

    A pixel counts 0 to 16 dark cells of the scan; it is scaled to round(255 * count / 16).  The split is one fixed
    permutation (NumPy's frozen RandomState, seed 0); it is random over images, so a writer can be in both parts.

    Source: Alpaydin and Kaynak, Optical Recognition of Handwritten Digits, UCI repository, 1998 (its test part).

    >>> embedded()
    <ImageSet digits: 1437 training + 360 test images of 1x8x8, 10 classes, scikit-learn digits, on cpu>
    """
    from sklearn.datasets import load_digits  # here, for importing scikit-learn takes a second

    counts, targets = load_digits(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(targets))
    pixels = np.rint(counts[order] * (255 / _LARGEST_COUNT)).astype(np.uint8).reshape(-1, 1, 8, 8)
    images, labels = torch.from_numpy(pixels), torch.from_numpy(targets[order].astype(np.int64))
    return ImageSet(
        name="digits",
        images=images[:N_TRAIN],
        labels=labels[:N_TRAIN],
        test_images=images[N_TRAIN:],
        test_labels=labels[N_TRAIN:],
        classes=tuple("0123456789"),
        source="scikit-learn digits",
        requested="digits",
    )
