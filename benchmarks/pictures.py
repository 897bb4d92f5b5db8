"""Make the pictures of the documentation: run the code on its page and keep what it draws.

``python -m benchmarks.pictures`` writes ``docs/images/``.
"""

from __future__ import annotations

import contextlib
import re
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "pictures.md"
FOLDER = ROOT / "docs" / "images"
_COLOURS = 128  # enough for lines and their smooth edges, at a third of the bytes


def code(page: Path = PAGE) -> str:
    """Give the Python of a page as one program."""
    return "\n".join(re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.M | re.S))


def shown(page: Path = PAGE) -> list[str]:
    """Give the names of the pictures that a page shows."""
    return re.findall(r"!\[[^\]]*\]\(images/([\w.-]+)\)", page.read_text("utf-8"))


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        exec(compile(code(), str(PAGE), "exec"), {"__name__": "__main__"})
        for name in shown():
            picture = Image.open(name).convert("RGB")
            picture.quantize(_COLOURS, dither=Image.Dither.NONE).save(FOLDER / name, optimize=True)
            print(f"{name}: {(FOLDER / name).stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
