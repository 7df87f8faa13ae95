"""From a preset to the circuit that is trained; and all that can be wrong with it, said before training starts."""

from circuitgraph.bench.baselines import by_gradient, untrained
from circuitgraph.bench.outcome import Outcome
from circuitgraph.bench.settings import Preset, Settings
from circuitgraph.data import ImageSet
from circuitgraph.errors import ShapeError, StructureError
from circuitgraph.ir import Circuit
from circuitgraph.nets import decorrelated, whitened
from circuitgraph.train import layer_outputs, learning_layers, passes_of


def wire(preset: Preset, settings: Settings, data: ImageSet, outcome: Outcome) -> Circuit:
    """Fit to training images what a preset fits to them, whiten, and replace rules where it is not trained by them."""
    circuit, seen = outcome.circuit, data.images[: settings.n_train]
    if preset.fit is not None:
        with outcome.phase("wiring"):
            circuit = preset.fit(circuit, seen, settings, outcome.seed)
    if settings.whiten:
        with outcome.phase("whitening"):
            circuit = whitened(circuit, seen, settings.whiten, settings.whiten_eps, rng=outcome.seed)
    if settings.decorrelate and preset.kind != "backprop":
        for name in [n for n in layer_outputs(circuit) if any(p.pre == n for p in circuit.projections)]:
            circuit = decorrelated(circuit, name, settings.decorrelate)
    if preset.kind == "backprop":
        return by_gradient(circuit, data.n_classes, outcome.seed)
    return untrained(circuit, outcome.seed) if preset.kind == "random" else circuit


def check(preset: Preset, settings: Settings, data: ImageSet, seed: int) -> None:
    """Raise for a preset that cannot be built or whitened on this data, or layers that are no layers; train nothing.

    Raises:
        ShapeError, StructureError, DataError, ValueError: with one clear line.
    """
    circuit = preset.build(data.shape, data.n_classes, settings, seed)
    if settings.depth is not None and not _has_depth(preset, settings, data):
        raise StructureError(f"--depth: the preset has its own layers (got {settings.depth}); leave it out")
    if preset.run is not None:
        own = [name for name in ("whiten", "layer_passes", "flips", "shifts") if getattr(settings, name)]
        if own:
            option = "--" + own[0].replace("_", "-")
            raise StructureError(f"{option}: the preset trains in a way of its own (got {own[0]}); leave it out")
        return
    if settings.whiten:
        # As many images as a patch has numbers are enough to find all that can be wrong.
        few = data.images[: settings.n_train][: settings.whiten**2 * data.shape[0]]
        whitened(circuit, few, settings.whiten, settings.whiten_eps, rng=seed)
    if settings.shifts >= min(data.shape[1:]):
        raise ShapeError(f"--shifts: expected less than the sides of images {data.shape} (got {settings.shifts})")
    if settings.layer_passes and settings.training == "all":
        raise ShapeError("--layer-passes: layers learn at once (got training 'all'); add --training layers")
    if settings.training == "layers" and preset.kind == "hebbian":
        passes_of(learning_layers(circuit), settings.passes())


def _has_depth(preset: Preset, settings: Settings, data: ImageSet) -> bool:
    """Tell whether a preset lets its number of layers be chosen."""
    narrow = [settings.changed({"widths": (), "scale": 0.1, "depth": depth}) for depth in (1, 2)]
    one, two = (preset.build(data.shape, data.n_classes, each, 0) for each in narrow)
    return one != two
