"""Inspect logs for tests: written by the real library, or edited to look like older ones."""

import json
import subprocess
import sys

PRELUDE = """
import sys
from pathlib import Path
from inspect_ai import Task, eval as run
from inspect_ai.dataset import Sample
from inspect_ai.log import read_eval_log, write_eval_log
from inspect_ai.model import (
    ChatMessageAssistant, ChatMessageSystem, ChatMessageUser, GenerateConfig, ModelOutput,
    ModelUsage, get_model,
)
from inspect_ai.scorer import Score, accuracy, match, model_graded_qa, scorer
from inspect_ai.solver import generate, solver

folder = Path(sys.argv[1])


def with_usage(output, tokens, reasoning=None, total=None):
    output.usage = ModelUsage(input_tokens=5, output_tokens=tokens, reasoning_tokens=reasoning,
                              total_tokens=5 + tokens if total is None else total)
    return output


def answer(text, tokens, reasoning=None, stop="stop", total=None):
    output = ModelOutput.from_content("mockllm/model", text, stop_reason=stop)
    return with_usage(output, tokens, reasoning, total)


def model(*outputs, name="mockllm/model"):
    return get_model(name, custom_outputs=list(outputs))


def write(name, task, outputs, **options):
    options = {"fail_on_error": False, "max_samples": 1, "log_format": "eval", **options}
    logs = run(task, model=model(*outputs), display="none", log_dir=str(folder / name), **options)
    return Path(logs[0].location)
"""


def write_logs(script, folder):
    """Run a script after the prelude, which says where the logs go.

    In a process of its own: the library leaves streams open, which warn when they are collected.
    """
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + script, str(folder)],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    return folder


def only_log(folder):
    return next(path for path in folder.iterdir() if path.suffix in (".eval", ".json"))


def sample(log, name, epoch=1):
    return next(s for s in log["samples"] if (s["id"], s["epoch"]) == (name, epoch))


def edited(path, tmp_path, edit, name="changed.json"):
    log = json.loads(path.read_text())
    edit(log)
    changed = tmp_path / name
    changed.parent.mkdir(exist_ok=True)
    changed.write_text(json.dumps(log))
    return changed
