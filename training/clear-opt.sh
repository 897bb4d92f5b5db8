#!/usr/bin/env bash
# Run clear-opt from the repository, in the active environment, or else in the one that make sets up.
cd "$(dirname "$0")/.." || exit 1
case " $* " in *" build/"*) mkdir -p build ;; esac # where outputs go unless named otherwise
needed='("jax", "lightgbm", "typer", "mlflow")'
for python in python .venv/bin/python; do
    if "$python" -c "import importlib.util as u; [1 / bool(u.find_spec(n)) for n in $needed]" 2>/dev/null; then
        exec "$python" -m clear_opt "$@"
    fi
done
echo "clear-opt.sh: neither python nor .venv/bin/python has what clear_opt needs; run make, or activate an environment with clear-opt[cli,track]" >&2
exit 2
