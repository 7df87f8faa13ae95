"""The presets that all image recipes share."""

from collections.abc import Callable

from circuitgraph.bench.settings import Kind, Preset, Recipe, Settings
from circuitgraph.ir import Circuit, Shape, normal
from circuitgraph.nets import ConvLayer, hebbian_cnn
from circuitgraph.neurons import ReLU, Triangle
from circuitgraph.rules import SoftHebb
from circuitgraph.topologies import Dense, Pool

Layers = Callable[[Settings, Kind], list[ConvLayer]]

# Units, kernel, gain of the competition, learning rate, Triangle power, pool: Journe et al. (2023), CIFAR-10 network.
_SOFTHEBB = (
    (96, 5, 1.0, 0.08, 0.7, Pool(4, 2, 1)),
    (384, 3, 0.65, 0.005, 1.4, Pool(4, 2, 1)),
    (1536, 3, 0.25, 0.01, 1.0, Pool(2, how="mean")),
)


def softhebb_layers(depth: int) -> Layers:
    """Give the first layers of the published network, with the settings' rates and widths."""

    def layers(settings: Settings, kind: Kind) -> list[ConvLayer]:
        rates = settings.hebbian_lr or tuple(row[3] for row in _SOFTHEBB[:depth])
        rates = rates * depth if len(rates) == 1 else rates
        widths = settings.widths or tuple(row[0] for row in _SOFTHEBB[:depth])
        if len(rates) != depth or len(widths) != depth:
            raise ValueError(
                f"network of {depth} layers: got {len(rates)} rates and {len(widths)} widths, expected one or {depth}"
            )
        out = []
        for i, (_, kernel, gain, _, power, pool) in enumerate(_SOFTHEBB[:depth]):
            cutoff = settings.cutoff if i == depth - 1 else 0.0
            rule = SoftHebb(rates[i], gain, normalize=settings.normalize, cutoff=cutoff)
            neuron = ReLU() if kind == "backprop" else Triangle(power)
            out.append(ConvLayer(widths[i], kernel, neuron, None if kind == "backprop" else rule, pool))
        return out

    return layers


def image_recipe(dataset: str, about: str, layers: Layers, settings: Settings, quick: Settings) -> Recipe:
    """Make a recipe with the presets softhebb, random, backprop and pixels."""

    def build(kind: Kind) -> Callable[[Shape, int, Settings, int], Circuit]:
        def circuit(shape: Shape, n_classes: int, chosen: Settings, seed: int) -> Circuit:
            if kind == "pixels":
                return Circuit().add("image", shape)
            init = normal(2**0.5) if kind == "backprop" else None
            net = hebbian_cnn(shape, layers(chosen, kind), init=init, rng=seed)
            if kind == "backprop":
                return net.connect(
                    net.populations[-1].name, "label", Dense(), units=n_classes, weight=normal(), rng=seed
                )
            return net

        return circuit

    few = {"epochs": 20, "batch_size": 64, "learning_rate": 1e-3, "weight_decay": 0.01}
    return Recipe(
        dataset,
        about,
        {
            "softhebb": Preset(
                "hebbian",
                "Hebbian convolutions in one unsupervised pass, then a linear read-out",
                build("hebbian"),
                settings,
                quick,
            ),
            "backprop": Preset(
                "backprop",
                "the same circuit with ReLU neurons, trained end to end",
                build("backprop"),
                settings.model_copy(update=few),
                quick.model_copy(update=few | {"epochs": 3}),
            ),
            "random": Preset(
                "random", "the same circuit untrained, then a linear read-out", build("random"), settings, quick
            ),
            "pixels": Preset("pixels", "a linear read-out on the pixels", build("pixels"), settings, quick),
        },
    )
