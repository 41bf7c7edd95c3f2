# Every target makes .venv and installs what is missing by itself. The two to know: make demo, make test.
SHELL := /bin/bash
PY := .venv/bin/python
# Every process of the product and of its tests starts from compiled bytecode: five seconds each without.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo tour test check fmt bench chaos screens clean
help:
	@grep -E '^[a-z]+:.*#' Makefile | sed -E 's/:.*# */\t/' | expand -t 10

.venv/run: requirements.txt constraints.txt
	@scripts/install run
.venv/dev: requirements.txt requirements-dev.txt constraints.txt
	@scripts/install dev
.venv/bench: requirements.txt requirements-dev.txt requirements-bench.txt constraints.txt
	@scripts/install bench

demo: .venv/run  # start everything, print the API's address and a token per role
	@MAMWEB_ENV=demo $(PY) manage.py demo $(ARGS)

tour: .venv/run  # one signal's whole way on a virtual clock, printed (ARGS="--bars DIR --accounts N --json FILE")
	@MAMWEB_ENV=demo $(PY) manage.py tour $(ARGS)

test: .venv/dev  # every test, on the real PostgreSQL and Valkey
	@MAMWEB_ENV=test $(PY) -m pytest -n 2 --dist loadgroup $(ARGS)

check: .venv/dev  # style, types, layers, migrations
	@scripts/check

fmt: .venv/dev  # format the source
	@.venv/bin/ruff check --fix -q . ; .venv/bin/ruff format .

bench: .venv/bench  # the performance table, and bench/results.json
	@MAMWEB_ENV=bench $(PY) -m bench $(ARGS)

chaos: .venv/dev  # twenty kills against running processes
	@MAMWEB_ENV=test $(PY) -m tests.chaos $(ARGS)

screens: .venv/dev  # a picture of every page, both themes, 1440 and 390 px, into var/screens
	@MAMWEB_ENV=demo $(PY) -m tests.screens $(ARGS)

clean:  # remove what the targets made, data included
	@rm -rf .venv var .mypy_cache .ruff_cache .pytest_cache .hypothesis
