# `make demo` and `make test` are complete on a fresh machine with Python 3.11 and gpg.
PYTHON ?= python3.11
BIN := .venv/bin
DEMO ?= demo
WORKERS ?= 3  # more than cores: many tests wait for servers

.PHONY: demo test long check fix bench crash soak fuzz airflow screenshots lock clean

demo: .venv/runtime  ## a whole authority in the folder demo/, and one month run in it
	$(BIN)/birthshare demo --dir $(DEMO)

# Compiled tests are kept, whatever the environment says: each worker would compile them all again.
test long: export PYTHONDONTWRITEBYTECODE :=

test: .venv/dev  ## the tests, on real servers that the tests install and start themselves
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

long: .venv/dev  ## tests that take long: Airflow through accidents and backfills, and more of all that is tried by chance
	BIRTHSHARE_LONG=1 $(BIN)/python -m pytest -n 2 --dist loadfile tests/bench tests/ledger/test_tampering.py \
	  tests/geography/test_repairing_measured.py tests/console/test_schema.py \
	  $(foreach name,bypasses celery deployments months,tests/airflow/test_$(name).py)

check: .venv/dev  ## looks at everything, changes nothing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	MYPYPATH=dags:infra:infra/airflow:infra/airflow/site $(BIN)/mypy dags/*.py infra/airflow/*.py infra/airflow/site/*.py infra/airflow/plugins/*.py infra/chromium_browser.py infra/screenshots.py infra/console_pictures.py
	$(BIN)/lint-imports
	$(BIN)/python infra/generate.py --check

fix: .venv/dev  ## repairs what can be repaired, and writes the generated pages
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/python infra/generate.py

bench: .venv/dev  ## the figures of the README, as ratios measured in one run
	$(BIN)/python tests/bench/bench.py

crash: .venv/dev  ## a month killed at every single step, on both databases, beside an undisturbed one
	$(BIN)/python tests/crash/matrix.py
	BIRTHSHARE_EVERY_CALL=1 $(BIN)/python -m pytest -q tests/ledger/test_faults.py

soak: .venv/dev  ## Airflow at sizes and through accidents that the tests have no time for; takes half an hour
	$(BIN)/python tests/soak/soak.py

fuzz: .venv/dev  ## any bytes at every reader of suppliers' files, for two minutes each
	$(BIN)/python tests/fuzz/fuzz.py

airflow: .venv/runtime  ## Airflow on a demonstration home, for a person
	$(BIN)/python infra/airflow/start.py

screenshots: .venv/dev  ## the pictures of Airflow and the console in the README, from real ones that run months
	$(BIN)/python infra/screenshots.py
	$(BIN)/python infra/console_pictures.py

# The locks carry hashes and no registry address; uv is needed only here.
lock:
	uv pip compile pyproject.toml --group setup --generate-hashes --no-emit-index-url --no-annotate \
	  --python-version 3.11 -q -o infra/locks/runtime.txt
	uv pip compile pyproject.toml --group workers --group setup -c infra/locks/runtime.txt --generate-hashes \
	  --no-emit-index-url --no-annotate --python-version 3.11 -q -o infra/locks/workers.txt
	grep -E '^[a-z0-9].*==' infra/locks/workers.txt | sed 's/ .*//' | grep -v '^python-dateutil==' \
	  | uv pip compile pyproject.toml --group sign_on --group workers --group setup -c - --generate-hashes \
	  --no-emit-index-url --no-annotate --no-header --python-version 3.11 -q -o infra/locks/sign_on.txt
	uv pip compile pyproject.toml --group dev -c infra/locks/runtime.txt --generate-hashes --no-emit-index-url \
	  --no-annotate --python-version 3.11 -q -o infra/locks/dev.txt

.venv/runtime: infra/locks/runtime.txt pyproject.toml infra/install.sh
	PYTHON=$(PYTHON) sh infra/install.sh runtime

.venv/dev: infra/locks/dev.txt pyproject.toml infra/install.sh
	PYTHON=$(PYTHON) sh infra/install.sh dev

clean:
	rm -rf .venv build $(DEMO)
