VENV ?= .venv
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo $$p && break; done)
BIN := $(VENV)/bin

.PHONY: demo test test-full test-clients attack lint bench install

demo: install
	$(BIN)/facedet demo -o demo-out/$$(date +%Y%m%d-%H%M%S)

PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test: install
	$(PYTEST) -m "not full and not attack"

test-full: install
	$(PYTEST) -m full

test-clients: install
	$(PYTEST) -m clients

attack: install
	$(BIN)/python bench/attack.py

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: install
	$(BIN)/python bench/export_speed.py
	$(BIN)/python bench/layers.py
	$(BIN)/python bench/int8_speed.py
	$(BIN)/python bench/small_speed.py
	$(BIN)/python bench/layers.py --small

install: $(VENV)/installed

# mmcv asks for opencv-python, which needs a desktop's libraries; the headless build of the same version replaces it.
$(VENV)/installed: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed (on Debian or Ubuntu: python3 and python3-venv)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -c constraints.txt -e ".[train,dev]"
	$(BIN)/python -m pip install -c constraints.txt --force-reinstall --no-deps opencv-python-headless
	touch $@
