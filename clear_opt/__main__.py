"""``python -m clear_opt`` is ``clear-opt``."""

from clear_opt.cli import main

if __name__ == "__main__":
    main()
