"""How much a page counts in a search of the site, if not 1.

An option or a key leads to its definition, a question to the page that answers it. The Python API counts less: `threshold`
or `frames` would lead to a function instead of the guide that explains the word. So do pages that only list others.
"""

BOOST = {
    "reference/configuration.md": 3,
    "reference/commands.md": 2,
    "reference/prepare.md": 2,
    "reference/models.md": 2,
    "faq.md": 2,
    "metrics/ciou.md": 2,
    "predict.md": 2,
    "reference/python.md": 0.2,
    "index.md": 0.4,
    "changelog.md": 0.4,
}
