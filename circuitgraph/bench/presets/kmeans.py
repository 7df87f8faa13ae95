"""Whitened patches, a dictionary by k-means, Triangle, the mean over four quadrants (Coates, Ng and Lee 2011)."""

import numpy as np
from torch import Tensor

from circuitgraph.bench.presets.shared import widths_of
from circuitgraph.bench.settings import Goal, Preset, Settings
from circuitgraph.ir import Circuit, Shape, normal
from circuitgraph.nets import whitened_patches
from circuitgraph.nets.whitening import sample_patches
from circuitgraph.neurons import Bias, Chain, Normalize, Triangle
from circuitgraph.topologies import Conv, Pool

SIZE, N_PATCHES = 6, 200_000


def build(shape: Shape, n_classes: int, settings: Settings, seed: int) -> Circuit:
    """Wire image -> white -> words -> pool; `fit` gives the weights."""
    (units,), inputs = widths_of(settings, (4000,)), SIZE**2 * shape[0]
    net = Circuit().add("image", shape)
    net = net.connect(
        "image", "white", Conv(SIZE), units=inputs, neuron=Normalize(), weight=normal(), fixed=True, rng=seed
    )
    net = net.connect("white", "words", Conv(1), units=units, neuron=Chain((Bias(), Triangle())), rng=seed)
    sites = net.population("words").shape[1:]
    quadrants = Pool(tuple(-(-n // 2) for n in sites), tuple(max(1, n // 2) for n in sites), how="mean")
    return net.connect("words", "pool", quadrants)


def fit(circuit: Circuit, images: Tensor, settings: Settings, seed: int) -> Circuit:
    """Whiten patches of the images and find their k means.

    Of a word c and a patch x, u = c . x - |c|^2 / 2 is minus half the squared distance, up to what all words share and
    the Triangle removes.
    """
    from sklearn.cluster import MiniBatchKMeans  # here, for importing scikit-learn takes a second

    pixels, rng = images.cpu().numpy(), np.random.default_rng(seed)
    matrix = whitened_patches(pixels, SIZE, rng=rng)
    taken = sample_patches("kmeans", pixels, SIZE, N_PATCHES, rng) @ matrix.reshape(len(matrix), -1).T
    taken /= np.sqrt((taken**2).sum(1, keepdims=True) + 1e-5)
    n = circuit.population("words").n_units
    found = MiniBatchKMeans(n, init="random", n_init=1, batch_size=4096, max_iter=10, random_state=seed).fit(taken)
    words = found.cluster_centers_.astype(np.float32)
    bias = {"bias": -(words**2).sum(1) / 2}
    circuit = circuit.replace_projection("image->white", weight=matrix.ravel())
    return circuit.replace_projection("white->words", weight=words.ravel()).replace_population("words", memory=bias)


_SETTINGS = Settings(
    epochs=30, learning_rate=3e-3, weight_decay=0.3, label_smoothing=0.1, dropout=0.0, power=0.5, standardize=True
)
PRESET = Preset(
    "hebbian",
    "k-means on whitened patches as the first and only layer, then a linear read-out",
    build,
    _SETTINGS,
    quick=_SETTINGS.changed({"scale": 0.1, "epochs": 20}),
    fit=fit,
    source="Coates, Ng and Lee 2011",
    goals={
        "cifar10": Goal(79.6, 78.9),
        "cifar100": Goal(),
        "mnist": Goal(),
        "fashion-mnist": Goal(),
        "digits": Goal(None, None, {"scale": 0.1, "batch_size": 64}),
    },
)
