"""Typeset formulas when the site is built: LaTeX to MathML, which browsers show without scripts."""

import html
import re

from latex2mathml.converter import convert

_FORMULA = re.compile(
    r'<(?P<tag>span|div) class="arithmatex">\\[(\[](?P<latex>.*?)\\[)\]]</(?P=tag)>', re.DOTALL
)
_UNKNOWN = re.compile(r"\\[A-Za-z]+|<mi>&(?:amp;)?</mi>")  # what the converter leaves as it was


def on_page_content(content: str, page, **_) -> str:
    """Replace each formula that Markdown found on a page by MathML."""
    where = page.file.src_uri
    return _FORMULA.sub(
        lambda found: to_mathml(html.unescape(found["latex"]), found["tag"] == "div", where),
        content,
    )


def to_mathml(latex: str, display: bool, where: str) -> str:
    """Return one formula as MathML.

    Raises
    ------
    ValueError
        If a command has no translation: the page would show it raw.
    """
    # The converter knows the starred environment only; GitHub wants the one for use inside $$.
    source = latex.strip().replace("{aligned}", "{align*}")
    if display:
        source = re.sub(r"\\(max|min)_", r"\\\1\\limits_", source)
    mathml = convert(source, display="block" if display else "inline")
    raw = _UNKNOWN.search(mathml)
    if raw:
        raise ValueError(f"{where}: {raw[0]} in {latex.strip()!r} cannot be typeset; rewrite it")
    return f'<div class="formula">{mathml}</div>' if display else mathml
