# Two commands matter: `make run` and `make test`. Both set up what they need.
PYTHON ?= python3
ARGS ?=
.PHONY: run test check docs

run:
	@$(PYTHON) ironbull/bootstrap.py run $(ARGS)

test:
	@$(PYTHON) ironbull/bootstrap.py test $(ARGS)

# What every commit must pass, beside the tests.
check:
	@$(PYTHON) ironbull/bootstrap.py develop
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy engine workers
	.venv/bin/lint-imports
	.venv/bin/python manage.py makemigrations --check --dry-run

# The manual, as a site in site/.
docs:
	@$(PYTHON) ironbull/bootstrap.py develop
	NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build --quiet
	@echo "site/index.html is the manual; \`python3 -m http.server -d site\` serves it with its search"
