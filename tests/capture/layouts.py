"""Keypoints of the cardboard person in the layouts of other programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from cardboard import HEIGHT, WIDTH, person
from numpy.typing import NDArray

from fit_avatar.body import keypoint_sets as sets
from fit_avatar.body.keypoint_sets import BODY_25

COUNT = 4
"""Frames that the writers below write."""
Writer = Callable[[Path], Path]


def body(frame: int) -> NDArray[np.float32]:
    """BODY_25 of the person in a frame. [25, 3]"""
    return person(2.0 * frame)[1]


def named(frame: int, names: Sequence[str]) -> list[list[float]]:
    """The person's points in the order of another set; what BODY_25 lacks has confidence 0."""
    points = dict(zip(BODY_25, body(frame).tolist(), strict=True))
    return [points.get(name, [0.0, 0.0, 0.0]) for name in names]


def split(points: list[list[float]]) -> dict[str, Any]:
    return {"keypoints": [p[:2] for p in points], "keypoint_scores": [p[2] for p in points]}


def flat(points: list[list[float]]) -> list[float]:
    return [number for point in points for number in point]


def one_file(path: Path, data: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data))
    return path


def per_frame(folder: Path, make: Callable[[int], Any], name: str = "{:06d}.json", first: int = 0) -> Path:
    for k in range(COUNT):
        one_file(folder / name.format(k + first), make(k))
    return folder


def mmpose_demo(out: Path) -> Path:
    frames = [{"frame_id": k + 1, "instances": [split(named(k, sets.COCO_17))]} for k in range(COUNT)]
    return one_file(out / "results_clip.json", {"meta_info": {"dataset_name": "coco"}, "instance_info": frames})


def mmpose_video(out: Path) -> Path:
    points = sets.COCO_WHOLEBODY_133
    return one_file(out / "clip.json", [{"frame_id": k, "instances": [split(named(k, points))]} for k in range(COUNT)])


def mmpose_pictures(out: Path) -> Path:
    return per_frame(out, lambda k: [split(named(k, sets.COCO_17))])


def sapiens(names: Sequence[str]) -> Writer:
    return lambda out: per_frame(out, lambda k: {"instance_info": [split(named(k, names))]})


def alphapose(names: Sequence[str], scale: float = 1.0) -> Writer:
    def write(out: Path) -> Path:
        def entry(k: int) -> dict[str, Any]:
            points = [[u, v, scale * c] for u, v, c in named(k, names)]
            return {"image_id": f"{k}.jpg", "category_id": 1, "keypoints": flat(points), "score": 2.9, "idx": [1.0]}

        return one_file(out / "alphapose-results.json", [entry(k) for k in range(COUNT)])

    return write


def alphapose_cmu(out: Path) -> Path:
    pictures = {
        f"{k}.jpg": {"version": "AlphaPose v0.3", "bodies": [{"joints": flat(named(k, sets.COCO_18))}]}
        for k in range(COUNT)
    }
    return one_file(out / "alphapose-results.json", pictures)


def alphapose_sep_json(out: Path) -> Path:
    per_frame(out / "sep-json", lambda k: {"bodies": [{"joints": flat(named(k, sets.COCO_18))}]}, name="{:d}.json")
    return out


def openpose(names: Sequence[str], change: Callable[[float, float], tuple[float, float]] | None = None) -> Writer:
    def points(k: int) -> list[float]:
        return flat([[*(change(u, v) if change and c > 0 else (u, v)), c] for u, v, c in named(k, names)])

    return lambda out: per_frame(
        out, lambda k: {"people": [{"pose_keypoints_2d": points(k)}]}, name="clip_{:012d}_keypoints.json"
    )


def comfyui(out: Path) -> Path:
    frames = [
        {
            "people": [{"pose_keypoints_2d": flat([[2 * u, 2 * v, c] for u, v, c in named(k, sets.COCO_18)])}],
            "canvas_width": 2 * WIDTH,
            "canvas_height": 2 * HEIGHT,
        }
        for k in range(COUNT)
    ]
    return one_file(out / "poses.json", frames)


