"""Put an image set into a folder and check it: `python datasets/prepare.py cifar10 --data-dir DIR`."""

import argparse
import sys
from pathlib import Path

from circuitgraph.data import fetch_images, load_images, names
from circuitgraph.errors import CircuitGraphError


def main(arguments: list[str] | None = None) -> int:
    """Fetch what is not there, check every file, and say what the set is; 2 when that fails."""
    parser = argparse.ArgumentParser(
        description="Fetch an image set from its publisher, or check the one that is there."
    )
    parser.add_argument("name", choices=names())
    parser.add_argument("--data-dir", type=Path, required=True, help="folder of data sets; the set gets its own in it")
    parser.add_argument("--no-progress", action="store_true", help="show no progress bar")
    options = parser.parse_args(arguments)
    try:
        prepare(options.name, options.data_dir, not options.no_progress)
    except CircuitGraphError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def prepare(name: str, data_dir: Path, progress: bool) -> None:
    """Fetch and check one set; the embedded digits have nothing to fetch."""
    if name != "digits":
        print(f"files: {fetch_images(name, data_dir, progress=progress)}")
    print(load_images(name, data_dir=data_dir, strict=True, download=False))


if __name__ == "__main__":
    sys.exit(main())
