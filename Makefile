# make cifar10 | bench-quick | results | presets | test | slow | check | format | docs | clean       e.g.  make cifar10 ARGS="--quick"
PYTHON  ?= python3
VENV    ?= .venv
WORKERS ?= 2
ARGS    ?=

BIN     := $(VENV)/bin
PIP     := $(BIN)/python -m pip install --disable-pip-version-check --quiet -c constraints.txt
INPUTS  := pyproject.toml constraints.txt $(BIN)/python

.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help cifar10 bench-quick results presets setup test slow check format docs clean

help:
	@sed -n 1p Makefile

cifar10: $(VENV)/.installed
	$(BIN)/python -m circuitgraph.bench cifar10 $(ARGS)

bench-quick: $(VENV)/.installed
	$(BIN)/python -m circuitgraph.bench cifar10 --quick $(ARGS)

# The runs behind the tables in README and docs, some hours on two cores; then the tables.
RESULTS := benchmarks/results
results: $(VENV)/.installed
	$(BIN)/python -m circuitgraph.bench cifar10 --seeds 3 --json > $(RESULTS)/cifar10-softhebb-bf16.jsonl
	$(BIN)/python -m circuitgraph.bench cifar10 --quick --json > $(RESULTS)/cifar10-quick.jsonl
	$(BIN)/python -m circuitgraph.bench mnist --seeds 3 --json > $(RESULTS)/mnist-softhebb.jsonl
	$(BIN)/python -m circuitgraph.bench cifar10 --precision fp32 --json > $(RESULTS)/cifar10-softhebb-fp32.jsonl
	$(BIN)/python -m circuitgraph.bench cifar10 --cutoff 0.001 --seeds 3 --json > $(RESULTS)/cifar10-softhebb-cutoff.jsonl
	$(BIN)/python benchmarks/softhebb.py
	$(BIN)/python -m circuitgraph.bench kernels --densities 0.8,0.5,0.2,0.1,0.05,0.02,0.01 --sizes 64,256,1024,4096 \
		--batches 1,8,128 --seconds 600 --write-costs --json \
		| grep -E '"pre": (1024|4096), .*"batch": 128,' > $(RESULTS)/kernels.jsonl
	$(BIN)/python benchmarks/sparse_step.py --json
	$(BIN)/python benchmarks/pruned_softhebb.py --json
	$(BIN)/python benchmarks/large.py --json
	$(BIN)/python benchmarks/many_projections.py --json
	$(BIN)/python benchmarks/edits.py --json
	$(BIN)/python benchmarks/communities.py --json
	rm -f $(RESULTS)/sparse_training.jsonl
	$(BIN)/python benchmarks/sparse_training.py --json --decay 3e-4 --method static set rigl ch3 ch3-soft ch2n-soft
	$(BIN)/python benchmarks/sparse_training.py --json --decay 5e-4 --rate 0.025 --method dense
	$(BIN)/python benchmarks/sparse_training.py --json --epochs 60 --decay 2e-4 --pixel_dropout 0.1 \
		--method ch3-soft rigl set
	$(BIN)/python benchmarks/sparse_training.py --json --epochs 60 --decay 5e-4 --rate 0.025 --pixel_dropout 0.1 \
		--method dense
	$(BIN)/python benchmarks/sparse_training.py --json --epochs 60 --decay 2e-4 --rate 0.025 --pixel_dropout 0.1 \
		--method dense
	$(BIN)/python -m circuitgraph.bench communities --seeds 5 --json > $(RESULTS)/bench_communities.jsonl
	$(BIN)/python -m circuitgraph.bench mnist --preset cortical-mlp --seeds 3 --json > $(RESULTS)/mnist-cortical-mlp.jsonl
	$(BIN)/python -m circuitgraph.bench cifar10 --preset nhs --quick --json > $(RESULTS)/cifar10-nhs-quick.jsonl
	rm -f $(RESULTS)/softhebb_communities.jsonl $(RESULTS)/hebbian_ablations.jsonl
	$(BIN)/python benchmarks/hebbian_ablations.py --json
	$(BIN)/python benchmarks/softhebb_communities.py --json
	$(BIN)/python benchmarks/networkx_backend.py --json
	$(BIN)/python benchmarks/networkx_suite.py --json
	$(BIN)/python benchmarks/connectome.py --json
	$(BIN)/python benchmarks/controls.py --json
	$(BIN)/python benchmarks/exchange.py --json
	$(BIN)/python benchmarks/import_time.py
	$(MAKE) presets
	$(BIN)/python benchmarks/table.py --write

