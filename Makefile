# Everything runs in .venv, which `make install` makes. `make` alone explains itself.

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# For `make demo`, as in: make demo CATALOG=feed.csv KNOWLEDGE=pages NAME="My shop" RASA_PORT=5105
# They reach the program as environment variables, so that no shell takes them apart.
export CATALOG KNOWLEDGE RASA_PORT ACTIONS_PORT WEB_PORT PYTHON
# Not `?=`: some systems have a NAME of their own in the environment.
NAME =
ENCODER = .shopllm/commerce.safetensors

.DEFAULT_GOAL := help
.PHONY: help install demo test bench bench-nlu bench-retrieval bench-generation train-encoder train-generator train-reader lint format clean

help: ## Show this help
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1\t\2/' \
		| while IFS='	' read -r target text; do printf '  make %-16s %s\n' "$$target" "$$text"; done

install: $(STAMP) ## Make .venv with Python 3.10 and install everything into it

# The stamp is made last: an installation that fails is tried again.
$(STAMP): pyproject.toml
	@rm -f $@
	@if ! $(BIN)/python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 10))' 2>/dev/null; then \
		python=$$(scripts/find-python) || exit 1; \
		echo "Making $(VENV) with $$python"; \
		"$$python" -m venv --clear $(VENV) || exit 1; \
	fi
	@echo "Installing the package with Rasa and PyTorch into $(VENV); the first time that downloads some GB ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input -e '.[bot,actions,dev]'
	@touch $@
	@echo "Installed."

demo: export SHOP_NAME = $(NAME)
demo: $(STAMP) ## Serve the demo shop: http://localhost:8080 (CATALOG=, KNOWLEDGE=, NAME= for another shop)
	@exec $(BIN)/python -m shopllm_rasa.cli.main demo

test: $(STAMP) ## Run all tests (PYTEST_ARGS="-k search" for some)
	@scripts/install-chromium
	$(BIN)/pytest $(PYTEST_ARGS)

bench: $(STAMP) ## Measure quality and speed
	$(BIN)/python benchmarks/run.py

bench-nlu: $(STAMP) ## Compare understanding with Rasa's own pipeline (BENCH_ARGS="--only latency" for a part)
	$(BIN)/python benchmarks/nlu.py $(BENCH_ARGS)

bench-retrieval: $(STAMP) ## Measure search, scale and the life of an index (BENCH_ARGS="--only embedding" for a part)
	$(BIN)/python benchmarks/retrieval.py $(BENCH_ARGS)

bench-generation: $(STAMP) ## Measure generated replies (BENCH_ARGS="--only quality" for a part)
	$(BIN)/python benchmarks/generation.py $(BENCH_ARGS)

train-generator: OUT = .shopllm/generator
train-generator: $(STAMP) ## Train the generator of replies anew, into .shopllm/generator (OUT= for another folder)
	$(BIN)/python -m shopllm_rasa.generation.embedded.training.train --out $(OUT) $(TRAIN_ARGS)

train-encoder: $(STAMP) ## Train the commerce-tuned encoder anew, in two minutes (ENCODER= for another file)
	$(BIN)/python -m shopllm_rasa.encoders.commerce_training --out $(ENCODER) $(TRAIN_ARGS)

train-reader: OUT = .shopllm/reader
train-reader: $(STAMP) ## Train the reader of questions and passages anew, into .shopllm/reader (OUT= for another folder)
	$(BIN)/python -m shopllm_rasa.generation.reader.training.train --out $(OUT) $(TRAIN_ARGS)

lint: $(STAMP) ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP) ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## Remove what the bot and the tools have built, but not .venv
	rm -rf .shopllm .rasa models results build dist .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +
