# Two commands: `make demo` runs the main job on real work, `make test` passes every check.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
WORKERS ?= 2
UV := uv==0.13.9

.PHONY: help demo test test-all lint format types bench paper docs notebooks train lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "clear_opt needs Python 3.11 or newer; try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@# uv reads the lock in seconds, pip in minutes; pip stands by where uv cannot be had.
	@$(BIN)/python -m pip install -qq --disable-pip-version-check $(UV) \
		&& UV_SYSTEM_CERTS=1 UV_NATIVE_TLS=1 UV_FIND_LINKS="$$PIP_FIND_LINKS" \
			$(BIN)/uv pip install -q --python $(BIN)/python -r requirements.lock \
		|| $(BIN)/python -m pip install -qq --disable-pip-version-check -r requirements.lock
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(READY) ## allocate a tight budget over a few hundred queries, with a table, a price and a picture
	$(BIN)/clear-opt demo --out-dir demo-output

test: lint types docs $(READY) ## lint, types, the documentation, every test and doctest
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses=$(WORKERS) --dist=worksteal \
		--durations=10

test-all: lint types docs $(READY) ## the same with every random sweep in full, and coverage
	CLEAR_OPT_TESTS=all OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses=$(WORKERS) \
		--dist=worksteal --cov --cov-report=term --durations=25

lint: $(READY) ## ruff: lint and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(READY) ## let ruff mend what it can, and clear the notebooks' outputs
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/jupyter nbconvert --log-level WARN --clear-output \
		--ClearMetadataPreprocessor.enabled=True --inplace notebooks/*.ipynb

types: $(READY) ## pyright, standard mode
	$(BIN)/pyright

bench: $(READY) ## measured comparisons with what a user would pick instead
	$(BIN)/python -m benchmarks.limit
	$(BIN)/python -m benchmarks.solvers
	$(BIN)/python -m benchmarks.conic
	$(BIN)/python -m benchmarks.path
	$(BIN)/python -m benchmarks.gpu

paper: $(READY) ## the paper's experiment: tables, pictures and all cells, into paper-output/
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.paper --out paper-output

docs: $(READY) ## build the site into site/, warnings are errors
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

notebooks: $(READY) ## run the research notebooks and write them, with pictures, into build/notebooks
	OMP_NUM_THREADS=1 $(BIN)/jupyter nbconvert --log-level ERROR --execute --to html \
		--output-dir build/notebooks notebooks/*.ipynb

train: $(READY) ## retrain models/zeroeval-math from the shared rollouts
	$(BIN)/python training/train_zeroeval.py

lock: ## resolve requirements.lock anew (needs uv)
	uv pip compile pyproject.toml --all-extras --group dev --universal --python-version 3.11 \
		--no-emit-index-url --no-emit-find-links --quiet --output-file requirements.lock

clean: ## forget the environment and everything built
	rm -rf $(VENV) build/notebooks site dist demo-output paper-output .coverage .pytest_cache .ruff_cache
