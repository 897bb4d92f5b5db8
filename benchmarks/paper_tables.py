"""The experiment's cells as Markdown: what is quoted in docs/paper.md."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from benchmarks import paper_published as published
from benchmarks.paper_policies import ABLATIONS, KNOWN, NOISY, OURS, PAPER, POLICIES, SURGE, UNIFORM
from benchmarks.report import markdown_table
from clear_opt.datasets import STREAMS

NAMES = {
    "uniform": "equal caps",
    "proportional": "proportional to predicted threshold",
    "self_estimate": "the model's own estimate",
    "threshold_prefix": "cheapest thresholds first",
    "auction": "auction",
    "paper": "the paper's: only thresholds predicted",
    "surge": "ours, shifted surge",
    "ours": "ours",
    "oracle": "oracle",
    "quadratic": "ours, quadratic",
    "triangular": "ours, triangular",
    KNOWN: "ours, noise known",
}
"""How tables and pictures call the policies."""

TITLES = {"simulated": "Simulated streams", "recorded": "Recorded streams"}
_SHOWN = (100, 200, 300, 500, 700, 1000, 1500)  # budgets of the tables that average over streams


def markdown(report: dict[str, Any]) -> str:
    """Give all tables."""
    return "\n\n".join(_world(report, world) for world in report["worlds"])


def _world(report: dict[str, Any], world: str) -> str:
    settings, cells = report["settings"], report["worlds"][world]
    budgets, streams = settings["budgets"], cells["streams"]
    parts = [
        f"### {TITLES[world]}",
        f"Accuracy, per cent, ours / the paper's / equal caps; means of {settings['seeds']} seeds:",
        _cells(budgets, streams, _accuracies),
        "Ours less equal caps, points, with the 95 % interval over seeds:",
        _cells(budgets, streams, _difference(f"{OURS} - {UNIFORM}")),
        "Ours less the paper's:",
        _cells(budgets, streams, _difference(f"{OURS} - {PAPER}")),
        "All policies, mean of the four streams:",
        _averages(budgets, streams, (*POLICIES, *ABLATIONS)),
        "Share abandoned in per cent, ours / ours with the surge / the paper's:",
        _cells(budgets, streams, _abandoned),
        "With noise on the predicted lengths, mean of the four streams:",
        _noise(settings, cells["noise"]),
    ]
    if world == "simulated" and set(published.BUDGETS) <= set(budgets):
        parts += ["Beside the paper's own figures, per cent, method / equal caps:"]
        parts += [_published(budgets, streams)]
    return "\n\n".join(parts)


Cell = Callable[[dict[str, Any], int], str]


def _cells(budgets: Sequence[float], streams: dict[str, Any], cell: Cell) -> str:
    rows = [
        [f"{budget:,}", *(cell(streams[name], k) for name in STREAMS)]
        for k, budget in enumerate(budgets)
    ]
    return markdown_table(["tokens per query", *STREAMS], rows)


def _accuracies(cells: dict[str, Any], k: int) -> str:
    found = (cells["accuracy"][name]["mean"][k] for name in (OURS, PAPER, UNIFORM))
    return " / ".join(f"{100 * value:.1f}" for value in found)


def _abandoned(cells: dict[str, Any], k: int) -> str:
    found = (cells["abandoned"][name][k] for name in (OURS, SURGE, PAPER))
    return " / ".join(f"{100 * value:.1f}" for value in found)


def _difference(pair: str) -> Cell:
    def cell(cells: dict[str, Any], k: int) -> str:
        found = cells["difference"][pair]
        mean, half = found["mean"][k], found["high"][k] - found["mean"][k]
        return f"{_signed(100 * mean)} ± {100 * half:.2f}"

    return cell


def _averages(budgets: Sequence[float], streams: dict[str, Any], names: Sequence[str]) -> str:
    shown = [k for k, budget in enumerate(budgets) if budget in _SHOWN]
    rows = []
    for name in names:
        means = [
            sum(cells["accuracy"][name]["mean"][k] for cells in streams.values()) / len(streams)
            for k in shown
        ]
        rows.append([NAMES[name], *(f"{100 * mean:.1f}" for mean in means)])
    return markdown_table(["policy", *(f"{budgets[k]:,}" for k in shown)], rows)


def _noise(settings: dict[str, Any], noise: dict[str, Any]) -> str:
    heads = [f"{NAMES[name]}, {budget:,}" for budget in settings["noise_budgets"] for name in NOISY]
    rows = [
        [
            f"{amount:.0%}",
            *(
                f"{100 * noise[name]['mean'][place][k]:.1f}"
                for k in range(len(settings["noise_budgets"]))
                for name in NOISY
            ),
        ]
        for place, amount in enumerate(settings["noise"])
    ]
    return markdown_table(["noise", *heads], rows)


def _published(budgets: Sequence[float], streams: dict[str, Any]) -> str:
    rows = []
    for name in STREAMS:
        theirs = zip(published.METHOD[name], published.UNIFORM[name], strict=True)
        rows.append([f"{name}, paper's figure", *(f"{a:.1f} / {b:.1f}" for a, b in theirs)])
        for policy in (PAPER, OURS):
            found = streams[name]["accuracy"]
            places = [list(budgets).index(budget) for budget in published.BUDGETS]
            both = [(found[policy]["mean"][k], found[UNIFORM]["mean"][k]) for k in places]
            rows.append(
                [f"{name}, {NAMES[policy]}", *(f"{100 * a:.1f} / {100 * b:.1f}" for a, b in both)]
            )
    return markdown_table(["", *(f"{budget:,}" for budget in published.BUDGETS)], rows)


def summary(report: dict[str, Any]) -> str:
    """Say in a few lines what was to be shown and what was found."""
    lines = []
    for world, cells in report["worlds"].items():
        found = cells["claims"]
        count = len(report["settings"]["budgets"]) * len(cells["streams"])
        times = ", ".join(
            f"{name} {value or 'inf'}" for name, value in found["times_uniform"].items()
        )
        lines.append(f"{TITLES[world]}, {count} cells")
        lines.append(f"  times equal caps at {found['budget']:,} tokens per query: {times}")
        lines.append(f"  the least of all seeds: {_named(found['least_times_uniform'])}")
        for pair, below in found["below"].items():
            worst = found["worst"][pair]
            lines.append(
                f"  {pair}: below zero beyond noise in {len(below)} cells {below or ''}; worst "
                f"{_signed(100 * worst['mean'])} points [{100 * worst['low']:.2f}, "
                f"{100 * worst['high']:.2f}] ({worst['stream']}, {worst['budget']:,})"
            )
        for policy, reached in found["none_abandoned"].items():
            words = ", ".join(f"{name} {value or 'never'}" for name, value in reached.items())
            lines.append(f"  none abandoned from, {NAMES[policy]}: {words}")
    return "\n".join(lines)


def _named(values: dict[str, float | None]) -> str:
    return ", ".join(f"{name} {value or 'inf'}" for name, value in values.items())


def _signed(points: float) -> str:
    """Write points with a sign; adding zero keeps a rounded -0.0 from being shown with it."""
    return f"{round(points, 2) + 0.0:+.2f}"
