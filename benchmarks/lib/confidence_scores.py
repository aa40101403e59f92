"""How well the report's confidence predicts the errors of an avatar: rank correlations over vertices and regions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from fit_avatar.body import Body, BodyState
from fit_avatar.body.mesh import vertex_areas
from fit_avatar.body.skinning import shaped
from fit_avatar.capture import Capture
from fit_avatar.evaluate import Surface
from fit_avatar.report import measure_quality
from fit_avatar.report.regions import REGIONS, regions_of_vertices
from lib.measure import Surfaces, skin_faces

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Prediction:
    """Confidence and errors of one avatar."""

    name: str
    confidence: FloatArray
    """Of N vertices of the outer surface. [N]"""
    expected_mm: FloatArray
    """[N]"""
    error_mm: FloatArray
    """Distance from the true surface, mean over the frames whose truth is known, aligned by height. [N]"""
    region: NDArray[np.int64]
    """[N]"""
    area: FloatArray
    """[N]"""

    @property
    def over_vertices(self) -> float:
        """Return the rank correlation of confidence and accuracy over the vertices."""
        return _rank_correlation(self.confidence, self.error_mm)

    @property
    def by_region(self) -> FloatArray:
        """Return confidence, expected error and error of each region, weighted by area. [regions, 3]"""
        values = np.stack([self.confidence, self.expected_mm, self.error_mm], 1)
        chosen = [self.region == k for k in np.unique(self.region)]
        return np.stack([np.average(values[some], axis=0, weights=self.area[some]) for some in chosen])


def predict(name: str, body: Body, state: BodyState, capture: Capture, surfaces: Surfaces) -> Prediction:
    """Return confidence and errors of a fit whose surfaces were compared."""
    quality = measure_quality(body, state, capture)
    errors, count = np.zeros(len(body.template)), np.zeros(len(body.template))
    pairs = zip(surfaces.found, surfaces.true, surfaces.vertices, surfaces.distance.motions, strict=True)
    for found, true, vertices, motion in pairs:
        used = np.unique(found.faces)
        errors[used] += 1000 * Surface(true.vertices, true.faces).distance(motion(vertices[used]))
        count[used] += 1
    region = regions_of_vertices(body, state)
    outer = (count > 0) & (region >= 0)
    area = vertex_areas(shaped(body, state.betas, state.offsets).double(), skin_faces(body)).cpu().numpy()
    return Prediction(
        name,
        quality.confidence[outer].astype(np.float64),
        1000 * quality.expected_error_m[outer].astype(np.float64),
        errors[outer] / count[outer],
        region[outer],
        area[outer] + 1e-12,
    )


def over_regions(predictions: Sequence[Prediction]) -> float:
    """Return the rank correlation of confidence and accuracy over the regions of all avatars together."""
    both = np.concatenate([each.by_region for each in predictions])
    return _rank_correlation(both[:, 0], both[:, 2])


def expected_over_regions(predictions: Sequence[Prediction]) -> float:
    """Return the rank correlation of expected and true errors over the regions of all avatars together."""
    both = np.concatenate([each.by_region for each in predictions])
    return _rank_correlation(-both[:, 1], both[:, 2])


def rows(predictions: Sequence[Prediction]) -> list[list[str]]:
    """Return a row for each avatar.

    Correlations of confidence with accuracy over vertices and regions, and of expected errors with true ones over
    regions; expected and true mean error in mm.
    """
    found = []
    for each in predictions:
        correlations = (each.over_vertices, over_regions([each]), expected_over_regions([each]))
        means = (np.average(values, weights=each.area) for values in (each.expected_mm, each.error_mm))
        found.append([each.name, *(f"{c:.2f}" for c in correlations), *(f"{m:.1f}" for m in means)])
    if len(predictions) > 1:
        mean = float(np.mean([each.over_vertices for each in predictions]))
        together = (mean, over_regions(predictions), expected_over_regions(predictions))
        found.append([f"all {len(predictions)}", *(f"{c:.2f}" for c in together), "", ""])
    return found


def region_rows(predictions: Sequence[Prediction]) -> list[list[str]]:
    """Return a row for each region: means over the avatars of confidence, expected error and error."""
    numbers = np.concatenate([np.unique(each.region) for each in predictions])
    both = np.concatenate([each.by_region for each in predictions])
    means = {k: both[numbers == k].mean(0) for k in np.unique(numbers)}
    return [[REGIONS[k], f"{c:.2f}", f"{e:.1f}", f"{t:.1f}"] for k, (c, e, t) in means.items()]


def _rank_correlation(confidence: FloatArray, error: FloatArray) -> float:
    return -float(spearmanr(confidence, error).statistic)
