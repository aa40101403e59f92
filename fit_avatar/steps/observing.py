"""From the clip or the photographs to what is observed in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fit_avatar import capture as observing
from fit_avatar.capture import Camera, Capture
from fit_avatar.config import Config
from fit_avatar.io.store import Stage, file_identity, source_identity
from fit_avatar.progress import Advance
from fit_avatar.steps.runner import Runner


@dataclass(frozen=True)
class Source:
    """A clip or photographs, and the camera as far as it is known before the fit."""

    config: Config
    camera: Camera
    """Its lens distortion is taken out of all pictures; what comes after the fit reads the capture's camera instead."""
    notes: tuple[str, ...]
    """What the user should know about the camera."""

    @classmethod
    def of(cls, config: Config) -> Source:
        """Look at the size of the pictures and at the options of the camera.

        Raises:
            BadInputError: a file cannot be used.
        """
        if config.video is None:
            width, height = observing.image_size(config.image[0])
        else:
            video = observing.probe(config.video)
            width, height = video.width, video.height
        if config.camera is not None:
            return cls(config, *observing.load_camera(config.camera, width, height))
        found = observing.camera_from(
            width, height, fov_deg=config.fov_deg, focal_px=config.focal_px, focal_35mm=config.focal_35mm
        )
        return cls(config, *found)

    def frames(self, capture: Capture) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """Yield the index and the undistorted picture [H, W, 3], BGR, of every frame that was used."""
        for index, frame in self._taken(capture):
            yield index, observing.undistort(frame, self.camera)

    def _taken(self, capture: Capture) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        if self.config.video is not None:
            yield from observing.read_frames(self.config.video, capture.frame_indices.tolist())
            return
        for index in capture.frame_indices.tolist():
            yield index, observing.read_image(self.config.image[index])


def observe(runner: Runner, config: Config, source: Source) -> Stage[Capture]:
    """Run the stage that finds keypoints and masks."""
    depends_on = {
        "video": config.video and file_identity(config.video),
        "images": [file_identity(image) for image in config.image],
        "frames": config.frames,
        "detector": config.detector,
        "keypoints": config.keypoints and file_identity(config.keypoints),
        "masks": config.masks and file_identity(config.masks),
        "camera": source.camera,
        "code": source_identity("capture"),
    }

    def look(advance: Advance) -> Capture:
        if config.video is None:
            return observing.observe_images(
                config.image,
                keypoints=config.keypoints,
                masks=config.masks,
                camera=source.camera,
                detector=config.detector,
                progress=advance,
            )
        return observing.observe(
            config.video,
            frames=config.frames,
            keypoints=config.keypoints,
            masks=config.masks,
            camera=source.camera,
            detector=config.detector,
            progress=advance,
        )

    return runner.run("observe", depends_on, look)
