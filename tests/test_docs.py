"""The documentation's Python runs, its commands exist, and its numbers are those on file."""

import doctest
import json
import re
import warnings
from pathlib import Path

import pytest
import typer.main

import clear_opt
from benchmarks.report import markdown
from clear_opt.cli.app import app

ROOT = Path(__file__).resolve().parents[1]
PAGES = [
    path for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))) if path.exists()
]
FENCE = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
DOCTEST_FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def blocks(page, *languages):
    """Give (language, first line, text) of each fenced block in one of the languages."""
    text = page.read_text(encoding="utf-8")
    return [
        (match[1], text.count("\n", 0, match.start(2)) + 1, match[2])
        for match in FENCE.finditer(text)
        if match[1] in languages
    ]


def name_of(page):
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p, "python", "pycon")], ids=name_of)
def test_python_of_a_page_runs_in_order(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "__main__"}
    for language, line, text in blocks(page, "python", "pycon"):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            if language == "python":
                exec(compile("\n" * (line - 1) + text, name_of(page), "exec"), names)
            else:
                run_session(text, names, page, line)


def run_session(text, names, page, line):
    example = doctest.DocTestParser().get_doctest(text, {}, page.name, name_of(page), line - 1)
    example.globs = names  # get_doctest copies what it is given; blocks of a page share theirs
    said = []
    runner = doctest.DocTestRunner(optionflags=DOCTEST_FLAGS)
    runner.run(example, out=said.append, clear_globs=False)
    assert not runner.failures, "".join(said)


def commands(page):
    shell = "\n".join(text for _, _, text in blocks(page, "console", "bash", "sh", "shell"))
    return re.findall(r"^(?:\$ )?clear-opt (\w+)(.*)$", shell.replace("\\\n", " "), re.MULTILINE)


@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)], ids=name_of)
def test_commands_of_a_page_exist_with_their_options(page):
    known = typer.main.get_command(app).commands
    for command, rest in commands(page):
        options = {option for p in known[command].params for option in p.opts}
        assert set(re.findall(r"(?<=\s)--[\w-]+", rest)) <= options


def test_the_reference_holds_every_public_name():
    pages = "\n".join(page.read_text() for page in (ROOT / "docs" / "reference").glob("*.md"))
    documented = set(re.findall(r"^::: clear_opt\.(\w+)$", pages, re.MULTILINE))
    assert documented >= set(clear_opt.__all__) - {"__version__"}


def test_the_benchmark_page_quotes_the_stored_results():
    stored = json.loads((ROOT / "benchmarks" / "results" / "solvers.json").read_text())
    page = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    assert markdown(stored) in page


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_page_reads_plainly(page):
    text = page.read_text(encoding="utf-8")
    assert text.startswith(("# ", "---\n"))
    assert "../shared" not in text
    assert "/work/" not in text
    assert all(len(line) < 400 for line in text.splitlines())
