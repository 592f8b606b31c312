# The few commands of a contributor; see CONTRIBUTING.md.
.PHONY: install style types quick test coverage check site package

install:
	pip install -e '.[dev]'

style:
	ruff check .
	ruff format --check .

types:
	mypy

# without the tests that are marked slow
quick:
	pytest -m 'not slow'

test:
	pytest

# how much of each file the tests reach; processes that they start do not count
coverage:
	pytest --cov=avloc --cov-report=term --cov-report=xml

check: style types test

# the documentation, in site/
site:
	mkdocs build --strict

# wheel and sdist in dist/, each tried in an environment of its own, outside the checkout
package:
	.ci/package dist
