# make demo: watch it recognize people. make test: see that it works. Both set everything up by themselves.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PLAIN := $(VENV)/.plain
READY := $(VENV)/.ready
MODELS := $(VENV)/.models
PACKS := $(VENV)/.packs
# Long runs: several faults before everything is checked; what costs the same each time is quick.
IN_ROWS := --quick --clients 3 --pause 0.4
SITE := NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

# PATH is the shell's: given to make, it would take every program away from what make runs.
ifeq ($(origin PATH),command line)
$(error Name tests with ONLY, as in: make test ONLY=$(PATH))
endif

# The tests start hundreds of processes; each would compile the package again where no bytecode may be kept.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo serve browser test quick coverage check check-types check-rest check-terraform scan-terraform bench growth cluster chaos soak installed arriving audit docs site pictures lambda clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(PLAIN): pyproject.toml constraints.txt hatch_build.py
	@echo "== environment in $(VENV)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name one with make PYTHON=python3.12")'
	@$(PYTHON) -m venv $(VENV) || { echo "python3-venv is missing: apt-get install python3-venv, or name another Python."; exit 1; }
	# Bytecode is made of what is imported, when it is: of everything it would take half a minute.
	$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check --constraint constraints.txt --editable .
	@touch $@

$(READY): $(PLAIN)
	@echo "== what tests and benchmarks take"
	$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check --constraint constraints.txt --editable '.[dev,bench]'
	@touch $@

$(MODELS): $(PLAIN) src/kenspeckle/models/registry.py src/kenspeckle/models/samples.py
	@echo "== model pack and sample photographs"
	$(BIN)/kenspeckle models pull --samples
	@touch $@

$(PACKS): $(MODELS)
	@echo "== the other model pack, which tests and benchmarks compare with"
	$(BIN)/kenspeckle models pull centerface-dlib
	@touch $@

setup: $(READY) $(MODELS) ## environment in .venv, the package, the model pack

demo: $(MODELS) ## index and search real photographs on a real server
	$(BIN)/kenspeckle demo

serve: $(MODELS) ## run the service on http://127.0.0.1:8080
	$(BIN)/kenspeckle serve

browser: setup ## Chromium for the browser tests, where apt-get can install it
	@sh tests/browser/install.sh

test: setup $(PACKS) browser ## all tests; ONLY=tests/index those there, ARGS for pytest's options
	$(BIN)/python -m pytest -n 3 --dist loadscope -q $(ARGS) $(ONLY)

quick: $(READY) ## the tests of what differs from BASE (main), found by its name
	@found=$$($(BIN)/python -m tests.changed $(or $(BASE),main)) || exit 1; \
	if [ -z "$$found" ]; then echo "Nothing that was changed has tests of its name."; exit 0; fi; \
	echo "$$found"; $(BIN)/python -m pytest -q -x $(ARGS) $$found

coverage: setup $(PACKS) browser ## all tests, and which lines no test runs: build/coverage/index.html
	$(BIN)/python -m pytest -n 2 --dist loadscope -q -p pytest_cov.plugin --cov --cov-report=html --cov-report=term:skip-covered $(ARGS) $(ONLY)

check: setup ## what a reviewer's eye would find: lint, format, types, the documentation site
	@$(MAKE) --no-print-directory $(if $(filter -j%,$(MAKEFLAGS)),,--jobs=2) check-types check-rest

# The types of everything take as long as all the rest.
check-types: $(READY)
	$(BIN)/mypy

check-rest: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache
	$(SITE) --quiet

site: setup ## build the documentation into build/site
	$(SITE)
	@echo "Read it on http://127.0.0.1:8000: $(BIN)/python -m http.server --bind 127.0.0.1 --directory build/site"

pictures: setup ## record the answers and draw the pictures of the documentation; needs node and a Chromium
	$(BIN)/python -m docs.making.answers
	$(BIN)/python -m docs.illustrate

check-terraform: .venv-terraform/.ready ## the real Terraform formats, validates, applies and destroys terraform/, before no AWS
	.venv-terraform/bin/python -m pytest -q -o addopts= -p tests.terraform.real.terraform $(addprefix tests/terraform/real/,inputs.py validate.py monitoring.py installations.py)

