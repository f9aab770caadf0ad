# make PYTHON=python3.12 … chooses the Python that the environment is made with; an environment that exists is kept.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
SUPPORTED := import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v <= (3, 13) else 1)
FILTER := git config filter.course-notebook
LESSONS_AGAIN := tests/test_jax_lessons.py tests/test_real_branch.py # deep tests that only execute lessons: two at a time

.PHONY: help env lab test test-deep gpu-kernel newest backends bench pages book format clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' Makefile

env: $(VENV)/.installed ## make the environment, and let git strip outputs from notebooks
	@test ! -e .git || { $(FILTER).clean '"$(BIN)/python" -m course_utils.cli.clean_notebook' && $(FILTER).smudge cat && $(FILTER).required false; } \
	|| echo "note: git did not take the notebook filter; before a commit run $(BIN)/python -m course_utils.cli.clean_notebook notebooks/*.ipynb"

lab: env ## open JupyterLab on your own copy of the lessons
	$(BIN)/course lab

test: env ## forms, unit tests, and every lesson at reduced size
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/lint-imports && $(BIN)/pytest -n 2 tests
	$(BIN)/pytest --nbmake --nbmake-timeout=600 -n 2 notebooks/*.ipynb

test-deep: env $(VENV)/.pages ## the longer checks
	$(BIN)/pytest -m deep -n 2 $(LESSONS_AGAIN)
	$(BIN)/pytest -m deep $(LESSONS_AGAIN:%=--ignore=%) tests

gpu-kernel: .venv-gpu/.installed ## Linux, NVIDIA: TensorFlow with CUDA in .venv-gpu, and a Jupyter kernel for it
	.venv-gpu/bin/python -m course_utils.cli.gpu_kernel

newest: .venv-newest/.installed ## everything on the newest releases, without constraints, deprecations as errors
	.venv-newest/bin/course check
	.venv-newest/bin/pytest --deprecations-as-errors tests
	.venv-newest/bin/pytest --deprecations-as-errors -n 2 tests/newest_lessons.py

backends: env ## every lesson on TensorFlow, JAX and PyTorch: hours; pip install -e ".[torch]" first
	$(BIN)/course run lessons --backend all --seeds 5 --jobs 2

bench: env ## seconds, CPU-seconds and memory of every lesson
	$(BIN)/course bench

pages: env ## write the tables and figures of README and results/README.md again
	$(BIN)/python -m course_utils.cli.pages

book: env $(VENV)/.pages ## the executed lessons as HTML, in build/book/html and as a zip
	$(BIN)/python -m course_utils.cli.book

format: env ## format code and lessons, mend what ruff can
	$(BIN)/ruff format . && $(BIN)/ruff check --fix .

clean: ## remove caches; environments, data/ and your lessons in lab/ stay
	rm -rf .pytest_cache .ruff_cache .import_linter_cache build
	find course_utils tests notebooks \( -name __pycache__ -o -name .ipynb_checkpoints \) -prune -exec rm -rf {} +

$(VENV)/.installed: EXTRAS := lab,test,jax,classroom
.venv-gpu/.installed: EXTRAS := lab,test,gpu,jax,classroom
$(VENV)/.installed .venv-gpu/.installed: pyproject.toml constraints.txt
	@test -x $(@D)/bin/pip || $(PYTHON) -c '$(SUPPORTED)' 2>/dev/null || { echo "$(PYTHON) is not Python 3.11, 3.12 or 3.13; name one that is: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	test -x $(@D)/bin/pip || $(PYTHON) -m venv $(@D)
	$(@D)/bin/pip install --quiet --compile -c constraints.txt -e ".[$(EXTRAS)]"
	@touch $@

.PHONY: .venv-newest/.installed
.venv-newest/.installed:
	test -x $(@D)/bin/pip || $(PYTHON) -m venv $(@D)
	$(@D)/bin/pip install --quiet --compile --upgrade --upgrade-strategy eager -e ".[lab,test,jax,classroom,pages]"

$(VENV)/.pages: $(VENV)/.installed
	$(BIN)/pip install --quiet --compile -c constraints.txt -e ".[pages]"
	@touch $@
