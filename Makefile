# One entry point for everything that is typed here. `make help` lists it.
PYTHON    ?= python3
INVENTORY ?= inventories/demo
STATE      = $(INVENTORY)/.state
DEV_CLOUD_STATE ?= /var/lib/coursevm/dev_cloud

VENV     := .venv
BIN      := $(VENV)/bin
IN_PLACE := .ansible/collections/ansible_collections/ouseful/coursevm
RUNTIME  := $(VENV)/.runtime $(IN_PLACE)
TESTING  := $(VENV)/.testing $(IN_PLACE)
PLAY      = $(BIN)/ansible-playbook
PEERS_VENV := .cache/bench
PROXY_VENV := .cache/faults
BROWSER_VENV := .cache/browser
SCENARIOS := $(patsubst %/molecule.yml,%.test,$(wildcard molecule/*/molecule.yml))
JOBS      ?= 3

# The demo's own cloud and vault password; a command line or an environment that names others wins.
# The password file is named only to what makes or needs it: ansible refuses to start on one that is not there.
export OS_CLIENT_CONFIG_FILE ?= $(DEV_CLOUD_STATE)/clouds.yaml
demo site verify password: export ANSIBLE_VAULT_PASSWORD_FILE ?= $(CURDIR)/$(STATE)/vault-password
export PATH := $(CURDIR)/$(BIN):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help setup demo dev-cloud dev-cloud-stop dev-cloud-destroy image site verify password \
        test lint sanity unit packages molecule integration integration/demo \
        integration/engine integration/image integration/faults faults scale sdk-matrix dev-cloud-test bench bench-test clean $(SCENARIOS)

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

## --- using it ---

setup: $(RUNTIME)  ## Install what the playbooks need into .venv

demo: $(RUNTIME) $(STATE)/vault-password  ## A cloud on this machine and two students' VMs in it, verified
	$(PLAY) -i localhost, ouseful.coursevm.dev_cloud
	$(PLAY) -i $(INVENTORY) ouseful.coursevm.course_image
	$(PLAY) -i $(INVENTORY) ouseful.coursevm.site

dev-cloud: $(RUNTIME)  ## Start the OpenStack on this machine (built when there is none yet)
	$(PLAY) -i localhost, ouseful.coursevm.dev_cloud

dev-cloud-stop: $(RUNTIME)  ## Stop it; what is in it stays
	$(PLAY) -i localhost, ouseful.coursevm.dev_cloud_stop

dev-cloud-destroy: $(RUNTIME)  ## Remove it and everything in it (IMAGES=1: the cached images, too)
	$(PLAY) -i localhost, ouseful.coursevm.dev_cloud_destroy -e dev_cloud_destroy_images=$(if $(IMAGES),true,false)

image: $(RUNTIME)  ## Build the course image and upload it to the cohort's cloud
	$(PLAY) -i $(INVENTORY) ouseful.coursevm.course_image

site: $(RUNTIME) $(STATE)/vault-password  ## Preflight, provision, configure, verify and report a cohort (INVENTORY=…)
	$(PLAY) -i $(INVENTORY) ouseful.coursevm.site

verify: $(RUNTIME) $(STATE)/vault-password  ## Ask every student's VM, as a browser would, whether it works
	$(PLAY) -i $(INVENTORY) ouseful.coursevm.verify

password: $(RUNTIME)  ## Show a student's credentials (STUDENT=ada)
	@test -n "$(STUDENT)" || { echo "Which student? For example: make password STUDENT=ada" >&2; exit 2; }
	@$(BIN)/ansible-vault view $(STATE)/credentials/$(STUDENT).yml

## --- working on it ---

# Molecule's hosts wait for packages, the cloud's VMs for their disks: side by side they share the time
test: $(TESTING)  ## What a change has to pass
	$(MAKE) --no-print-directory --jobs=2 --output-sync=target lint sanity unit
	$(MAKE) --no-print-directory --jobs=2 --keep-going --output-sync=line JOBS=2 molecule integration

lint: $(TESTING)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/yamllint -s .
	$(BIN)/ansible-lint

# ansible-test wants a path that ends in ansible_collections/<namespace>/<name> and no links in it
sanity: $(TESTING)
	tests/sanity/run.sh

unit: $(TESTING)
	$(BIN)/pytest --numprocesses auto tests/unit

packages:
	tests/packages.sh

# JOBS scenarios at a time; the first one alone, since it builds the hosts' image where there is none yet
molecule: $(TESTING) $(BROWSER_VENV)/.installed packages
	$(MAKE) --no-print-directory $(firstword $(SCENARIOS))
	$(MAKE) --no-print-directory --jobs=$(JOBS) --keep-going --output-sync=target $(wordlist 2,99,$(SCENARIOS))

$(SCENARIOS): molecule/%.test: $(TESTING) $(BROWSER_VENV)/.installed packages
	@tests/molecule.sh $*

integration: integration/demo integration/engine integration/image integration/faults

# The demo brings up the cloud. Engine and faults not side by side: the engine's tests change a quota. One alone waits for none
ifneq ($(filter integration,$(MAKECMDGOALS)),)
integration/engine integration/image: integration/demo
integration/faults: integration/engine
endif

integration/demo: $(TESTING) packages
	tests/integration/dev_cloud/refuse.sh
	$(BIN)/pytest --durations=5 tests/integration/demo

integration/engine: $(TESTING)
	$(BIN)/pytest --durations=10 tests/integration/cohort tests/integration/engine

integration/image: $(TESTING) packages
	$(BIN)/pytest --durations=10 tests/integration/image tests/integration/probe

integration/faults: $(TESTING) $(PROXY_VENV)/.installed
	$(BIN)/pytest --numprocesses 2 --dist worksteal --durations=10 tests/integration/faults

faults: $(TESTING) $(PROXY_VENV)/.installed  ## Every fault at every request of a run on the dev cloud (`test` does a part; log: build/faults.log)
	COURSEVM_FAULTS=all $(BIN)/pytest --numprocesses 3 --dist worksteal tests/integration/faults

scale: $(TESTING)  ## The life of a cohort of 10 and of 50 students on the dev cloud (STUDENTS="…"; `test` does four)
	for number in $(or $(STUDENTS),10 50); do \
	  COURSEVM_STUDENTS=$$number $(BIN)/pytest tests/integration/engine/test_life_of_a_cohort.py \
	    tests/integration/scale || exit; \
	done

sdk-matrix: $(TESTING)  ## With the oldest openstacksdk that is supported, the newest and one in between
	tests/sdk_matrix.sh

dev-cloud-test: $(TESTING) packages  ## Break and mend a second dev cloud, and destroy it (half an hour; not part of `test`)
	tests/integration/dev_cloud/mend.sh
	tests/integration/dev_cloud/destroy.sh

bench-test: $(TESTING)  ## Run the benchmark for one student, and interrupt it (three minutes; not part of `test`)
	$(BIN)/pytest tests/integration/bench

# An hour or so; nothing else should run on the machine. SIZES: students; PEERS: client[:repetitions]; REPORT: file
bench: $(RUNTIME) $(PEERS_VENV)/.installed  ## Compare with other clients on the dev cloud (SIZES="10 50", PEERS=…)
	$(BIN)/python -m bench $(if $(SIZES),--sizes $(SIZES)) $(if $(PEERS),--peers $(PEERS)) $(if $(REPORT),--report $(REPORT))

clean:  ## Remove what was installed and built here (not the cloud, not the credentials)
	rm -rf $(VENV) .ansible .cache build .pytest_cache .hypothesis .ruff_cache

## --- files ---

$(VENV)/bin/pip:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements/runtime.txt | $(VENV)/bin/pip
	$(BIN)/pip install --quiet -r $<
	@touch $@

$(VENV)/.testing: requirements/test.txt $(VENV)/.runtime
	$(BIN)/pip install --quiet -r $<
	@touch $@

$(PEERS_VENV)/.installed: requirements/bench.txt
$(PROXY_VENV)/.installed: requirements/faults.txt
$(BROWSER_VENV)/.installed: requirements/browser.txt

.cache/%/.installed:
	$(PYTHON) -m venv --clear $(@D)
	$(@D)/bin/pip install --quiet -r $<
	@touch $@

$(IN_PLACE):
	@mkdir -p $(dir $@)
	@ln -sfn ../../../.. $@

$(STATE)/vault-password:
	@mkdir -p $(dir $@)
	@umask 077 && $(PYTHON) -c 'import secrets; print(secrets.token_urlsafe(32))' > $@
	@echo "Made $@: the credentials of this cohort are encrypted with it. Keep it safe."
