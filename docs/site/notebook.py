"""A notebook as a Markdown page: its text, and its code in blocks. The notebooks of the docs are kept without outputs."""

import json
from pathlib import Path


def notebook_page(path: Path) -> str:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    parts = []
    for one in cells:
        text = "".join(one["source"])
        parts.append(text if one["cell_type"] == "markdown" else f"```python\n{text}\n```")
    title, _, rest = "\n\n".join(parts).partition("\n")
    return f"{title}\n\n[Download this notebook]({path.name})\n{rest}\n"
