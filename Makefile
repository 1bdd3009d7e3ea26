# Everything lives in .venv; nothing is downloaded again until pyproject.toml or constraints.txt change.

.DEFAULT_GOAL := help
.PHONY: help install run test quick check bench

PIP := .venv/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

SLOW := journeys system web connectors/simulator test_commands.py test_delivery.py test_delivery_settles.py \
	test_delivery_stops.py \
	test_embedded.py test_faults.py test_files.py test_recovery.py

help: ## say what there is
	@sed -n 's/^\([a-z]*\):.*## /  make \1	/p' Makefile

install: .venv/.installed ## make .venv with the server and its embedded database

run: .venv/.installed ## start the demo on loopback; PORT=… and DATA_DIR=… are passed on
	@exec .venv/bin/python run.py --demo $(if $(PORT),--port "$(PORT)") $(if $(DATA_DIR),--data-dir "$(DATA_DIR)")

test: .venv/.installed-test ## run all tests, with what they need from the system; ARGS=… for pytest
	@tests/system_packages.sh
	@exec .venv/bin/python -m pytest -n 2 --dist loadfile $(ARGS)

quick: .venv/.installed-test ## run the tests that take no browser, no program and no patience: under two minutes
	@exec .venv/bin/python -m pytest -q -n 2 --dist loadfile $(SLOW:%=--ignore tests/%) $(ARGS)

check: .venv/.installed-test ## format, lint, types
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy

bench: .venv/.installed-test ## measure against the floor; ARGS=… are passed on
	@exec .venv/bin/python -m bench $(ARGS)

.venv/.installed: pyproject.toml constraints.txt | .venv/bin/pip
	@echo "Installing the server into .venv …"
	@$(PIP) --editable '.[embedded]'
	@touch $@

.venv/.installed-test: .venv/.installed
	@echo "Installing the test tools into .venv …"
	@$(PIP) --editable '.[embedded,test]'
	@touch $@

# Debian and Ubuntu ship venv apart from Python.
.venv/bin/pip:
	@set -eu; \
	for python in python3.11 python3.12 python3.13 python3 none; do \
		"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; \
	done; \
	if [ "$$python" = none ]; then \
		echo "Assent needs Python 3.11 or newer: install it and run make again." >&2; exit 1; \
	fi; \
	if ! "$$python" -c 'import ensurepip' 2>/dev/null; then \
		package=$$("$$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'); \
		if [ "$$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then \
			echo "Installing $$package …"; \
			apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$$package" >/dev/null; \
		else \
			echo "Python's venv is missing: install $$package (sudo apt-get install $$package) and run make again." >&2; exit 1; \
		fi; \
	fi; \
	"$$python" -m venv .venv
