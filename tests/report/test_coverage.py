"""Regions: each vertex has one, summaries are by area, and only what matters becomes a warning."""

import numpy as np
import pytest
import torch

from fit_avatar.body import BodyState, load_body
from fit_avatar.report.coverage import Region, coverage_warnings, summarise, summarise_regions
from fit_avatar.report.quality import Quality
from fit_avatar.report.regions import REGIONS, on_arm_or_head, regions_of_vertices


def quality_of(frames, cosine, error, confidence) -> Quality:
    arrays = (np.array(values, np.float32) for values in (cosine, error, 2 * np.array(cosine), confidence))
    return Quality(np.array(frames), *arrays)


def region(name: str, frames: int) -> Region:
    return Region(name, frames, 1.0, 10.0, 2.0, 0.8, 0.0, 4.0)


def test_means_are_by_area() -> None:
    quality = quality_of([9, 1, 0, 50], [1.0, 0.5, 0.0, 0.9], [0.003, np.nan, 0.006, 0.1], [0.9, 0.2, 0.0, 1.0])
    found = summarise("belly", quality, np.array([2.0, 1.0, 1.0, 100.0]), np.array([0, 1, 2]))
    assert found.frames == 1  # half of the area was seen by no more
    assert found.seen == pytest.approx(0.75)
    assert found.best_angle_deg == pytest.approx((2 * 0 + 60) / 3)
    assert found.contour_error_mm == pytest.approx(1000 * np.sqrt((2 * 0.003**2 + 0.006**2) / 3), rel=1e-5)
    assert found.confidence == pytest.approx((2 * 0.9 + 0.2) / 4, rel=1e-6)
    assert found.guess == pytest.approx(0.5)
    assert found.expected_error_mm == pytest.approx(1000 * (2 * 2.0 + 1.0) / 4)


def test_unseen_surface_has_no_angle_and_no_contour_error() -> None:
    found = summarise("belly", quality_of([0], [0], [np.nan], [0]), np.ones(1), np.array([0]))
    assert (found.seen, found.best_angle_deg, found.contour_error_mm, found.guess) == (0, None, None, 1)


def test_warnings_name_what_was_not_or_hardly_seen() -> None:
    regions = [region("face", 40), region("upper back", 4), region("left hand", 0), region("left foot", 1)]
    assert coverage_warnings(regions, 120) == (
        "No frame shows half of the left hand: shape and colours there are a guess.",
        "Seen in few frames only: upper back (4 frames) and left foot (1 frame).",
    )
    assert coverage_warnings(regions, 20)[1:] == ("Seen in few frames only: left foot (1 frame).",)
    assert coverage_warnings(regions[:1], 120) == ()


def test_regions_of_the_default_body_are_symmetric_and_in_their_places() -> None:
    body = load_body()
    state = BodyState(torch.zeros(10), torch.zeros_like(body.template), *(torch.zeros(1, 3) for _ in range(3)))
    found = regions_of_vertices(body, state)
    assert (found == -1).tolist() == (~body.skin).tolist()
    assert set(range(len(REGIONS))) == set(found[found >= 0])
    place = {name: body.template[torch.from_numpy(found == k)].mean(0) for k, name in enumerate(REGIONS)}
    assert place["face"][2] > place["back of the head"][2] and place["chest"][2] > place["upper back"][2]
    assert place["chest"][1] > place["belly"][1] and place["upper back"][1] > place["lower back and seat"][1]
    for name in REGIONS[6::2]:
        left, right = place[name], place[name.replace("left", "right")]
        assert left[0] > 0 > right[0]
        np.testing.assert_allclose(left * torch.tensor([-1.0, 1, 1]), right, atol=0.02)
    apart = on_arm_or_head(body)
    assert apart[found == REGIONS.index("left hand")].all() and not apart[found == REGIONS.index("belly")].any()


def test_every_region_of_a_body_is_summarised(body, state) -> None:
    count = len(body.template)
    quality = quality_of([6] * count, [0.9] * count, [0.001] * count, [0.9] * count)
    found = summarise_regions(body, state, quality)
    assert {each.name for each in found} <= set(REGIONS) and len(found) > 6
    assert all(each.confidence == pytest.approx(0.9) and each.frames == 6 for each in found)
