# What one does with this repository; `make` alone lists it. The logic stands in scripts/, which
# continuous integration and people run alike.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help run build test tidy sim mutants fuzz bench compare crash siege autobahn golden docs clean

help: ## list these targets
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) \
		| awk -F ':.*## ' '{ printf "make %-8s %s\n", $$1, $$2 }'

run: ## start a hub here, after installing and building what is missing (ARGS="--log-level debug")
	@scripts/run $(ARGS)

build: ## build the hub as it is shipped
	@scripts/install-packages run
	@scripts/build-hub

test: ## everything that must hold (ONLY="swift web": some sections; FUZZ_SECONDS, CRASH_ROUNDS)
	@scripts/test $(ONLY)

tidy: ## the rules about the code itself
	@swift test --filter TidyTests

sim: ## the actors in simulated worlds (SEED=7: one, with what happened; SEEDS=10000: so many)
	@scripts/sim $(if $(SEED),replay $(SEED),run --seeds $(or $(SEEDS),10000)) $(ARGS)

mutants: ## known mistakes that the tests have to find (ARGS: sim, web, swift, names)
	@scripts/mutants $(ARGS)

fuzz: ## fuzz the parsers of outside bytes (FUZZ_SECONDS=20 for each)
	@scripts/fuzz -t $(or $(FUZZ_SECONDS),20)

bench: ## a small load test with a report (ARGS: options of hub-bench)
	@scripts/bench $(ARGS)

compare: ## the same load on the hub, mosquitto and nats-server (ARGS: options of hub-bench compare)
	@scripts/install-packages compare
	@scripts/bench compare $(ARGS)

crash: ## kill -9, full disks and power cuts under load (ROUNDS=10 of each; ONLY="power-sqlite …")
	@scripts/install-packages crash
	@ROUNDS=$(or $(ROUNDS),10) scripts/crash $(ONLY)

siege: ## attacks on a hub while a member goes on working (ARGS: --long, names of attacks)
	@scripts/install-packages run
	@scripts/siege $(ARGS)

autobahn: ## all cases of Autobahn's fuzzing client against the front (CASES="core", or some)
	@scripts/install-packages run
	@scripts/autobahn $(CASES)

golden: ## write the golden samples of the protocol anew
	@scripts/golden

docs: ## write the generated tables of docs/operations.md anew
	@scripts/generate-docs

clean: ## remove everything that was built; data of hubs stays
	rm -rf .build .build-* bench/.build bench/reports
