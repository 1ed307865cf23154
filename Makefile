# `make` lists what there is. `make run` and `make test` do all of their own set-up.

VENV := .venv/bin/python
CODE := chat server tests benchmarks manage.py

.DEFAULT_GOAL := help
.PHONY: help run test test-unit test-integration test-browser test-scale chaos bench lint check-compose clean venv venv-dev packages node

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 20

run: venv  ## set everything up and serve at http://localhost:7999/ (or PORT); Ctrl-C ends it
	@exec $(VENV) -m server.run

test: packages node lint  ## set everything up, lint, and run all tests (a fault run of 90 s among them)
	$(VENV) -m pytest tests/scale tests/chaos tests/browser/test_recovery.py
	$(VENV) -m pytest -n 3 --dist worksteal tests/unit tests/integration
	$(VENV) -m pytest -n 2 --dist worksteal tests/browser --ignore tests/browser/test_recovery.py

test-unit: venv-dev node  ## the tests that need no network, in seconds
	$(VENV) -m pytest tests/unit

test-integration: packages venv-dev  ## the tests on a real Pushpin, gunicorn, SQLite and PostgreSQL
	$(VENV) -m pytest -n 3 --dist worksteal tests/integration

test-scale: packages venv-dev  ## the tests with a thousand readers; SCALE_LONG=1 adds what takes minutes
	$(VENV) -m pytest tests/scale

test-browser: packages venv-dev  ## the tests in Chromium
	$(VENV) -m pytest tests/browser

chaos: packages venv-dev  ## the fault run; DURATION (s), SEED, READERS, WRITERS, ROOMS, DATABASE: docs/testing.md
	@$(VENV) -m tests.chaos \
		$(if $(DURATION),--duration $(DURATION)) $(if $(SEED),--seed $(SEED)) $(if $(READERS),--readers $(READERS)) \
		$(if $(WRITERS),--writers $(WRITERS)) $(if $(ROOMS),--rooms $(ROOMS)) $(if $(DATABASE),--database $(DATABASE))

bench: packages venv-dev  ## beside raw Pushpin, the tutorial and Channels (ROUNDS=3 READERS=1000 ONLY=row QUICK=1), 20 minutes
	@benchmarks/venv
	@exec $(VENV) -m benchmarks --rounds $(or $(ROUNDS),3) --readers $(or $(READERS),1000) $(if $(ONLY),--only $(ONLY)) $(if $(QUICK),--quick)

lint: venv-dev  ## style, types and templates
	$(VENV) -m ruff check $(CODE)
	$(VENV) -m ruff format --check $(CODE)
	$(VENV) -m mypy
	$(VENV) -m djlint --quiet --lint templates

check-compose:  ## is docker-compose.yml valid?
	docker compose config --quiet

clean:  ## remove the virtual environment and caches; var/, the data, stays
	rm -rf .venv .venv-bench node_modules .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find $(CODE) -name __pycache__ -prune -exec rm -rf {} +

venv:
	@.ci/venv requirements.txt

venv-dev:
	@.ci/venv requirements-dev.txt

packages:
	@.ci/packages

node:
	@.ci/node
