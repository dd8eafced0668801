# `make sandbox` and `make test` are all one needs; the other targets are their parts.
SHELL := /bin/bash
VENV := .venv
export SQLX_OFFLINE ?= true
# Tests make and drop hundreds of databases. ext4 searches ever longer for an inode that was not freed a moment ago, so
# they lie in memory where 4 GB of it are offered.
DATABASES := $(shell [ "$$(df --output=avail /dev/shm 2>/dev/null | tail -n 1)" -gt 4000000 ] 2>/dev/null && echo /dev/shm || echo $${TMPDIR:-/tmp})

.PHONY: sandbox test check compiled unit sdk documents sqlx bench postgres tools

## Start everything on a PostgreSQL of its own and print keys and addresses. ARGS="--reset" makes a new world.
sandbox: postgres
	cargo build --release --locked
	exec target/release/bss-gateway sandbox $(ARGS)

## All checks and tests. The two kinds of tests run side by side: each leaves cores idle while it waits.
test: postgres tools check compiled
	+$(MAKE) --no-print-directory -j2 unit sdk

check: tools
	cargo fmt --check
	$(VENV)/bin/typos
	cargo clippy --locked --quiet --all-targets --features testing -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --locked --no-deps --quiet

## The binary that is tested is compiled with the tests: alone, its dependencies would have other features, and they and the
## library would be compiled once more.
compiled:
	cargo test --locked --features testing --no-run

## The tests in Rust. Without MAKEFLAGS, in which cargo would look for a share of make's processes.
unit: compiled
	MAKEFLAGS= TMPDIR=$(DATABASES) target/debug/bss-gateway with-postgres -- .ci/unit

## The official Python SDK and a headless browser against the real binary, as many files at once as there are cores, in the
## order of conftest.py: by itself xdist would begin with the files of many tests, and the long ones would end alone.
sdk: compiled
	TMPDIR=$(DATABASES) $(VENV)/bin/python -m pytest -q -n auto --dist loadfile --no-loadscope-reorder tests/sdk

## Write what is generated in openapi/.
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
