"""What if: many budgets at once, the budgets at which queries enter, the budget for a target.

Each function dispatches on its first argument, so that another kind of problem registers its own
implementation, `budget_path.register(OtherProblem)`, and gives the same result types.
"""

from clear_opt.sensitivity import programs as _programs  # noqa: F401 (registers Program)
from clear_opt.sensitivity.entries import entry_budgets, what_would_fund
from clear_opt.sensitivity.paths import BudgetPath, budget_path, budget_sweep
from clear_opt.sensitivity.targets import CheapestBudget, cheapest_budget

__all__ = [
    "BudgetPath",
    "CheapestBudget",
    "budget_path",
    "budget_sweep",
    "cheapest_budget",
    "entry_budgets",
    "what_would_fund",
]
