"""The built site: every formula is MathML, and nothing is fetched to show it."""

import logging
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CODE = re.compile(r"<(pre|code|script|style)\b.*?</\1>", re.DOTALL)
MATH = re.compile(r"<math\b.*?</math>", re.DOTALL)
FORMULA = re.compile(r"\$\$.+?\$\$|(?<![\\$])\$(?=\S)[^$]+?(?<=\S)\$(?!\d)", re.DOTALL)
FENCE = re.compile(r"^```.*?^```|`[^`\n]+`", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Build the pages, without the reference that docstrings fill."""
    pytest.importorskip("latex2mathml")
    pytest.importorskip("material")
    config = pytest.importorskip("mkdocs.config")
    from mkdocs.commands.build import build

    folder = tmp_path_factory.mktemp("site")
    logging.getLogger("mkdocs").setLevel(logging.ERROR)
    loaded = config.load_config(
        str(ROOT / "mkdocs.yml"), site_dir=str(folder), plugins=[], strict=False
    )
    build(loaded)
    return folder


def formulas(page):
    """Return how many formulas the source of a page has."""
    return len(FORMULA.findall(FENCE.sub("", page.read_text(encoding="utf-8"))))


PAGES = [page for page in sorted((ROOT / "docs").glob("*.md")) if formulas(page)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_formula_falls_back_to_latex(site, page):
    built = CODE.sub("", (site / f"{page.stem}.html").read_text(encoding="utf-8"))
    found = MATH.findall(built)
    assert len(found) == formulas(page)
    for formula in found:
        text = "".join(ET.fromstring(formula).itertext())  # well-formed, too
        assert not re.search(r"[\\&${}]|[a-z]_[a-z]", text), text
    rest = re.sub(r"<[^>]+>", "", MATH.sub("", built))
    assert not re.search(r"\$\$|\\[(\[a-z]|[a-z]_\{|\^\{", rest)


def test_a_command_without_a_translation_stops_the_build(monkeypatch):
    pytest.importorskip("latex2mathml")
    monkeypatch.syspath_prepend(ROOT / "docs")
    from hooks import to_mathml

    assert to_mathml(r"\lambda \ge 0", False, "x.md").startswith("<math")
    with pytest.raises(ValueError, match=r"x\.md: \\notacommand .* rewrite it"):
        to_mathml(r"\notacommand{x}", False, "x.md")


def test_the_mathematics_is_typeset_throughout(site):
    source = (ROOT / "docs" / "mathematics.md").read_text(encoding="utf-8")
    assert formulas(ROOT / "docs" / "mathematics.md") > 200
    assert "```text" not in source
    assert not re.search(r"[₀-₉ᵢⱼₖλτα-ω√∑Σ≤≥]", FENCE.sub("", FORMULA.sub("", source)))
    built = (site / "mathematics.html").read_text(encoding="utf-8")
    assert not re.search(r'<(?:script|link)[^>]+(?:src|href)="https?:', built)
