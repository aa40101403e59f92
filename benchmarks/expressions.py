"""What is found of the expressions of synthetic people, who blink, open their mouths, smile, or are at rest.

    python benchmarks/expressions.py [OUT] [--people 2] [--zoom 3.5 1] [--frames 150]

Shape and poses are the true ones, so that the score is that of the expressions alone. ``benchmarks/README.md`` tells
how to read it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import cv2
import numpy as np
import tyro
from numpy.typing import NDArray

from fit_avatar.body.default_body import face_shapes
from fit_avatar.capture import Capture
from fit_avatar.capture.blazepose import FaceEstimator, PoseEstimator
from fit_avatar.fitting.expressions import find_expressions
from lib.expressive_person import FPS, ExpressiveClip, write_expressive_person
from lib.markdown import markdown_table

OUT = Path("out/expressions")
REST = 0.02
"""A frame is one of rest if no true weight is larger."""


def pictures(video: Path) -> Iterator[NDArray[np.uint8]]:
    """Yield the frames of a video."""
    opened = cv2.VideoCapture(str(video))
    while (read := opened.read())[0]:
        yield read[1]


def detected(clip: ExpressiveClip) -> NDArray[np.float32]:
    """Return the points of the face that the detector finds. [T, 468, 3]"""
    poses, faces, face, region = PoseEstimator(), FaceEstimator(), None, None
    points = np.zeros((len(clip.weights), 468, 3), np.float32)
    for t, picture in enumerate(pictures(clip.video)):
        pose = poses.estimate(picture, region) or poses.estimate(picture)
        region = None if pose is None else pose.next_region
        face = None if pose is None else faces.estimate(picture, pose.landmarks[:, [0, 1, 3]], face)
        if face is not None:
            points[t, :, :2], points[t, :, 2] = face.points, face.score
    return points


def found(clip: ExpressiveClip, points: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """Return the weights that are found in points of the face."""
    count = len(points)
    capture = Capture(
        np.arange(count), np.zeros((count, 25, 3), np.float32), np.zeros((count, 4, 4), bool), clip.camera,
        np.ones(count, np.float32), float(FPS), point_sets={"face_468": points},
    )  # fmt: skip
    return find_expressions(clip.body, clip.state, capture)


def scored(clip: ExpressiveClip) -> dict[str, str]:
    """Return the figures of one clip."""
    points, names = detected(clip), face_shapes().names
    weights = found(clip, points)
    width = np.median(np.ptp(points[points[:, 0, 2] > 0][..., 0], axis=1)) if points[:, 0, 2].any() else 0.0
    row = {"face, px": f"{width:.0f}"}
    if weights is None:
        return row | {"at rest": "not seen"}
    moved = clip.weights.max(0) > 0
    for name in ("eyeBlink", "jawOpen", "mouthSmile"):
        columns = [k for k in np.flatnonzero(moved) if names[k].startswith(name)]
        if not columns:
            continue
        true, own = (all_of[:, columns].mean(1) for all_of in (clip.weights, weights))
        gain = own @ true / (true @ true)
        row[name] = f"{np.corrcoef(true, own)[0, 1] if own.std() else 0:.2f}, {gain:.2f}"
    rest = clip.weights.max(1) < REST
    row["at rest"] = f"{weights[rest].max():.2f}"
    row["others"] = f"{weights[:, ~moved].max():.2f}"
    return row


def main(
    out: tyro.conf.Positional[Path] = OUT, people: int = 2, zoom: tuple[float, ...] = (3.5, 1.0), frames: int = 150
) -> None:
    """Write clips and score what is found in them.

    Args:
        out: the folder of the clips.
        people: how many.
        zoom: 1 shows the whole person, 3.5 head and shoulders.
        frames: of each clip.
    """
    columns = ("person", "zoom", "face, px", "eyeBlink", "jawOpen", "mouthSmile", "at rest", "others")
    rows = []
    for seed, each, moves in product(range(people), zoom, (True, False)):
        name = f"person{seed:02d}-{each:g}-{'moves' if moves else 'rest'}"
        clip = write_expressive_person(out / name, seed, frames, zoom=each, moves=moves)
        row = {"person": name, "zoom": f"{each:g}"} | scored(clip)
        rows.append([row.get(column, "") for column in columns])
        print(rows[-1], flush=True)
    print(markdown_table(columns, rows))


if __name__ == "__main__":
    tyro.cli(main)
