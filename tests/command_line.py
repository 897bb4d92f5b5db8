"""What the tests of commands share: how to run them, and a batch whose optimum is known."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from clear_opt.cli.app import app

CURVES = [(40, 0.9, 30), (60, 0.5, 80), (10, 0.2, 20), (150, 0.8, 60), (0, 0.35, 45)]
"""Threshold, height and width of five queries."""


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def answer(*arguments):
    """The one JSON object that a command prints; stderr may hold notes."""
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    assert all(line.startswith(("note: ", "wrote ")) for line in result.stderr.splitlines())
    assert result.stdout.count("\n") == 1
    return json.loads(result.stdout, parse_constant=pytest.fail)


def refusal(*arguments):
    """The one line in which a command says what is wrong, after its notes."""
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    lines = [line for line in result.stderr.splitlines() if not line.startswith("note: ")]
    assert len(lines) == 1
    assert lines[0].startswith("clear-opt: ")
    return lines[0]


def write_curves(path):
    """Write `CURVES` as CSV."""
    rows = [f"q{i},{tau},{height},{width}" for i, (tau, height, width) in enumerate(CURVES)]
    path.write_text("\n".join(["query_id,tau,height,width", *rows]))
    return path


def exact_optima(most):
    """Best total success of `CURVES` at budgets 0 to ``most``, by dynamic programming."""
    best = np.zeros(most + 1)
    for tau, height, width in CURVES:
        y = np.clip((np.arange(most + 1) - tau) / width, 0.0, 1.0)
        value = height * y * np.exp(1.0 - y)
        best = np.array([(best[: b + 1] + value[b::-1]).max() for b in range(most + 1)])
    return best