# The other rows of the comparison of presets, up to 20 minutes each per seed on two cores; then the comparison.
SEEDS   ?= 1
PRESETS := best soft bcm optimal hard temporal adaptive presynaptic dale depthwise residual lagani-short lagani-deep miconi hpca \
	patches kmeans pixels random
presets: $(VENV)/.installed
	for p in $(PRESETS); do \
		$(BIN)/python -m circuitgraph.bench cifar10 --preset $$p --seeds $(SEEDS) --json > $(RESULTS)/cifar10-$$p.jsonl || exit 1; \
	done
	$(BIN)/python -m circuitgraph.bench cifar10 --preset backprop --epochs 4 --json > $(RESULTS)/cifar10-backprop.jsonl
	$(BIN)/python -m circuitgraph.bench cifar100 --preset soft --seeds $(SEEDS) --json > $(RESULTS)/cifar100-soft.jsonl
	for by in random backprop; do \
		$(BIN)/python -m circuitgraph.bench mnist --preset hebbnet --train-by $$by --seeds 3 --json > $(RESULTS)/mnist-hebbnet-$$by.jsonl || exit 1; \
	done
	for p in hebbnet krotov; do \
		$(BIN)/python -m circuitgraph.bench mnist --preset $$p --seeds $(SEEDS) --json > $(RESULTS)/mnist-$$p.jsonl || exit 1; \
	done
	$(BIN)/python -m circuitgraph.bench mnist --preset krotov --shifts 0 --epochs 60 --json > $(RESULTS)/mnist-krotov-unmoved.jsonl
	for p in softhebb hebbnet; do \
		$(BIN)/python -m circuitgraph.bench fashion-mnist --preset $$p --seeds 3 --json > $(RESULTS)/fashion-mnist-$$p.jsonl || exit 1; \
	done
	$(BIN)/python -m circuitgraph.bench table --write

setup: $(VENV)/.installed-dev

# One thread per worker: on few cores, threads that compete cost more than they bring.
test: $(VENV)/.installed-dev
	OMP_NUM_THREADS=1 MPLBACKEND=Agg $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

# In one process with all cores: some of these tests measure time.
slow: $(VENV)/.installed-dev
	MPLBACKEND=Agg $(BIN)/python -m pytest -m slow $(ARGS)

check: $(VENV)/.installed-dev
	$(BIN)/python -m ruff check
	$(BIN)/python -m ruff format --check
	$(BIN)/python -m mypy

format: $(VENV)/.installed-dev
	$(BIN)/python -m ruff check --fix
	$(BIN)/python -m ruff format

docs: $(VENV)/.installed-docs
	$(BIN)/python -m mkdocs build --strict $(ARGS)

clean:
	rm -rf $(VENV) site build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed (got %d.%d); try make PYTHON=python3.11" % sys.version_info[:2])'
	$(PYTHON) -m venv --clear $(VENV)

# A stamp is written only after a whole install: an interrupted one is done again.
$(VENV)/.installed: $(INPUTS)
	$(PIP) -e .
	@touch $@

$(VENV)/.installed-dev: $(INPUTS)
	$(PIP) -e '.[dev]'
	@touch $(VENV)/.installed $@

$(VENV)/.installed-docs: $(INPUTS)
	$(PIP) -e '.[docs]'
	@touch $(VENV)/.installed $@
