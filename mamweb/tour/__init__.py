"""One day of a firm, told from intent to statement, in one process on a virtual clock.

Entry point: `run_tour`. Everything is the product's own code on the product's own database; only the clock and the venue are simulated.
"""

from .script import TourOptions, run_tour

__all__ = ["TourOptions", "run_tour"]
