"""Evaluation logs become rollouts: one function per kind of log, each giving an `Imported`.

Nothing is dropped in silence: what holds no usable rollout stands in ``Imported.refused`` with its
location and the reason. Needs ``clear-opt[tables]``, and `import_inspect` also
``clear-opt[inspect]``.
"""

from clear_opt.rollouts.importers.imported import Imported, Refusal
from clear_opt.rollouts.importers.inspect_logs import import_inspect
from clear_opt.rollouts.importers.lm_eval import import_lm_eval
from clear_opt.rollouts.importers.openai_batch import import_openai_batch
from clear_opt.rollouts.importers.tables import import_table
from clear_opt.rollouts.importers.token_estimates import estimate_tokens

__all__ = [
    "Imported",
    "Refusal",
    "estimate_tokens",
    "import_inspect",
    "import_lm_eval",
    "import_openai_batch",
    "import_table",
]
