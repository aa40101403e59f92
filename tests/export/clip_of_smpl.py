"""A short clip with a fitted body of the SMPL family, as the exports for other projects get it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fit_avatar.body import load_body
from fit_avatar.body.model import Body
from fit_avatar.body.state import BodyState
from fit_avatar.capture import Camera, Capture
from tests.body.smpl_files import model_arrays, write_npz
from tests.export.test_amass import moving

WIDTH, HEIGHT, FRAMES = 40, 30, 11
INDICES = np.array([0, 2, 3, 7, 10, 11, 12, 20, 21, 30, 101])


@dataclass(frozen=True)
class Clip:
    """Everything that a writer is given."""

    model: Path
    body: Body
    state: BodyState
    capture: Capture
    pictures: list[tuple[int, np.ndarray]]

    @property
    def given(self) -> tuple[Body, BodyState, Capture, list[tuple[int, np.ndarray]]]:
        return self.body, self.state, self.capture, self.pictures


def clip_of(kind: str, folder: Path, num_betas: int = 10, camera: Camera | None = None) -> Clip:
    """Return a clip in which the blue of frame i is 2 i + 1 and the person's mask is a box as wide as its row + 1."""
    file = folder / f"{kind.upper()}_FEMALE.npz"
    if not file.exists():
        write_npz(file, model_arrays(kind))
    body = load_body(num_betas, None, str(file))
    masks = np.zeros((FRAMES, HEIGHT, WIDTH), bool)
    for row, mask in enumerate(masks):
        mask[5:25, 10 : 11 + row] = True
    random = np.random.default_rng(0)
    pictures = [(int(i), random.integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)) for i in INDICES]
    for index, picture in pictures:
        picture[..., 0] = 2 * index + 1
    capture = Capture(
        frame_indices=INDICES,
        keypoints=(random.random((FRAMES, 25, 3)) * (WIDTH, HEIGHT, 1)).astype(np.float32),
        masks=masks,
        camera=camera or Camera(50.0, 51.0, 20.0, 15.0, WIDTH, HEIGHT),
        frame_weights=np.ones(FRAMES, np.float32),
        hands=(random.random((FRAMES, 2, 21, 3)) * (WIDTH, HEIGHT, 1)).astype(np.float32),
    )
    return Clip(file, body, moving(body, FRAMES), capture, pictures)
