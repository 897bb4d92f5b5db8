"""The same pictures to point at and zoom, by plotly. Needs ``clear-opt[report]``.

Each function takes what its twin in `clear_opt.plots` takes and gives a figure that notebooks show
as it is; ``figure.write_html(path)`` keeps it as a page.
"""

from clear_opt.plots.interactive.curve import curve_figure
from clear_opt.plots.interactive.demand import demand_figure
from clear_opt.plots.interactive.frontier import frontier_figure
from clear_opt.plots.interactive.funded import funded_figure

__all__ = ["curve_figure", "demand_figure", "frontier_figure", "funded_figure"]
