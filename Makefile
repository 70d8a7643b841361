# jaxlm: `make` lists the targets. PYTHON picks the interpreter, VENV the environment's folder.

ifeq ($(origin PYTHON),undefined)
PYTHON := $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; exit; }; \
	done; echo python3)
endif
VENV ?= .venv
PYTEST_ARGS ?=

# Each stamp carries the version of Python, so that another PYTHON rebuilds the environment.
VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null)
CREATED := $(VENV)/.created-$(VERSION)
BASE := $(VENV)/.base-$(VERSION)
DATA := $(VENV)/.data-$(VERSION)
DEV := $(VENV)/.dev-$(VERSION)

BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
INSTALL_LOCK := $(PIP_INSTALL) --require-hashes --only-binary :all: --requirement
INSTALL_SELF := $(PIP_INSTALL) --no-deps --no-build-isolation --editable .

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help quickstart install install-data install-dev test test-all crash lint format lock clean python

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

quickstart: $(BASE)  ## set up .venv, then train, evaluate and sample a small model
	$(BIN)/python -m jaxlm.train configs/quickstart.py

install: $(BASE)  ## set up .venv with what jaxlm needs to run

install-data: $(DATA)  ## the same and what the data shop needs

install-dev: $(DEV)  ## the same and the tools for development

test: $(DEV)  ## the tests that take minutes
	$(BIN)/python -m pytest $(PYTEST_ARGS)

test-all: $(DEV)  ## every test that needs no accelerator
	$(BIN)/python -m pytest -m "not gpu and not tpu" $(PYTEST_ARGS)

crash: $(DEV)  ## kill training twenty times, and check that it resumes exactly
	JAXLM_CRASH_TRIALS=20 $(BIN)/python -m pytest -m crash $(PYTEST_ARGS)

lint: $(DEV)  ## check style and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: $(DEV)  ## rewrite the code in the house style
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

# The development lock is resolved within the base lock, so that both always agree.
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-emit-index-url --no-emit-find-links --upgrade
lock: $(DEV)  ## resolve the dependencies afresh
	$(COMPILE) pyproject.toml requirements/build.in --output-file requirements/base.txt
	$(COMPILE) pyproject.toml requirements/build.in --extra data --constraint requirements/base.txt \
		--output-file requirements/data.txt
	$(COMPILE) pyproject.toml requirements/build.in --extra data --extra dev \
		--constraint requirements/data.txt --output-file requirements/dev.txt

clean:  ## remove .venv and every cache; runs and checkpoints stay
	rm -rf $(VENV) build .mypy_cache .pytest_cache .ruff_cache .hypothesis *.egg-info
	find jaxlm configs tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(BASE): requirements/base.txt pyproject.toml setup.py | $(CREATED)
	@echo "installing requirements/base.txt into $(VENV) (about a minute)"
	@$(INSTALL_LOCK) requirements/base.txt
	@$(INSTALL_SELF)
	@touch $@

$(DATA): requirements/data.txt requirements/base.txt pyproject.toml setup.py | $(CREATED)
	@echo "installing requirements/data.txt into $(VENV) (about a minute)"
	@$(INSTALL_LOCK) requirements/data.txt
	@$(INSTALL_SELF)
	@touch $@ $(BASE)

$(DEV): requirements/dev.txt requirements/data.txt requirements/base.txt pyproject.toml setup.py | $(CREATED)
	@echo "installing requirements/dev.txt into $(VENV) (about a minute)"
	@$(INSTALL_LOCK) requirements/dev.txt
	@$(INSTALL_SELF)
	@touch $@ $(DATA) $(BASE)

$(CREATED): | python
	@$(PYTHON) -m venv --clear $(VENV)
	@touch $@

python:
	@command -v "$(PYTHON)" >/dev/null && test -n "$(VERSION)" || { \
		echo "error: no Python interpreter '$(PYTHON)'; install Python 3.11 or later," \
			"or name one: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "error: '$(PYTHON)' is Python $(VERSION), and jaxlm needs 3.11 or later;" \
			"name another: make PYTHON=/path/to/python3.12" >&2; exit 1; }
