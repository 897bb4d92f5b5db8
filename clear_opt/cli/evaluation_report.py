"""How an evaluation reads in a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

from clear_opt.cli.allocation_report import printable

if TYPE_CHECKING:
    import numpy as np

    from clear_opt.evaluation import Calibration, Cell, Evaluation, SpendEvaluation

_NAME = 40  # characters shown of a model's name
_FEATURES = 400  # characters shown of the features' names


def print_evaluation(found: Evaluation) -> None:
    """Print an evaluation's tables and what they come to on stdout."""
    console = Console(highlight=False)
    console.print(_title(found, len(found.models)))
    console.print(_accuracies(found))
    console.print(_solutions(found))
    console.print(_models(found))
    console.print(_facts(found))
    console.print(
        f"\nIn brackets: {found.intervals.level:.0%} bootstrap intervals over queries, with the "
        "caps held fixed.",
        markup=False,
    )


def print_spend(found: SpendEvaluation) -> None:
    """Print a comparison at equal tokens really spent on stdout."""
    from clear_opt.evaluation import SPEND_POLICIES

    console = Console(highlight=False)
    console.print(_title(found, len(found.frontiers)))
    title = "accuracy at tokens really spent per query"
    averaged = title + (", averaged over the models" if len(found.frontiers) > 1 else "")
    table = _table(averaged, (*SPEND_POLICIES, "expected - reserved"))
    accuracy = {policy: found.accuracy(policy) for policy in SPEND_POLICIES}
    gain = accuracy["expected"] - accuracy["reserved"]
    for row, budget in enumerate(found.budgets):
        cells = (f"{accuracy[policy][row]:.3f}" for policy in SPEND_POLICIES)
        table.add_row(f"{budget:g}", *cells, _rounded(gain[row]))
    console.print(table)
    if len(found.frontiers) > 1:
        console.print(_models_spending(found))


def _models_spending(found: SpendEvaluation) -> Table:
    table = Table(box=SIMPLE, title="models, the expected basis", title_justify="left")
    table.add_column("model", overflow="fold")
    others = ("reserved", "uniform")
    for other in others:
        table.add_column(f"worst against {other}", justify="right", no_wrap=True)
    for model in found.frontiers:
        own, cells = found.accuracy("expected", model), []
        for other in others:
            gain = own - found.accuracy(other, model)
            worst = int(gain.argmin())
            cells.append(f"{_rounded(gain[worst])} at {found.budgets[worst]:g}")
        table.add_row(Text(printable(model, _NAME)), *cells)
    return table


def _rounded(value: float | np.floating) -> str:
    return f"{round(float(value), 3) + 0.0:+.3f}"  # adding zero keeps -0.0 from showing its sign


def _title(found: Evaluation | SpendEvaluation, n: int) -> Text:
    data, folds = found.data, found.settings.get("folds")
    rows, queries = f"{data['rows']:,}", f"{data['queries']:,}"
    models = f"{n} model{'s' if n > 1 else ''}"
    trained = "predictor as it is" if folds is None else f"{folds}-fold cross-validation by query"
    used = printable(", ".join(data.get("features", ())), _FEATURES) or "none"
    title = Text(f"\n{rows} rollouts, {queries} queries, {models}; {trained}", "bold")
    return title.append(f"\nfeatures: {used}", "not bold")


def _accuracies(found: Evaluation) -> Table:
    headings = ("uniform", "prop.", "learned", "oracle", "learned - uniform")
    table = _table("accuracy, averaged over the models", headings)
    policies = [found.accuracy(name) for name in ("uniform", "proportional", "learned", "oracle")]
    difference = found.intervals.mean.difference
    for row, budget in enumerate(found.budgets):
        table.add_row(
            f"{budget:g}",
            *(f"{accuracy[row]:.3f}" for accuracy in policies),
            _signed(policies[2][row] - policies[0][row], *difference[row]),
        )
    return table


def _solutions(found: Evaluation) -> Table:
    headings = ("of oracle", "abandoned", "price", "gap", "alloc.", "pred.", "spent")
    table = _table(
        "the learned allocation, and what it loses by allocation and by prediction", headings
    )
    regret, efficiency, spent = found.regret, found.oracle_fractions(), found.spend("learned")
    for row, budget in enumerate(found.budgets):
        table.add_row(
            f"{budget:g}",
            f"{efficiency[row]:.1%}",
            f"{found.abandoned[row]:.1%}",
            f"{found.price[row]:.2g}",
            f"{found.gap[row]:.1g}",
            f"{regret.allocation[row]:.4f}",
            f"{regret.prediction[row]:.4f}",
            f"{spent[row]:.1f}",
        )
    return table


def _models(found: Evaluation) -> Table:
    table = Table(
        box=SIMPLE,
        title="models",
        title_justify="left",
        caption="* significantly below uniform" if found.n_significantly_below_uniform else None,
        caption_justify="left",
    )
    table.add_column("model", overflow="fold")
    for heading in ("triage efficiency", "worst against uniform"):
        table.add_column(heading, justify="right", no_wrap=True)
    worst: dict[str, Cell] = {}
    for cell in found.cells():
        worst.setdefault(cell.model, cell)
    for model, scores in found.models.items():
        low, high = found.intervals.models[model].oracle_fraction
        cell = worst[model]
        star = "*" if cell.high < 0 else " "
        table.add_row(
            Text(printable(model, _NAME)),
            f"{scores.oracle_fraction:.3f} [{low:.3f}, {high:.3f}]",
            f"{cell.difference:+.3f}{star} at {cell.budget:g}",
        )
    return table


def _facts(found: Evaluation) -> Table:
    low, high = found.intervals.mean.oracle_fraction
    worst, regret = found.worst, found.regret
    facts = {
        "triage efficiency": f"{found.oracle_fraction:.4f} [{low:.4f}, {high:.4f}], uniform "
        f"{found.mean_oracle_fraction('uniform'):.4f}",
        "worst cell": f"{_signed(worst.difference, worst.low, worst.high)} against uniform, "
        f"{printable(worst.model, _NAME)} at {worst.budget:g}",
        "below uniform": f"{found.n_significantly_below_uniform} of {len(found.cells())} cells "
        "significantly",
        "regret": f"{regret.total.mean():.4f} = allocation {regret.allocation.mean():.4f} + "
        f"prediction {regret.prediction.mean():.4f}",
        **({} if found.calibration is None else _calibration(found.calibration)),
    }
    table = Table.grid(padding=(0, 2))
    for label, text in facts.items():
        table.add_row(Text(label, "bold"), Text(text))
    return table


def _calibration(found: Calibration) -> dict[str, str]:
    from clear_opt.evaluation.calibration import LEVELS

    success, lengths = found.success, found.lengths
    facts = {
        "success": f"Brier {success.brier:.4f}, of a constant {success.brier_constant:.4f}; "
        f"calibration error {success.calibration_error:.4f}"
    }
    if lengths is not None:
        shares = zip(LEVELS, lengths.coverage, strict=True)
        facts["length"] = "coverage of intervals " + ", ".join(
            f"{level:.0%}: {share:.1%}" for level, share in shares
        )
    return facts


def _table(title: str, headings: Sequence[str]) -> Table:
    table = Table(box=SIMPLE, title=title, title_justify="left")
    for heading in ("tokens", *headings):
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _signed(value: float | np.floating, low: float, high: float) -> str:
    return f"{value:+.3f} [{low:+.3f}, {high:+.3f}]"
