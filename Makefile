# SPDX-License-Identifier: GPL-3.0-or-later
# Two commands matter: make demo, make test. `make help` lists the others.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
PUBLISH := .build/publish
DOCS := .build/docs
BIN := $(VENV)/bin
COLLECTIONS := .build/collections/ansible_collections/breakglass
SOURCES := $(wildcard $(shell git ls-files src plugins extensions roles playbooks meta galaxy.yml README.md pyproject.toml 2>/dev/null))
TREES := src plugins extensions roles tests benchmarks tools

.PHONY: help demo demo-fails install develop test lint full sanity ansible-test dist draft galaxy format unit integration trials cores fault-matrix role-docs changelog docs support awx-surveys openapi packages lab lab-core lab-test lab-down remediations-table bench soak lock clean

help: ## List the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

demo: install ## Run the main job on real parts: one alert repairs one host under a time-boxed credential
	@$(BIN)/breakglass demo

demo-fails: install ## The same, but the repair does not help: two attempts, undo, then people
	@$(BIN)/breakglass demo --fails

test: lint unit integration ## Everything that must be green: lint, types, import rules, unit and integration tests

lint: $(VENV)/.dev-installed ## Style, types, import rules, Ansible and YAML lint, spelling
	$(BIN)/ruff check $(TREES)
	$(BIN)/ruff format --check $(TREES)
	$(BIN)/mypy -p breakglass -p ansible_collections.breakglass.remediation.plugins.plugin_utils -p ansible_collections.breakglass.remediation.plugins.module_utils
	$(BIN)/lint-imports
	$(BIN)/yamllint -s .
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/ansible-lint --offline -q roles playbooks
	$(BIN)/codespell src plugins extensions benchmarks tools docs roles playbooks meta README.md ARCHITECTURE.md CONTRIBUTING.md changelogs
	$(BIN)/antsibull-changelog lint

sanity: $(VENV)/.dev-installed ## ansible-test sanity on what goes to Galaxy, with every Python that this machine has
	$(BIN)/python tools/sanity.py

ansible-test: $(VENV)/.dev-installed ## ansible-test units and integration on the collection, nothing from the network (about ten minutes)
	$(BIN)/python tools/ansible_test.py units
	$(BIN)/python tools/ansible_test.py integration

dist: $(VENV)/.dev-installed $(PUBLISH)/.installed ## Build what is published, the same bytes everywhere, and a CycloneDX bill of materials; refuses a placeholder as repository
	$(BIN)/python tools/distribution.py
	$(PUBLISH)/bin/python tools/sbom.py dist/breakglass-remediation.cdx.json

draft: $(VENV)/.dev-installed $(PUBLISH)/.installed ## The same into .build/draft, to be looked at: whatever the repository is called
	$(BIN)/python tools/distribution.py --draft
	$(PUBLISH)/bin/python tools/sbom.py .build/draft/breakglass-remediation.cdx.json

galaxy: draft ## Let Galaxy's importer and antsibull-docs judge what would be published
	$(PUBLISH)/bin/python tools/galaxy.py .build/draft/breakglass-remediation-*.tar.gz
	PATH="$(CURDIR)/$(PUBLISH)/bin:$$PATH" $(PUBLISH)/bin/antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs all \
		--disallow-unknown-collection-refs --skip-rstcheck $(COLLECTIONS)/remediation

format: $(VENV)/.dev-installed ## Bring the code into its form
	$(BIN)/ruff check --fix $(TREES)
	$(BIN)/ruff format $(TREES)

# No package that is installed here starts a service of its own.
NO_SERVICES := if test ! -e /usr/sbin/policy-rc.d; then trap 'rm -f /usr/sbin/policy-rc.d' EXIT; \
	printf '\#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d; fi

unit: $(VENV)/.dev-installed ## Quick tests without any server
	$(BIN)/pytest -q -n 2 --dist loadfile tests/unit

