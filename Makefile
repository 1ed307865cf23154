# `make` lists what there is. `make run` and `make test` do all of their own set-up.

VENV := .venv/bin/python
CODE := chat server pushpin tests benchmarks manage.py

# Python keeps what it has compiled, also where the environment says otherwise: the tests start hundreds of processes.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help run test test-all test-unit test-integration test-browser test-scale chaos bench slowest lint check-compose clean
.PHONY: venv venv-dev venv-bench packages node gate-unit gate-integration gate-scale gate-browser gate-bench

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 20

run: venv  ## set everything up and serve at http://localhost:7999/ (or PORT); Ctrl-C ends it
	@exec $(VENV) -m server.run

# Tests of files beside each other: most of their time is waiting. One process takes a file at a time, so that tests
# which need a service of their own share it; tests/conftest.py lets the longest files begin.
BESIDE := --dist loadfile --no-loadscope-reorder -n
RESULTS := var/tests
# Two targets at once. What each of them says comes as a whole when it ends. All share what tests/prepared.py makes.
BOTH := --no-print-directory --jobs 2 --output-sync=target

test: packages node venv-dev  ## everything that gates a change, its own set-up included: 12 minutes on two cores
	@$(MAKE) $(BOTH) lint venv-bench
	@CORKBOARD_TESTS_PREPARED="$$($(VENV) -m tests.prepared)" && export CORKBOARD_TESTS_PREPARED && \
	trap 'rm -rf "$$CORKBOARD_TESTS_PREPARED"' EXIT && \
	$(MAKE) $(BOTH) gate-integration gate-unit && \
	$(MAKE) --no-print-directory gate-scale && \
	$(MAKE) $(BOTH) gate-browser gate-bench

gate-unit:
	$(VENV) -m pytest -n 2 tests/unit --junitxml $(RESULTS)/unit.xml

gate-integration:
	$(VENV) -m pytest $(BESIDE) 3 tests/integration --junitxml $(RESULTS)/integration.xml

gate-scale:
	$(VENV) -m pytest tests/scale tests/chaos tests/browser/test_recovery.py --junitxml $(RESULTS)/scale.xml

gate-browser:
	$(VENV) -m pytest -n 2 --dist worksteal tests/browser --ignore tests/browser/test_recovery.py \
		--junitxml $(RESULTS)/browser.xml

gate-bench:
	@$(MAKE) --no-print-directory bench QUICK=1 READERS=50

test-all: export TEST_ALL := 1
test-all: test  ## the same with all that is too long for a gate, for a job at night

test-unit: venv-dev node  ## the tests that need no network, in seconds
	$(VENV) -m pytest tests/unit

test-integration: packages venv-dev  ## the tests on a real Pushpin, gunicorn, PostgreSQL and SQLite
	$(VENV) -m pytest $(BESIDE) 3 tests/integration

test-scale: packages venv-dev  ## storms, crashes and slow clients with hundreds of readers, and a fault run of a minute
	$(VENV) -m pytest tests/scale tests/chaos

test-browser: packages venv-dev  ## the tests in Chromium
	$(VENV) -m pytest tests/browser

chaos: packages venv-dev  ## the fault run; DURATION (s), SEED, READERS, WRITERS, ROOMS, DATABASE: docs/testing.md
	@$(VENV) -m tests.chaos \
		$(if $(DURATION),--duration $(DURATION)) $(if $(SEED),--seed $(SEED)) $(if $(READERS),--readers $(READERS)) \
		$(if $(WRITERS),--writers $(WRITERS)) $(if $(ROOMS),--rooms $(ROOMS)) $(if $(DATABASE),--database $(DATABASE))

bench: packages venv-bench  ## beside raw Pushpin, the tutorial and Channels (ROUNDS=3 READERS=1000 ONLY=row), 30 minutes; QUICK=1 only sees that all rows run
	@$(VENV) -m benchmarks --rounds $(or $(ROUNDS),3) --readers $(or $(READERS),1000) $(if $(ONLY),--only $(ONLY)) $(if $(QUICK),--quick)
	@$(if $(QUICK),$(VENV) -m benchmarks.hooks --quick)

slowest: venv-dev  ## the 40 tests of the last `make test` that took longest, for docs/testing.md
	@$(VENV) -m tests.slowest $(RESULTS)/*.xml

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

venv-bench: venv-dev
	@benchmarks/venv

packages:
	@.ci/packages

node:
	@.ci/node
