"""metrics.json: the numbers are correct, and it is always valid JSON."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from fit_avatar.body import Body, BodyState, pose_body
from fit_avatar.body.skinning import pose_points
from fit_avatar.capture.camera_path import CameraMotion
from fit_avatar.capture.types import Camera, Capture, CutOff, LeftOut
from fit_avatar.report import Agreement, build_metrics, measure_agreement, write_metrics
from fit_avatar.report.metrics import keypoint_errors
from fit_avatar.visibility.raster import silhouette

CAMERA = Camera(160.0, 160.0, 60.0, 80.0, 120, 160)


@pytest.fixture
def capture(body: Body, state: BodyState) -> Capture:
    """What an ideal camera sees of the body."""
    vertices = pose_body(body, state).vertices
    points = CAMERA.project(pose_points(body, state, body.keypoint_points)).numpy()
    return Capture(
        frame_indices=np.arange(len(vertices)) * 2,
        keypoints=np.concatenate([points, np.ones_like(points[..., :1])], -1),
        masks=np.stack([silhouette(v, body.faces, CAMERA).numpy() for v in vertices]),
        camera=CAMERA,
        frame_weights=np.ones(len(vertices), np.float32),
        left_out=(LeftOut(1, "the same as frame 0"),),
        cut_off=(CutOff(2, ("bottom", "left")),),
        sources={"keypoints": "ideal"},
    )


def test_an_ideal_fit_agrees_entirely(body: Body, state: BodyState, capture: Capture) -> None:
    steps: list[tuple[int, int]] = []
    agreement = measure_agreement(body, state, capture, lambda *step: steps.append(step))
    np.testing.assert_array_equal(agreement.iou, 1.0)
    np.testing.assert_allclose(agreement.keypoint_error_px, 0, atol=1e-3)
    assert steps[-1] == (6, 6)
    assert agreement.sentence == "agreement over 6 frames: silhouette IoU 1.000, keypoint error 0.0 px"


def test_a_shifted_fit_agrees_less(body: Body, state: BodyState, capture: Capture) -> None:
    keypoints = capture.keypoints.copy()
    keypoints[..., :2] += [3.0, 4.0]
    masks = np.roll(capture.masks, 10, axis=2)
    agreement = measure_agreement(body, state, replace(capture, keypoints=keypoints, masks=masks))
    np.testing.assert_allclose(agreement.keypoint_error_px, 5, atol=1e-3)
    assert ((agreement.iou > 0.3) & (agreement.iou < 0.8)).all()


def test_the_error_without_the_detector_bias_is_separate(body: Body, state: BodyState, capture: Capture) -> None:
    bias = torch.zeros(25, 3)
    bias[:, 1] = 0.05
    points = replace(body.keypoint_points, template=body.keypoint_points.template + bias)
    seen = capture.keypoints.copy()
    seen[..., :2] = CAMERA.project(pose_points(body, state, points)).numpy()
    agreement = measure_agreement(body, state, replace(capture, keypoints=seen), keypoint_bias=bias)
    assert agreement.keypoint_error_px.min() > 1.0
    assert agreement.unbiased_error_px is not None
    np.testing.assert_allclose(agreement.unbiased_error_px, 0, atol=1e-3)
    told = metrics_of(capture, agreement)["keypoint_error_px"]
    assert told == {"mean": round(float(agreement.keypoint_error_px.mean()), 2), "without_bias": 0.0}


def metrics_of(capture: Capture, agreement: Agreement) -> dict[str, Any]:
    return build_metrics(
        options={}, capture=capture, agreement=agreement, stages=[], solves=[], scale_source="", height_m=1.7,
        peak_memory_gb=0.0, warnings=[],
    )  # fmt: skip


def test_doubtful_keypoints_do_not_count() -> None:
    detected = np.array([[[0.0, 0, 1], [9, 9, 0.1]], [[0, 0, 0], [0, 0, 0]]])
    errors = keypoint_errors(np.array([[[3.0, 4], [0, 0]], [[1, 1], [1, 1]]]), detected)
    np.testing.assert_array_equal(errors, [5.0, np.nan])


def test_the_file_holds_what_was_promised(tmp_path: Path, capture: Capture) -> None:
    agreement = Agreement(np.full(6, 0.95), np.array([1.0, 2, 3, np.nan, np.nan, 2]))
    metrics = build_metrics(
        options={"video": "clip.mp4", "height_m": None, "export": ("frames",)},
        capture=capture,
        agreement=agreement,
        stages=[
            {"name": "observe", "seconds": 2.5, "kept_from_earlier_run": True},
            {"name": "texture", "seconds": 1.5, "kept_from_earlier_run": False},
        ],
        solves=[("pose", {"iterations": 3, "reason": "all iterations done"})],
        scale_source="estimated",
        height_m=1.7001234,
        peak_memory_gb=1.234,
        warnings=["the focal length is a guess"],
    )
    path = write_metrics(tmp_path / "metrics.json", metrics)
    read = json.loads(path.read_text(encoding="utf-8"), parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert read["silhouette_iou"] == {"mean": 0.95, "min": 0.95}
    assert read["keypoint_error_px"] == {"mean": 2.0}
    assert read["seconds"]["total"] == 4.0
    assert read["seconds"]["stages"][0]["kept_from_earlier_run"] is True
    assert read["solves"] == [{"stage": "pose", "iterations": 3, "reason": "all iterations done"}]
    assert read["scale_source"] == "estimated"
    assert read["height_m"] == 1.7001
    assert read["frames_used"] == 6
    assert read["frames"][3] == {"frame_index": 6, "silhouette_iou": 0.95, "keypoint_error_px": None, "weight": 1.0}
    assert read["frames_left_out"] == [{"frame_index": 1, "reason": "the same as frame 0"}]
    assert read["frames_cut_off"] == [{"frame_index": 2, "sides": ["bottom", "left"]}]
    assert read["camera_motion"] is None
    assert read["warnings"] == ["the focal length is a guess"]
    assert read["options"]["video"] == "clip.mp4"
    assert read["camera"]["fx"] == 160.0
    assert {"python", "torch", "numpy", "fit-avatar"} <= set(read["versions"])


def test_a_fit_without_keypoints_has_no_error() -> None:
    agreement = Agreement(np.array([0.9]), np.array([np.nan]))
    assert agreement.sentence == "agreement over 1 frame: silhouette IoU 0.900"


def test_metrics_say_how_the_camera_moved(capture: Capture) -> None:
    turns = Rotation.from_euler("y", [0.0, 4.0, 8.0], degrees=True).as_matrix()
    moved = replace(capture, camera_motion=CameraMotion("pan", np.array([0, 5, 10]), turns, 0.91234))
    told = metrics_of(moved, Agreement(np.full(6, 0.95), np.full(6, 1.0)))["camera_motion"]
    assert told == {"mode": "pan", "known": True, "extent_deg": 4.0, "confidence": 0.912}