# What fails on real parts is tried once more, alone, and named: a fault fails twice, a disturbance of a busy machine does not (decision 20).
define twice
	@$(BIN)/pytest -q $(1) $(2) || { test $$? = 1 && echo "SECOND TRY, alone, of what failed above:" && \
	$(BIN)/pytest -v -n 0 $(3) --last-failed --last-failed-no-failures none --maxfail 1 $(2); }
endef

integration: $(VENV)/.dev-installed ## Tests against a real OpenBao, a real SSH host, real ansible-playbook
	$(call twice,-n 4 --dist loadfile,-m 'not slow' tests/integration tests/e2e)

trials: $(VENV)/.dev-installed cores ## What takes its time: crashes, kills, a full disk, a Vault in trouble, canaries, other cores, every command of the guides (an hour)
	$(call twice,-n 4 --dist loadfile,-m slow tests/trials tests/integration tests/e2e)

full: test sanity trials demo docs ## All but the lab and the soak: what must be green before a release

cores: $(VENV)/.dev-installed ## Environments with the oldest and newest ansible-core, where this machine has their Python
	@$(BIN)/python -m tests.support.cores

fault-matrix: $(VENV)/.dev-installed ## Let every fault happen to a run that holds every credential; writes docs/reference/fault-matrix.md
	$(BIN)/python -m tests.fault_matrix.run

role-docs: $(VENV)/.dev-installed ## Write the README of each remediation role from its meta/
	$(BIN)/python tools/role_docs.py

docs: $(VENV)/.installed $(DOCS)/.installed ## Build the documentation site into .build/site, every link checked, nothing from the network
	$(DOCS)/bin/python tools/documentation.py .build/site

support: $(VENV)/.dev-installed ## Try every ansible-core on every Python of this machine; writes docs/reference/support.md (an hour)
	$(BIN)/nox

changelog: $(VENV)/.dev-installed ## At a release: make CHANGELOG.rst and changelogs/changelog.yaml of the fragments
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/antsibull-changelog release

awx-surveys: $(VENV)/.dev-installed ## Write the surveys of AWX's job templates from the roles' argument specs
	$(BIN)/python -m tools.awx_surveys

openapi: $(VENV)/.dev-installed ## Write docs/reference/openapi.json from the operations of the API
	$(BIN)/python -m tools.openapi_document

commands: $(VENV)/.dev-installed ## Write docs/reference/commands.md from the commands as the parser has them
	$(BIN)/python -m tools.commands_reference

remediations-table: $(VENV)/.dev-installed ## Write docs/reference/remediations.md from what tests of the lab have recorded
	$(BIN)/python -m tools.remediations_table

packages: ## Install the Debian packages that some tests need (as root; CI does)
	@$(NO_SERVICES); DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $$(grep -v '^#' tests/packages.txt)

lab: $(VENV)/.dev-installed ## Install what the lab of real hosts needs, and build their base (as root, once, about three minutes)
	@$(NO_SERVICES); apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $$(grep -v "^#" tests/lab/packages.txt)
	tests/lab/breakglass-lab base

LAB_PYTEST := $(BIN)/pytest -q -n 0 --timeout 300

lab-core: $(VENV)/.dev-installed ## The core of the tests on real hosts, a few minutes (as root, after make lab)
	$(call twice,-n 0 --timeout 300,-m core tests/lab,--timeout 300)

lab-test: $(VENV)/.dev-installed ## All tests on real hosts (as root, after make lab)
	$(LAB_PYTEST) tests/lab

lab-down: $(VENV)/.dev-installed ## Remove everything that a lab has made, also after a crash
	tests/lab/breakglass-lab down

bench: $(VENV)/.dev-installed ## Measure; writes benchmarks/results/
	$(BIN)/python -m benchmarks.run
	$(BIN)/python -m benchmarks.verify_speed
	$(BIN)/python -m benchmarks.shipping
	$(BIN)/python -m benchmarks.callback_overhead
	$(BIN)/python -m benchmarks.acknowledgements