scan-terraform: .venv-checkov/.ready ## checkov on terraform/; its environment takes half a gigabyte
	.venv-checkov/bin/checkov --directory terraform --framework terraform --compact --quiet --skip-download

.venv-%/.ready: tests/terraform/real/%.txt
	@echo "== environment in .venv-$*"
	$(PYTHON) -m venv .venv-$*
	.venv-$*/bin/python -m pip install --quiet --no-compile --disable-pip-version-check --requirement $<
	@touch $@

bench: setup $(PACKS) ## measure against peers and limits; writes docs/benchmarks.md
	$(BIN)/python -m benchmarks.run

growth: setup ## what grows with a collection, a table: SIZES="10000 1000000" faces; 1.6 kB of disk each
	$(BIN)/python -m benchmarks.growth $(SIZES)

cluster: setup ## PostgreSQL, three replicas and HAProxy on this machine, under faults; ROUNDS=50, STANDBY=1 for fail-overs; KILLS=1000
	@sh tests/cluster/balancer.sh
	$(BIN)/python -m tests.cluster.run $(if $(KILLS),--rounds $(KILLS) $(IN_ROWS) --row 10 --kills --standby,--rounds $(or $(ROUNDS),2) $(if $(STANDBY),--standby)) $(ARGS)

chaos: setup ## as cluster, with a bucket and Milvus; replicas are cut off each part, or reach it slowly, and disks fill: ROUNDS=500
	@sh tests/cluster/balancer.sh
	$(BIN)/python -m tests.cluster.run --chaos --rounds $(or $(ROUNDS),16) $(ARGS)

soak: setup $(PACKS) ## the long runs: 1,000 kills (KENSPECKLE_KILLS; a run that is cut off goes on), thousands of broken images and requests
	KENSPECKLE_SOAK=1 $(BIN)/python -m pytest -q --timeout 14400 tests/faults tests/serving tests/doctor tests/rekognition tests/moving tests/contract tests/aws tests/encryption tests/milvus tests/compose/test_ray.py tests/test_outward.py tests/vision/test_head_fuzz.py tests/vision/test_hostile.py
	$(MAKE) cluster KILLS=$(or $(KENSPECKLE_KILLS),1000)
	$(MAKE) chaos ROUNDS=500 ARGS="$(IN_ROWS) --row 6 --at-once 2"

installed: setup ## the package in environments of its own, with the lowest and the newest versions of its dependencies
	$(PYTHON) -m venv build/uv
	build/uv/bin/python -m pip install --quiet --disable-pip-version-check uv
	for bound in lowest-direct highest; do \
	  build/uv/bin/uv venv --quiet --clear --python $(BIN)/python build/$$bound && \
	  build/uv/bin/uv pip install --quiet --python build/$$bound/bin/python --resolution $$bound . pytest==9.2.0 && \
	  build/$$bound/bin/kenspeckle demo --output build/demo-$$bound && \
	  build/$$bound/bin/python -m pytest -q -p no:cacheprovider --rootdir tests/installed -c /dev/null tests/installed/guests.py \
	  || exit 1; \
	done

arriving: setup ## each documented way from a bare machine to a recognized photograph, timed: WAYS="clone wheel container"; the last needs root and debootstrap
	$(BIN)/python -m tests.arriving.ways $(WAYS)

audit: setup ## known vulnerabilities of what constraints.txt pins; needs a network, and says so where it has none
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt pip-audit
	@.ci/audit $(BIN)/pip-audit

docs: setup ## write what the documentation takes from code
	$(BIN)/python -m docs.generate
	$(BIN)/python -m docs.postman.generate

lambda: $(READY) ## the zip of the AWS Lambda functions, in dist/; LAMBDA_ARCH=arm64 for Graviton
	$(BIN)/python deploy/lambda_zip.py --architecture $(or $(LAMBDA_ARCH),x86_64)

clean: ## remove what make made (not the model pack in the cache folder)
	rm -rf $(VENV) .venv-terraform .venv-checkov build dist demo-output
