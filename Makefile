# Every verb sets up what it needs first; where nothing changed that costs well under two seconds.
# make setup PYTHON=/path/to/python3.11 chooses the interpreter, make test ARGS='-k camera' the tests.

BIN := .venv/bin
CODE := robo_dopamine_ros scripts $(wildcard bench)
ARGS ?=

# What a sourced ROS distribution leaves behind must not shadow the ROS of .venv.
unexport PYTHONPATH AMENT_PREFIX_PATH COLCON_PREFIX_PATH

.DEFAULT_GOAL := help
.PHONY: help setup demo test check fix bench clean lock

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-7s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo 'What they do by themselves stands in scripts/: setup.sh, then stages.py; see docs/install.md.'

setup:  ## .venv with ROS 2, the compiled interfaces and the command robo-dopamine
	@PYTHON='$(PYTHON)' scripts/setup.sh

demo: setup  ## an arm works under three cameras while real nodes publish its reward
	@$(BIN)/robo-dopamine demo $(ARGS)

test: setup  ## the whole suite
	@$(BIN)/python -m pytest $(ARGS)

check: setup  ## formatting, lint, types, imports and vocabulary, in under a minute
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy $(CODE)
	@$(BIN)/python -m pytest --quiet test/test_imports.py test/test_vocabulary.py test/test_setup.py

fix: setup  ## formats and mends what ruff can
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

bench: setup  ## every measurement of bench/, as tables and as JSON in runs/bench/
	@$(BIN)/robo-dopamine bench $(ARGS)

clean:  ## removes .venv and everything that was built, keeps runs/
	rm -rf .venv build install log *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

lock: setup  ## pins the transitive packages again for the Python of .venv
	@$(BIN)/python scripts/lock.py $(BIN)/python
