# One command each. `make` alone lists them.

CARGO ?= cargo
LOCAL := target/release/local
COMPOSE ?= docker compose
P2P_VERSION ?= 0.1.0

.DEFAULT_GOAL := help
.PHONY: help build up demo certs fsck test chaos chaos-proof postman seed migrate migration db-shell clean-db \
	docker-up docker-down docker-logs compose-up compose-down images fmt lint audit

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

build:
	$(CARGO) build --release --workspace

# REPLICAS=2 on the command line or in the environment reaches the launcher by itself: make exports it.
up: build ## the whole system, until Ctrl-C: PostgreSQL, Redis, migrations, seed, the four programs (REPLICAS=2: two of each)
	@$(LOCAL) up --with-parent

demo: build ## one trade against the running system, step by step
	@$(LOCAL) demo

certs: build ## certificates with which programs speak TLS in development, in .local/certs (ARGS=--replace)
	@$(LOCAL) certs $(ARGS)

test: ## every test, on a PostgreSQL and a Redis of its own (ARGS=... goes to the test runner)
	$(CARGO) build --workspace --all-targets
	@if $(CARGO) nextest --version >/dev/null 2>&1; \
	then exec target/debug/local test -- $(CARGO) nextest run --workspace $(ARGS); \
	else exec target/debug/local test -- $(CARGO) test --workspace $(ARGS); fi

# What dies, is frozen, cut off, emptied and drained, of all tests.
CHAOS_TESTS := chaos crossings crash redis drain
NOTHING :=
CHAOS_FILTER := test(/^($(subst $(NOTHING) $(NOTHING),|,$(CHAOS_TESTS)))::/)

chaos: ## kill, freeze and cut off everything at random under load, half an hour (CHAOS_SEED=... strikes the same again)
	$(CARGO) build --workspace --all-targets
	@export CHAOS="$${CHAOS:-full}"; \
	if $(CARGO) nextest --version >/dev/null 2>&1; \
	then exec target/debug/local test -- $(CARGO) nextest run --workspace --no-fail-fast --success-output final \
		-E '$(CHAOS_FILTER)' $(ARGS); \
	else exec target/debug/local test -- $(CARGO) test --workspace --no-fail-fast --test it -- --nocapture \
		$(CHAOS_TESTS:=::) $(ARGS); fi

chaos-proof: ## plant bugs one at a time, and show that the tests of `make chaos` find each (ARGS=unfenced: this one)
	@CHAOS_FILTER='$(CHAOS_FILTER)' tests/chaos-proof $(ARGS)

postman: ## every route of the running system, by Postman's runner (npx fetches it; ARGS=... goes to it)
	npx --yes newman@6 run postman/collection.json -e postman/environment.json $(ARGS)

seed: build ## put the running system back to the seed data, dated tomorrow
	@$(LOCAL) with -- target/release/seed

migrate: build ## bring the database up to date
	@$(LOCAL) with -- target/release/migrate up

migration: build ## a new empty migration: NAME=add_something SERVICE=catalog|matching|order
	@test -n "$(NAME)" -a -n "$(SERVICE)" || { echo 'say NAME=add_something SERVICE=catalog|matching|order' >&2; exit 2; }
	@target/release/migrate new "$(SERVICE)" "$(NAME)"

fsck: build ## check the running system's invariants: a line per violation (ARGS="--quiet 0" for a system at rest)
	@$(LOCAL) with -- target/release/fsck $(ARGS)

db-shell: build ## psql on the running system's database
	@$(LOCAL) db-shell

clean-db: build ## remove the private database; nothing may run
	@$(LOCAL) clean-db

docker-up: ## PostgreSQL and Redis in containers
	$(COMPOSE) up --detach --wait postgres redis

docker-down: ## stop the containers; their data stays
	$(COMPOSE) --profile observability down

docker-logs: ## what the containers say
	$(COMPOSE) --profile observability logs --follow

compose-up: ## the whole system in containers, traced into Jaeger (PROFILE=observability adds Prometheus and Grafana)
	DOCKER_BUILDKIT=1 COMPOSE_DOCKER_CLI_BUILD=1 $(if $(PROFILE),P2P_OTLP_ENDPOINT=http://otel-collector:4317) \
		$(COMPOSE) $(if $(PROFILE),--profile $(PROFILE)) up --detach --build

compose-down: docker-down ## stop it; its data stays

images: ## an image for each program (P2P_VERSION=0.1.0)
	for program in migrate catalog matching order gateway; do \
		DOCKER_BUILDKIT=1 docker build --file deploy/docker/Dockerfile --target $$program \
			--build-arg VERSION=$(P2P_VERSION) --build-arg REVISION="$$(git rev-parse HEAD)" \
			--tag p2p-$$program:$(P2P_VERSION) . || exit; \
	done

fmt: ## format the code
	$(CARGO) fmt --all

lint: ## formatting and clippy, as the checks do
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings

audit: ## known faults, licences, forbidden and double dependencies (cargo-deny; it fetches RustSec's advisories)
	@$(CARGO) deny --version >/dev/null 2>&1 || { echo 'cargo-deny is missing: cargo install --locked cargo-deny' >&2; exit 2; }
	$(CARGO) deny check
