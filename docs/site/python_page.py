"""The Python API as Markdown: what mkdocstrings is to show, by the names that avloc itself offers."""

import avloc
from avloc import registry

HEAD = """# Python API

Everything that `import avloc` offers. [From Python](../python.md) shows how it is used.

## Commands as functions

Each command is also a function with the same options, under [commands](commands.md) and
[data set commands](prepare.md). It prints nothing, returns a typed value, and raises `avloc.AvlocError`.

{functions}

"""
#: further modules whose public functions the docs describe
MODULES = {
    "Metrics": "avloc.metrics",
    "Heat maps and ground truth, in plain numpy": "avloc.protocols.plain",
    "Errors": "avloc.errors",
}
GROUPS = {
    "Models": ("load", "Model", "Found", "FoundBox"),
    "Scoring": ("score", "score_all", "Truth", "PROTOCOLS", "Protocol", "write_predictions"),
    "Data": ("Store", "Clip", "Batch", "FrameView", "LogMel", "LogStft", "VggishPatches", "Waveform"),
    "Writing a method": ("Localizer", "Phase", "Train", "Run"),
}


def python_page() -> str:
    verbs = {**registry.verbs(), **{registry.prepare_name(one): one for one in registry.data_sets().values()}}
    listed = [f"- `avloc.{name}`: {_title(module, name)}." for name, module in verbs.items()]
    parts = [HEAD.format(functions="\n".join(listed))]
    grouped = {name for names in GROUPS.values() for name in names}
    others = sorted(set(avloc._PLACES) - set(verbs) - grouped - {"AvlocError"})
    for heading, names in {**GROUPS, "More": tuple(others)}.items():
        if names:
            parts.append(f"## {heading}\n")
            parts += [_shown(name) for name in names]
    for heading, module in MODULES.items():
        parts.append(
            f"## {heading}\n\n::: {module}\n    options:\n      show_root_heading: false\n      heading_level: 3\n"
        )
    return "\n".join(parts)


def _shown(name: str) -> str:
    return f"::: {avloc._PLACES[name]}.{name}\n    options:\n      heading_level: 3\n"


def _title(module: str, function: str) -> str:
    """What a function does, with the page of the docs that its title names as a link."""
    title = registry.title(module, function)
    text, _, place = title.partition(" docs/")
    page = f" ([page](../{place.rstrip('.')}))" if place else ""
    rest = text.partition(" ")[0][1:]
    first = text[:1].lower() if rest == rest.lower() else text[:1]  # not of a name such as AVE
    return f"{first}{text[1:].rstrip('.')}{page}"
