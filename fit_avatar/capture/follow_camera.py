"""How the camera moved in a clip, whose people are no part of the scene."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from fit_avatar.capture.camera_motion import Asked, CameraMotionConfig, find_camera_motion, standing_still
from fit_avatar.capture.camera_path import CameraMotion
from fit_avatar.capture.cast import Cast
from fit_avatar.capture.clip import Clip
from fit_avatar.capture.types import Camera, Mask, Progress
from fit_avatar.capture.whereabouts import everybody


def follow_camera(
    clip: Clip,
    people: Mapping[int, Mask],
    cast: Cast | None,
    camera: Camera,
    asked: Asked,
    config: CameraMotionConfig,
    report: Progress,
) -> CameraMotion:
    """Find how the camera moved: by the used frames, and where it moved in these, by all frames of the clip.

    Args:
        clip: the pictures.
        people: where the person and who is beside them are in the used frames. Frame index → [h, w]
        cast: everybody in the clip, if several people were looked for: they are no scene in any frame.
        camera: of the pictures.
        asked: what the user says about the camera.
        config: settings.
        report: is told what is being done.
    """
    used = np.array(sorted(people), np.int64)
    pictures = clip.small(used.tolist())

    def around(index: int) -> Mask:
        """Return where people are in a frame; the person, where they were in the used frames before and after it."""
        place = int(np.searchsorted(used, index))
        before, after = (people[int(used[k])] for k in np.clip([place - 1, place], 0, len(used) - 1))
        person = people[index] if index in people else before | after
        return person if cast is None else person | everybody(cast, index, (clip.width, clip.height), person.shape)

    frames = [(index, picture, around(index)) for index, picture in sorted(pictures.items())]
    motion = None if asked != "auto" else standing_still(frames, camera, config)
    motion = motion or find_camera_motion(frames, camera, asked, config)
    if not motion.moves:
        return motion
    report("Following the camera", 0, 1)
    every = clip.every_small(int(used[0]), int(used[-1]))
    known = motion.mode if motion.mode != "pan" else "handheld"
    motion = find_camera_motion(((index, picture, around(index)) for index, picture in every), camera, known, config)
    report("Following the camera", 1, 1)
    return motion if motion.told or asked != "auto" else motion.standing()
