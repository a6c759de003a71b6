# Two commands on a fresh machine (Python 3.11, pip, make): `make study` runs the main job, `make test` passes the tests.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NAME ?= gap
OUTPUT ?= results/$(NAME)
WORKERS ?= 2
# Families of snapshots that the outside judge is asked about: those that are done.
FAMILIES ?= tiny,small,scarce,identical,smooth,perlink,cap,whole,shards,paper,plant,starved
# One thread per process: cores are spent on seeds and cells, and results do not depend on the machine.
export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1
export MKL_NUM_THREADS := 1

.PHONY: help install study test test-fast lint format docs judge clean

help:
	@echo "make study [NAME=gap] [OUTPUT=results/gap] [WORKERS=2]   run a study and write its report"
	@echo "make test | test-fast    all tests | without the slow ones"
	@echo "make lint | format       ruff and basedpyright | ruff format"
	@echo "make docs                the documentation as pages, in site/"
	@echo "make judge               judge the solver from outside (needs ../shared/judge)"
	@echo "make clean               remove the environment and caches"

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev]"
	@echo "compiling the kernels of solver and learners, once (about a minute)"
	@$(BIN)/python -c "import twingap; twingap.solve(twingap.draw('paper')); twingap.train('mappo', twingap.make_env('paper', 0.1, 0, 8), updates=1)"
	@touch $@

study: install
	$(BIN)/twingap study $(NAME) --output $(OUTPUT) --workers $(WORKERS)

test: install
	$(BIN)/python -m pytest -n 2

test-fast: install
	$(BIN)/python -m pytest -n 2 -m "not slow"

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: install
	$(BIN)/python -m sphinx --fail-on-warning --quiet -b html docs site
	@echo "documentation: site/index.html"

judge: install
	$(BIN)/python ../shared/judge/judge.py --only $(FAMILIES) \
		-- $(BIN)/twingap solve {snapshot} --output {solution} --gap 1e-4 --time-limit 60

clean:
	rm -rf $(VENV) build dist site *.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
