# Bare `make` explains itself. The virtual environment is .venv; everything else that is made is listed under `clean`.

VENV := .venv
PY := $(VENV)/bin/python
TIERS ?=
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
# A dot for each package that pip looks at; what goes wrong is on standard error, in full.
DOTS := | { while read -r word _; do if [ "$$word" = Collecting ]; then printf .; fi; done; echo; }
PIP := $(PY) -m pip install --disable-pip-version-check --progress-bar off --editable
MADE_FROM := setup.cfg pyproject.toml

.DEFAULT_GOAL := help
.PHONY: help run test lint simulation protos clean

help:
	@echo 'make run     install into $(VENV) and show it at work: a claim, a pod, a real interface (knd demo)'
	@echo 'make test    run all tests that this machine can run (TIERS="unit netns": only these;'
	@echo '             KND_REQUIRE=unit,contract,netns,runtime,vm: one of these that cannot run is a failure)'
	@echo 'make lint    ruff, mypy and the import rules'
	@echo 'make simulation  what aligned allocation is worth, in numbers and a plot (docs/topology.md)'
	@echo 'make protos  generate the protobuf modules anew from their .proto files'
	@echo 'make clean   remove what the above made here'

run: $(VENV)/installed
	@$(VENV)/bin/knd demo

test: $(VENV)/installed-test
	@$(PY) -m tests.tiers $(TIERS)

lint: $(VENV)/installed-test
	@$(PY) -m tests.tiers lint

simulation: $(VENV)/installed-test
	@$(PY) -m tests.simulation

protos: $(VENV)/installed-test
	@set -e; for proto in $$(git ls-files '*.proto'); do \
	  echo "$$proto"; $(PY) -m grpc_tools.protoc -I. --python_out=. --pyi_out=. $$proto; \
	done

$(VENV)/installed: $(MADE_FROM) | $(VENV)/made
	@echo "== installing knd into $(VENV): about 50 packages, half a minute"
	@$(PIP) . $(DOTS)
	@touch $@

$(VENV)/installed-test: $(MADE_FROM) | $(VENV)/made
	@echo "== installing knd and what its tests need into $(VENV): about 80 packages, a minute"
	@$(PIP) '.[test]' $(DOTS)
	@touch $(VENV)/installed $@

# The first Python that is new enough and can make a virtual environment; PYTHON=... names one.
$(VENV)/made:
	@old=; bare=; for python in $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11); do \
	  command -v $$python >/dev/null && $$python -c 1 2>/dev/null || continue; \
	  if ! $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then old=$$python; continue; fi; \
	  if ! $$python -c 'import ensurepip, venv' 2>/dev/null; then bare=$$python; continue; fi; \
	  echo "== making $(VENV) with $$($$python --version)"; \
	  $$python -m venv --clear $(VENV) && touch $@; exit; \
	done; \
	if [ -n "$$bare" ]; then \
	  echo "$$bare cannot make a virtual environment. Remedy: sudo apt-get install $$(basename $$bare)-venv" >&2; \
	else \
	  echo "knd needs Python 3.11 or newer$${old:+, $$old is $$($$old --version)}." >&2; \
	  echo "Remedy: sudo apt-get install python3 python3-venv (Debian 12, Ubuntu 24.04 or newer)" >&2; \
	fi; exit 1

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
