"""The report: one file, nothing loaded from elsewhere, the evaluation's own numbers."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from clear_opt.evaluation import evaluate
from clear_opt.plots import plot_accuracy, plot_calibration
from clear_opt.plots.report import report_html, write_report
from tests.known_predictors import Reads, drawn_rollouts

NASTY = '<script>alert("x")</script>&</td>'


class Page(HTMLParser):
    """Collects elements, the text of each table cell and of each script."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.scripts, self.cells, self.words = [], [], [], []
        self._open = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "option", "br"):
            self._open.append(tag)
        if tag == "script":
            self.scripts.append("")
        if tag == "td":
            self.cells.append("")

    def handle_endtag(self, tag):
        if tag in self._open:
            while self._open.pop() != tag:
                pass

    def handle_data(self, data):
        inside = self._open[-1] if self._open else ""
        if inside == "script":
            self.scripts[-1] += data
        elif inside == "td" or (inside == "span" and "td" in self._open):
            self.cells[-1] += data
        if inside not in ("script", "style"):
            self.words.append(data)

    def data(self, name):
        names = [attrs.get("id") for tag, attrs in self.elements if tag == "script"]
        return json.loads(self.scripts[names.index(name)])


@pytest.fixture(scope="module")
def found():
    return evaluate(
        drawn_rollouts(60, models=(NASTY, "tame")), Reads(), budgets=[100, 400], folds=3, draws=100
    )


@pytest.fixture(scope="module")
def page(found):
    return Page(report_html(found))


def test_nothing_is_loaded_from_anywhere(page):
    for tag, attributes in page.elements:
        assert tag not in ("link", "iframe", "img", "object", "embed", "base")
        assert "src" not in attributes
        assert "style" not in attributes or "url(" not in attributes["style"]
        if "href" in attributes:
            assert tag == "a"
    styles = [attributes["content"] for _, attributes in page.elements
              if attributes.get("http-equiv") == "Content-Security-Policy"]  # fmt: skip
    assert styles[0].startswith("default-src 'none'")
    assert "http" not in styles[0]


def test_plotly_is_in_it_once(page):
    assert sum("plotly.js v" in script for script in page.scripts) == 1


def test_names_of_models_are_text_and_no_markup(page, found):
    text = report_html(found)
    assert NASTY not in text
    assert NASTY in "".join(page.words)
    assert set(page.data("figures")) == {"", NASTY, "tame"}


def test_figures_hold_the_evaluations_numbers(page, found):
    drawn = page.data("figures")
    assert set(drawn[""]) == {
        "accuracy",
        "spend",
        "regret",
        "success",
        "within",
        "length",
        "coverage",
    }
    for model, figures in drawn.items():
        source = found if model == "" else found.models[model]
        lines = {trace.get("name"): trace for trace in figures["accuracy"]["data"]}
        assert lines["equal caps"]["y"] == pytest.approx(source.accuracy("uniform").tolist())
        assert lines["learned (shadow price)"]["y"] == pytest.approx(
            source.accuracy("learned").tolist()
        )
        bars = [bar["y"] for bar in figures["regret"]["data"]]
        stacked = [sum(parts) for parts in zip(*bars, strict=True)]
        assert stacked == pytest.approx(source.accuracy("oracle").tolist())
        assert figures["coverage"]["data"][1]["y"] == pytest.approx(
            list(source.calibration.lengths.coverage)
        )
        assert sum(figures["length"]["data"][0]["y"]) == pytest.approx(1)


def test_every_colour_has_one_for_a_dark_page(page):
    dark = page.data("dark")
    used = set(re.findall(r"#[0-9a-f]{6}", json.dumps(page.data("figures"))))
    assert used <= set(dark)
    assert not set(dark) & set(dark.values())


def test_words_and_tables_tell_the_same(page, found):
    words = re.sub(r"\s+", " ", "".join(page.words))
    assert f"{100 * found.oracle_fraction:.1f} %" in words
    assert f"{found.n_significantly_below_uniform} of 4" in words
    assert found.data["sha256"] in words
    for policy in ("uniform", "learned", "oracle"):
        for accuracy in found.accuracy(policy):
            assert f"{accuracy:.3f}" in page.cells
    for cell in found.cells():
        assert any(text.startswith(f"{100 * cell.difference:+.1f}") for text in page.cells)
    assert "60 queries by 2 models" in words
    assert "120 recorded answers" in words


def test_notes_are_told(found):
    noted = evaluate(drawn_rollouts(20, cap=300), Reads(), budgets=[100], folds=None, draws=10)
    words = "".join(Page(report_html(noted)).words)
    assert all(note in words for note in noted.notes)
    assert "scored as it is" in words


def test_without_calibration_and_with_one_budget_there_is_a_page_still():
    found = evaluate(drawn_rollouts(20), Reads(), budgets=[90], folds=2, draws=10)
    bare = replace(
        found,
        calibration=None,
        models={name: replace(scores, calibration=None) for name, scores in found.models.items()},
    )
    page = Page(report_html(bare, title="Mine & yours"))
    assert set(page.data("figures")[""]) == {"accuracy", "spend", "regret"}
    assert "Mine & yours" in page.words


def test_the_file_is_written_whole_or_not_at_all(found, tmp_path, monkeypatch):
    path = tmp_path / "report.html"
    write_report(found, path)
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
    path.write_text("old")

    def broken(*_):
        raise ZeroDivisionError

    monkeypatch.setattr("clear_opt.plots.report.headlines.headlines", broken)
    with pytest.raises(ZeroDivisionError):
        write_report(found, path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("missing", ["plotly", "jinja2"])
def test_without_the_extra_a_message_says_how_to_install_it(missing):
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import sys; sys.modules[{missing!r}] = None\n"
            "from clear_opt.plots.report import check_installed\n"
            "from clear_opt import MissingExtraError\n"
            "try: check_installed()\n"
            "except MissingExtraError as error: print(error)",
        ],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[1],
        check=False,
    )
    assert done.stdout == "this needs plotly and jinja2: pip install 'clear-opt[report]'\n", done


def test_pictures_show_the_same_numbers(found, tmp_path):
    drawn = plot_accuracy(found, path=tmp_path / "accuracy.png")
    assert (tmp_path / "accuracy.png").read_bytes().startswith(b"\x89PNG")
    lines = {line.get_label(): line.get_ydata() for line in drawn.axes[0].get_lines()}
    assert lines["learned (shadow price)"] == pytest.approx(found.accuracy("learned"))
    assert lines["oracle (knows the outcomes)"] == pytest.approx(found.accuracy("oracle"))
    figure = plot_calibration(found.calibration)
    success, length, within = figure.axes
    filled = found.calibration.success.count > 0
    assert success.get_lines()[1].get_ydata() == pytest.approx(
        found.calibration.success.observed[filled]
    )
    assert [bar.get_height() for bar in length.patches] == pytest.approx(
        found.calibration.lengths.pit
    )
    assert {line.get_label() for line in within.get_lines()} == {"predicted", "observed"}