def easymocap(out: Path) -> Path:
    def picture(k: int) -> dict[str, Any]:
        return {
            "filename": f"images/1/{k:06d}.jpg",
            "height": HEIGHT,
            "width": WIDTH,
            "annots": [{"bbox": [0, 0, 1, 1, 0.9], "personID": 0, "keypoints": body(k).tolist(), "isKeyframe": False}],
        }

    per_frame(out / "annots" / "1", picture)
    return out


def exavatar(out: Path) -> Path:
    return per_frame(out, lambda k: named(k, sets.COCO_WHOLEBODY_133), name="{:d}.json")


def mediapipe(out: Path) -> Path:
    def frame(k: int) -> dict[str, Any]:
        points = named(k, sets.MEDIAPIPE_33)
        landmarks = [{"x": u / WIDTH, "y": v / HEIGHT, "z": 0.0, "visibility": c} for u, v, c in points]
        return {"frame": k, "timestamp_ms": 40 * k, "pose_landmarks": landmarks}

    return one_file(out / "pose_landmarks.json", [frame(k) for k in range(COUNT)])


def mediapipe_holistic(out: Path) -> Path:
    """With a face and hands whose points lie at their numbers."""

    def frame(k: int) -> dict[str, Any]:
        def at_numbers(count: int) -> list[dict[str, float]]:
            return [{"x": i / WIDTH, "y": k / HEIGHT, "z": 0.0, "visibility": 0.0} for i in range(count)]

        points = named(k, sets.MEDIAPIPE_33)
        pose = [{"x": u / WIDTH, "y": v / HEIGHT, "z": 0.0, "visibility": c} for u, v, c in points]
        face = {"face_landmarks": at_numbers(478), "left_hand_landmarks": at_numbers(21), "right_hand_landmarks": None}
        return {"frame": k, "pose_landmarks": pose, **face}

    return one_file(out / "holistic.json", [frame(k) for k in range(COUNT)])


def easy_vitpose(out: Path) -> Path:
    frames = [{"1": [[v, u, c] for u, v, c in named(k, sets.EASY_VITPOSE_25)]} for k in range(COUNT)]
    skeleton = {str(k): name for k, name in enumerate(sets.EASY_VITPOSE_25)}
    return one_file(out / "clip_result.json", {"keypoints": frames, "skeleton": skeleton})


def yolo(out: Path) -> Path:
    out.mkdir()
    for k in range(COUNT):
        points = [[u / WIDTH, v / HEIGHT, c] for u, v, c in named(k, sets.COCO_17)]
        words = [0, 0.5, 0.5, 0.4, 0.9, *flat(points)]
        (out / f"clip_{k + 1}.txt").write_text(" ".join(f"{word:.6f}" for word in words) + "\n")
    return out


def counted_from_one(out: Path) -> Path:
    return per_frame(out, lambda k: {"people": [{"pose_keypoints_2d": flat(body(k).tolist())}]}, first=1)


def mediapipe_rows(out: Path) -> Path:
    def rows(k: int) -> list[list[float]]:
        return [[u / WIDTH, v / HEIGHT, 0.0, c] for u, v, c in named(k, sets.MEDIAPIPE_33)]

    return one_file(out / "landmarks.json", {str(k): rows(k) for k in range(COUNT)})


def bare_frames(out: Path) -> Path:
    return one_file(out.with_suffix(".json"), [named(k, sets.COCO_WHOLEBODY_133) for k in range(COUNT)])


def comfyui_fractions(out: Path) -> Path:
    def frame(k: int) -> dict[str, Any]:
        points = flat([[u / WIDTH, v / HEIGHT, c] for u, v, c in named(k, sets.COCO_18)])
        return {"people": [{"pose_keypoints_2d": points}], "canvas_width": WIDTH, "canvas_height": HEIGHT}

    return one_file(out / "poses.json", [frame(k) for k in range(COUNT)])
