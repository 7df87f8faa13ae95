"""HebbNet: one hidden layer that learns what its units vary with, most changes left out (Gupta et al. 2021)."""

from circuitgraph.bench.presets.shared import rates_of, widths_of
from circuitgraph.bench.settings import Goal, Preset, Settings
from circuitgraph.ir import Circuit, Shape, normal
from circuitgraph.nets import hebbnet
from circuitgraph.neurons import BatchNorm, Chain, Normalize, RePU
from circuitgraph.rules import Covariance, StrongestWinners


def build(shape: Shape, n_classes: int, settings: Settings, seed: int) -> Circuit:
    """Let 2,000 units hear all of the image, less its mean; the most active one changes, by its largest tenth.

    The published rule takes the running mean of each product of activities away; here the mean of the unit's activity
    is taken, which is the same in expectation.  Units are normalised over the batch, or few of them would always win.
    """
    (units,), (rate,) = widths_of(settings, (2000,)), rates_of(settings, (0.05,))
    rule = Covariance(rate, winners=StrongestWinners(), normalize="activity", unit_norm=True, sparsity=0.1)
    neuron = Chain((BatchNorm(), RePU(2.0)))
    circuit = hebbnet(shape, units, rule=rule, neuron=neuron, init=normal(1.0), rng=seed)
    return circuit.replace_population("image", neuron=Normalize(centre=True, among="neurons"))


_SETTINGS = Settings(
    epochs=40, learning_rate=1e-3, weight_decay=0.01, hebbian_batch_size=100, hebbian_passes=2, precision="fp32",
    dropout=0.0, standardize=True,
)  # fmt: skip
PRESET = Preset(
    "hebbian",
    "784-2000-10: covariance rule, one unit active, few changes applied",
    build,
    _SETTINGS,
    quick=_SETTINGS.changed({"scale": 0.25, "n_train": 10_000, "n_labelled": 20_000, "epochs": 10}),
    source="reutdayan/HebbNet, after Gupta et al. 2021",
    goals={"mnist": Goal(92.7, 97.7), "fashion-mnist": Goal(None, 87.3)},
)
