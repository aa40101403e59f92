"""True motions in the layouts of the data sets, as their owners ship them."""

from fit_avatar.evaluate.truths.read import read_truth
from fit_avatar.evaluate.truths.truth import Choice, Truth

__all__ = ["Choice", "Truth", "read_truth"]
