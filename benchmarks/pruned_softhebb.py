"""The SoftHebb network with 95 % of its synapses pruned against its dense self, and updates by winners only.

The network is the one that `python -m circuitgraph.bench cifar10` trained; from each layer the 95 % of slots with the
smallest weights are removed.  Both run in one process, interleaved, in float32, on random images of CIFAR-10's shape:
  inference  forward, batch 128
  learning   forward and change of all weights, batch 10 and batch 100
Bytes are those of all tensors that the network holds: weights, indices, running statistics, private buffers.

  winners    the weight change of layers 2 and 3 by all units, against by those whose share of the win is at least the
             cutoff (`SoftHebb(cutoff=0.001)`), batch 10, on this trained network

    python benchmarks/pruned_softhebb.py [--circuit runs/cifar10-softhebb/circuit.safetensors] [--json]
--json writes benchmarks/results/pruned_softhebb.jsonl
"""

import argparse
import json
import statistics
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

import circuitgraph as cg
from circuitgraph.bench.report import environment
from circuitgraph.kernels.timing import interleave

RESULTS = Path(__file__).parent / "results" / "pruned_softhebb.jsonl"
TRAINED = Path("runs/cifar10-softhebb/circuit.safetensors")
PRUNED, CUTOFF, ROUNDS = 0.95, 0.001, 15


def prune(circuit: cg.Circuit) -> cg.Circuit:
    """Remove the smallest weights of every projection that learns."""
    for p in circuit.projections:
        if p.rule is not None:
            weakest = np.argsort(np.abs(p.weight))[: round(PRUNED * p.n_slots)]
            circuit, _ = cg.RemoveSlots(p.name, weakest).apply(circuit)
    return circuit


def n_bytes(net: nn.Module) -> int:
    """Count the bytes of all tensors of a network, in what its modules keep for themselves too."""
    seen: dict[int, int] = {}

    def count(thing: object) -> None:
        if isinstance(thing, Tensor):
            seen[thing.untyped_storage().data_ptr()] = thing.untyped_storage().nbytes()
        elif isinstance(thing, tuple):
            for part in thing:
                count(part)

    for module in net.modules():
        for thing in (*module.parameters(recurse=False), *module.buffers(recurse=False), *vars(module).values()):
            count(thing)
    return sum(seen.values())


def compare(what: str, variants: dict[str, Callable[[], object]], **more: object) -> list[dict[str, object]]:
    times = {name: statistics.median(t) for name, t in interleave(variants, rounds=ROUNDS, seconds=60).items()}
    first = next(iter(times.values()))
    here = environment(torch.device("cpu"))
    return [
        {"what": what, "variant": name, **more, "ms": round(ms, 3), "times_faster": round(first / ms, 3), **here}
        for name, ms in times.items()
    ]


def work(net: cg.Network, x: Tensor) -> Callable[[], object]:
    return (lambda: net.learn(net.step(x))) if net.training else (lambda: net(x))


@torch.no_grad()
def whole_networks(circuit: cg.Circuit) -> list[dict[str, object]]:
    lines = []
    for batch, what in ((128, "inference"), (10, "learning"), (100, "learning")):
        nets = {
            "dense": cg.compile(circuit, batch=batch),
            "95 % pruned": cg.compile(prune(circuit), batch=batch),
        }
        x = torch.rand(batch, 3, 32, 32, generator=torch.Generator().manual_seed(0))
        for net in nets.values():
            net.train(what == "learning")
        found = compare(what, {name: work(net, x) for name, net in nets.items()}, batch=batch)
        dense = n_bytes(nets["dense"])
        for line, net in zip(found, nets.values(), strict=True):
            line |= {"bytes": n_bytes(net), "share_of_dense_bytes": round(n_bytes(net) / dense, 4)}
            line |= {"kernels": {k: v for k, v in net.plan.kernels.items() if "conv" in k.split("->")[1]}}
        lines += found
    return lines


@torch.no_grad()
def winners(circuit: cg.Circuit) -> list[dict[str, object]]:
    net = cg.compile(circuit, batch=10)
    x = torch.rand(10, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    state, lines = net.step(x), []
    for name in [p.name for p in circuit.projections if p.rule is not None][1:]:
        p = circuit.projection(name)
        assert isinstance(p.rule, cg.SoftHebb)
        few = cg.compile(circuit.replace_projection(name, rule=p.rule.replace(cutoff=CUTOFF)), batch=10)
        seen = few.step(x)
        share = p.rule.compete(seen[p.post, "in"]).abs()
        lines += compare(
            f"weight change of {name}",
            {
                "all units": lambda n=name: net.learn(state, only=[n]),
                f"cutoff {CUTOFF}": lambda n=name, f=few, s=seen: f.learn(s, only=[n]),
            },
            batch=10,
            winners_per_site=round(float((share >= CUTOFF).sum(1).float().mean()), 1),
        )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--circuit", type=Path, default=TRAINED)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if not given.circuit.exists():
        parser.error(f"{given.circuit} does not exist; run `make cifar10` first, or give --circuit FILE")
    cg.tune_allocator()
    circuit = cg.load(given.circuit)
    lines = [*winners(circuit), *whole_networks(circuit)]
    for line in lines:
        print(json.dumps(line))
    if given.json:
        RESULTS.write_text("".join(json.dumps(line) + "\n" for line in lines))


if __name__ == "__main__":
    main()
