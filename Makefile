# The few commands of a contributor; see CONTRIBUTING.md.
.PHONY: install style types test check site package

install:
	pip install -e '.[dev]'

style:
	ruff check .
	ruff format --check .

types:
	mypy

test:
	pytest

check: style types test

# the documentation, in site/
site:
	mkdocs build --strict

# wheel and sdist in dist/, each tried in an environment of its own, outside the checkout
package:
	.ci/package dist
