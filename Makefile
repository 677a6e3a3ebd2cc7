# `make demo` and `make test` are the two that a newcomer needs; each gets what it lacks first.
.DEFAULT_GOAL := help
.PHONY: help setup servers check test demo bench matrix image-test docs lock clean
BIN := .venv/bin
# Most tests wait for a server; more of them at once would make the few that compute late for those that time it.
WORKERS := 3
# Last on the PATH of the tests: what they look for on a node and this machine does not have.
PARTS = $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/drwatch-lab/$(shell . /etc/os-release; echo $$VERSION_CODENAME)-$(shell uname -m)/bin

help: ## say what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

setup: ## get what is missing: .venv, and the servers that the lab starts (nothing to do: under a second)
	@scripts/setup

servers: ## that, and the servers of every flavour, which the tests and the benchmarks run (330 MB on the disk)
	@scripts/setup --servers

demo: setup ## watch a real pair on this machine, break it, read the page (ARGS="--scenario NAME --json")
	@$(BIN)/drwatch demo $(ARGS)

check: setup ## style, types and the rooms' walls
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --config import-contracts.toml
	$(BIN)/pytest -q tests/test_rooms.py

test: servers check ## the checks, then every test
	PATH="$$PATH:$(PARTS)" $(BIN)/pytest -n $(WORKERS) --dist loadgroup

bench: servers ## measure against the goals: all of bench/, or one with BENCH=NAME (ARGS="--flavour mysql-5.7 --kills 20")
	@scripts/bench $(BENCH) $(ARGS)

matrix: servers ## every scenario on every flavour, two hours (ARGS="--flavour mysql-9.7", ARGS="--topology hosts", ARGS=--resume)
	@$(BIN)/python -m drwatch.lab.matrix $(ARGS)

image-test: setup ## boot the systemd unit in a container, build and run the image (root; installs their tools)
	@scripts/image-test

docs: setup ## make the README's page and picture, the verdicts' table and the dashboard anew
	@scripts/picture
	@scripts/verdicts > docs/verdicts.md
	@$(BIN)/python config/grafana/generate.py > config/grafana/drwatch.json

lock: ## bring requirements.lock up to date with pyproject.toml
	@scripts/lock

clean: ## remove what was built in the checkout (the lab's downloads stay in their cache)
	rm -rf .venv .venv.tmp dist bench/out .mypy_cache .ruff_cache .import_linter_cache .pytest_cache .hypothesis
