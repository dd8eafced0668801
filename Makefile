# `make sandbox` and `make test` are all one needs; the other targets are their parts.
SHELL := /bin/bash
VENV := .venv
export SQLX_OFFLINE ?= true

.PHONY: sandbox test check unit sdk documents sqlx bench postgres tools

## Start everything on a PostgreSQL of its own and print keys and addresses. ARGS="--reset" makes a new world.
sandbox: postgres
	cargo build --release --locked
	exec target/release/bss-gateway sandbox $(ARGS)

## All checks and tests.
test: postgres tools check unit sdk

check:
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --locked --no-deps --quiet

unit:
	cargo build --locked
	target/debug/bss-gateway with-postgres -- .ci/sqlx --check
	target/debug/bss-gateway with-postgres -- .ci/unit

## The official Python SDK and a headless browser against the real binary.
sdk:
	cargo build --locked
	$(VENV)/bin/python -m pytest -q tests/sdk

## Write openapi/openapi.json and openapi/operations.txt.
documents:
	cargo run --locked -- openapi

## Write what the query macros know of the database: .sqlx/.
sqlx:
	@test -x target/debug/bss-gateway || { echo 'Build the last commit first: it starts PostgreSQL.'; exit 1; }
	target/debug/bss-gateway with-postgres -- .ci/sqlx

## Measure against the database's own limit; needs wrk and pgbench.
bench: postgres tools
	cargo build --profile dist --locked
	@.ci/install wrk
	@.ci/peers/install
	.ci/bench
	.ci/bench-transfers
	.ci/bench-customers

postgres:
	@.ci/install postgresql

tools:
	@.ci/install python3-venv chromium chromium-driver
	@test -x $(VENV)/bin/python || python3 -m venv $(VENV)
	@$(VENV)/bin/pip install -q --disable-pip-version-check -r tests/sdk/requirements.txt