lock: ## Resolve requirements/*.in anew (needs uv)
	cd requirements && uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-emit-find-links --no-header --no-annotate runtime.in -o ../requirements.txt
	cd requirements && uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-emit-find-links --no-header --no-annotate dev.in -o dev.txt
	cd requirements && uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-emit-find-links --no-header --no-annotate bench.in -o bench.txt
	cd requirements && uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-emit-find-links --no-header --no-annotate rulebook.in -o rulebook.txt
	cd requirements && uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-emit-find-links --no-header --no-annotate publish.in -o publish.txt
	cd requirements && uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-emit-find-links --no-header --no-annotate docs.in -o docs.txt
	cd requirements && uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-emit-find-links --no-header --no-annotate --resolution lowest-direct --extra demo --extra postgresql ../pyproject.toml -o lowest.txt
	cd requirements && uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-emit-find-links --no-header --no-annotate lowest-tests.in -o lowest-tests.txt
	cd requirements && for core in 2.16:3.10 2.17:3.10 2.18:3.11 2.19:3.11 2.20:3.12 2.21:3.12 2.22:3.13; do \
		printf 'ansible-core==%s.*\n' $${core%%:*} | uv pip compile -q --universal --python-version $${core##*:} \
		--generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate \
		--prerelease if-necessary - core.in -o core-$${core%%:*}.txt || exit 1; done

soak: $(VENV)/.dev-installed ## Long crash trials, two thousand incidents in one process, and all tests on real hosts (as root, after make lab); bounded, and stops by itself
	$(BIN)/python -m tests.soak.crashes
	$(BIN)/python -m tests.soak.recording
	$(BIN)/python -m tests.soak.fleet
	$(BIN)/python -m tests.soak.endurance
	$(LAB_PYTEST) tests/lab

clean: ## Remove what was built here
	rm -rf $(VENV) .build demo dist .mypy_cache .ruff_cache .hypothesis .import_linter_cache

install: $(VENV)/.installed ## Make the virtual environment and install the wheel of this tree

develop: $(VENV)/.dev-installed ## Use this tree directly instead of its wheel: changes are live
	@site=$$($(BIN)/python -c 'import site; print(site.getsitepackages()[0])'); \
	$(BIN)/pip uninstall -q -y breakglass-remediation; mkdir -p $$site/ansible_collections/breakglass; \
	ln -sfn "$(CURDIR)" $$site/ansible_collections/breakglass/remediation; echo "$(CURDIR)/src" > $$site/breakglass-develop.pth; \
	touch $(VENV)/.develop

$(VENV)/.requirements: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "breakglass needs Python 3.11 or newer: make PYTHON=python3.11 …")'
	@$(PYTHON) -c 'import ensurepip, venv' || { echo "This Python has no venv; on Debian: apt install python3-venv" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing what is needed, pinned and checked by hash (about 40 s) …"
	@$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

$(VENV)/.installed: $(VENV)/.requirements $(SOURCES)
	@test -e $(VENV)/.develop || $(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation \
		--force-reinstall .
	@mkdir -p $(COLLECTIONS) && ln -sfn "$(CURDIR)" $(COLLECTIONS)/remediation
	@touch $@

$(DOCS)/.installed: requirements/docs.txt
	@test -x $(DOCS)/bin/python || $(PYTHON) -m venv $(DOCS)
	@$(DOCS)/bin/pip install -q --disable-pip-version-check --require-hashes -r requirements/docs.txt
	@touch $@

$(PUBLISH)/.installed: requirements/publish.txt
	@test -x $(PUBLISH)/bin/python || $(PYTHON) -m venv $(PUBLISH)
	@$(PUBLISH)/bin/pip install -q --disable-pip-version-check --require-hashes -r requirements/publish.txt
	@touch $@

$(VENV)/.dev-installed: requirements/dev.txt $(VENV)/.installed
	@$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@
