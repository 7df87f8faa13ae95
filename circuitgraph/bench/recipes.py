"""The recipes by name; each lives in a file of its own."""

from circuitgraph.bench import cifar10, cifar100, digits, fashion_mnist, mnist
from circuitgraph.bench.settings import Recipe

RECIPES: dict[str, Recipe] = {
    r.dataset: r for r in (m.RECIPE for m in (cifar10, cifar100, mnist, fashion_mnist, digits))
}
