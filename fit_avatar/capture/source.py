"""Where a capture comes from: a clip or photographs, and what is known about them beforehand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.bars import Bars, find_bars
from fit_avatar.capture.camera import camera_from, load_camera, undistort
from fit_avatar.capture.camera_motion import Asked
from fit_avatar.capture.cast import Cast
from fit_avatar.capture.config import DEFAULT_CAPTURE, CaptureConfig
from fit_avatar.capture.every_frame import EveryFrame, observe_every_frame
from fit_avatar.capture.frames import open_frames
from fit_avatar.capture.given_limbs import find_limbs
from fit_avatar.capture.images import image_size, observe_images, read_image
from fit_avatar.capture.kept_pictures import KeptPictures
from fit_avatar.capture.moves import moved_picture
from fit_avatar.capture.observe import observe, tell_apart
from fit_avatar.capture.types import Camera, Capture
from fit_avatar.capture.video import frame_times, probe, read_frames
from fit_avatar.capture.working_size import at_size, working_camera
from fit_avatar.errors import BadInputError
from fit_avatar.io.fingerprint import digest, file_identity
from fit_avatar.io.kinds import is_picture

MIN_SIDE_PX = 48
"""Smaller pictures are refused. Chosen by hand."""
MAX_ASPECT = 16
"""Of the longer side to the shorter one."""
Picture = tuple[int, NDArray[np.uint8]]
"""The index of a frame, and its picture: BGR [H, W, 3]."""


@dataclass(frozen=True)
class Source:
    """A clip or photographs, the camera as far as it is known, and files that stand for detectors."""

    camera: Camera
    """Its lens distortion is taken out of all pictures; what comes after the fit reads the capture's camera instead."""
    video: Path | None = None
    """A video file, a folder of pictures, or a pattern such as ``%05d.png``."""
    images: tuple[Path, ...] = ()
    """One to eight photographs instead of a clip."""
    max_frames: int = 120
    """Use at most so many frames, spread evenly over the clip."""
    keypoints: Path | None = None
    """2D keypoints instead of a detector's."""
    masks: Path | None = None
    """Masks instead of the built-in segmentation."""
    detector: str = "mediapipe"
    pose_model: Path | None = None
    """MediaPipe's ``pose_landmark_heavy.tflite``, instead of the package's model."""
    fps: float | None = None
    """Frame rate of the clip, if the user says it."""
    camera_motion: Asked = "auto"
    """How the camera moved, if the user says it."""
    person: int | None = None
    """Number of the one who is meant, where a clip shows several people, from 1; None: the largest."""
    people: Cast | None = None
    """Everybody in the clip, if they have been told apart before."""
    most_px: int | None = None
    """Longer side of a clip's pictures as they are used, if they are to be made smaller."""
    notes: tuple[str, ...] = ()
    """What the user should know about the camera: one sentence each."""

    @classmethod
    def of(
        cls,
        *,
        video: Path | str | None = None,
        images: Sequence[Path | str] = (),
        camera: Camera | Path | str | None = None,
        fov_deg: float | None = None,
        focal_px: float | None = None,
        focal_35mm: float | None = None,
        max_frames: int = 120,
        keypoints: Path | str | None = None,
        masks: Path | str | None = None,
        detector: str = "mediapipe",
        pose_model: Path | str | None = None,
        fps: float | None = None,
        camera_motion: Asked = "auto",
        person: int | None = None,
    ) -> Source:
        """Read the size of the pictures, and work out the camera from what is given.

        Args:
            video: the clip: a video file, a folder of pictures, or a pattern; or
            images: one to eight photographs.
            camera: a camera, or a file that describes it; or one of the next three, else a guess.
            fov_deg: field of view in degrees along the longer side.
            focal_px: focal length in pixels.
            focal_35mm: focal length in 35 mm equivalents.
            max_frames: of a clip.
            keypoints: file or folder of 2D keypoints, instead of the detector's.
            masks: folder of PNG files or a video, instead of the built-in segmentation.
            detector: what finds keypoints that are not given.
            pose_model: MediaPipe's ``pose_landmark_heavy.tflite``, instead of the package's model.
            fps: frame rate of a folder of pictures, or of a video instead of what it states.
            camera_motion: how the camera moved, where that is known beforehand.
            person: number of the one who is meant, where a clip shows several people, from 1.

        Raises:
            BadInputError: a file cannot be used.
        """
        paths = tuple(Path(image) for image in images)
        if video is None and not paths:
            raise BadInputError("there is nothing to fit: give a video, or one to eight photographs")
        if video is None:
            width, height = image_size(paths[0])
        else:
            if is_picture(Path(video)):
                raise BadInputError(f"{video} is one photograph, not a video: give it with --image")
            info = probe(Path(video))
            width, height = info.width, info.height
        if min(width, height) < MIN_SIDE_PX:
            raise BadInputError(
                f"{paths[0] if video is None else video} has {width} × {height} pixels, too few to show a person: give "
                f"one with at least {MIN_SIDE_PX} on either side"
            )
        if max(width, height) > MAX_ASPECT * min(width, height):
            raise BadInputError(
                f"{paths[0] if video is None else video} has {width} × {height} pixels, which no camera takes: check "
                "that it is the right file"
            )
        notes: tuple[str, ...] = ()
        if camera is None:
            seen = Bars(width, height) if video is None else find_bars(Path(video), width, height)
            camera, notes = camera_from(
                seen.width, seen.height, fov_deg=fov_deg, focal_px=focal_px, focal_35mm=focal_35mm
            )
            camera = replace(camera, cx=width / 2, cy=height / 2, width=width, height=height)
            notes += (seen.note,) if seen.note else ()
        elif not isinstance(camera, Camera):
            camera, notes = load_camera(Path(camera), width, height)
        return cls(
            camera, None if video is None else Path(video), paths, max_frames,
            None if keypoints is None else Path(keypoints), None if masks is None else Path(masks), detector,
            None if pose_model is None else Path(pose_model), fps, camera_motion, person, notes=notes,
        )  # fmt: skip

    def observe(
        self,
        progress: Callable[[str, int, int], None] | None = None,
        config: CaptureConfig = DEFAULT_CAPTURE,
        kept: KeptPictures | None = None,
    ) -> Capture:
        """Find keypoints and masks in every frame that is used; ``kept`` takes what they show of the person.

        Raises:
            BadInputError: a file cannot be used.
            NoPersonError: the pictures do not show one whole person often enough.
        """
        if self.video is None:
            return observe_images(
                self.images, camera=self.camera, keypoints=self.keypoints, masks=self.masks, detector=self.detector,
                pose_model=self.pose_model, progress=progress, config=config,
            )  # fmt: skip
        return observe(
            self.video, camera=self.camera, frames=self.max_frames, keypoints=self.keypoints, masks=self.masks,
            detector=self.detector, pose_model=self.pose_model, fps=self.fps, camera_motion=self.camera_motion,
            person=self.person, people=self.people, most_px=self.most_px, progress=progress,
            config=config, kept=kept,
        )  # fmt: skip

    def tell_apart(self, progress: Callable[[str, int, int], None] | None = None) -> Cast:
        """Find everybody in the clip and tell them apart.

        Raises:
            BadInputError: a file cannot be used, or the source are photographs.
            NoPersonError: nobody is in the clip.
        """
        if self.video is None:
            raise BadInputError("people are told apart in clips, not in photographs: give a video")
        return tell_apart(
            self.video, camera=self.camera, keypoints=self.keypoints, detector=self.detector,
            pose_model=self.pose_model, progress=progress,
        )  # fmt: skip

    def every_frame(self, capture: Capture, progress: Callable[[str, int, int], None] | None = None) -> EveryFrame:
        """Find keypoints in the frames of the video that a capture does not use.

        Raises:
            BadInputError: a file cannot be used, or the source are photographs.
        """
        if self.video is None:
            raise BadInputError("photographs have no frames between those that are fitted: give a video")
        return observe_every_frame(
            self.video, capture, camera=self.camera, keypoints=self.keypoints, detector=self.detector,
            pose_model=self.pose_model, fps=self.fps, progress=progress,
        )  # fmt: skip

    def find_limbs(self, capture: Capture, progress: Callable[[int, int], None] | None = None) -> Capture:
        """Return a capture of given keypoints with the directions of limbs that the built-in pose model sees."""
        return find_limbs(capture, self.pictures(capture), self.pose_model, progress)

    def frame_times(self) -> NDArray[np.float64]:
        """Return the time of every frame of the clip since the first, in seconds. [N]"""
        return np.arange(len(self.images)) / 1.0 if self.video is None else frame_times(self.video, self.fps)

    def files(self) -> tuple[Path, ...]:
        """Return all files and folders that are read."""
        clip = () if self.video is None else open_frames(self.video).files()
        return tuple(
            path for path in (*clip, *self.images, self.keypoints, self.masks, self.pose_model) if path is not None
        )

    def clip_identity(self) -> str:
        """Return a hash that tells a clip from others by its content, wherever it lies and whatever it is called."""
        files = self.images if self.video is None else open_frames(self.video).files()
        return digest([(size, ends) for size, _, ends in map(file_identity, files)])

    def pictures(self, capture: Capture, kept: KeptPictures | None = None) -> Pictures:
        """Return the undistorted pictures of the frames that a capture holds.

        ``kept``: of the same capture, for those who look at the person alone: elsewhere its pictures are black.
        """
        size = (capture.camera.width, capture.camera.height)
        return Pictures(self, tuple(capture.frame_indices.tolist()), size, capture.steadying, kept)

    def no_pictures(self) -> KeptPictures:
        """Return what can keep the pictures of an observation."""
        return KeptPictures(working_camera(self.camera, self.most_px)[0])


@dataclass(frozen=True)
class Pictures:
    """Undistorted frames that are read anew whenever they are gone through, but for those that are kept."""

    source: Source
    frame_indices: tuple[int, ...]
    size: tuple[int, int]
    """Width and height at which they are used, in pixels."""
    steadying: NDArray[np.float32] | None = None
    """As in the capture. [T, 2, 3]"""
    kept: KeptPictures | None = None
    """Frames of which the person alone is there."""
    last: bool = False
    """Whether they are gone through for the last time: what is kept is dropped on the way."""

    def __iter__(self) -> Iterator[Picture]:
        kept = self.kept
        if kept is None:
            yield from self._read(self.frame_indices)
            return
        anew = self._read([index for index in self.frame_indices if index not in kept])
        following = next(anew, None)
        for index in self.frame_indices:
            picture = kept.get(index, self.last)
            if picture is not None:
                yield index, picture
            elif following is not None and following[0] == index:
                yield following
                following = next(anew, None)

    def _read(self, indices: Sequence[int]) -> Iterator[Picture]:
        if not indices:
            return
        camera = self.source.camera.fitted_to(*self.size)
        moves = {} if self.steadying is None else dict(zip(self.frame_indices, self.steadying, strict=True))
        for index, picture in self._stored(indices):
            yield index, undistort(moved_picture(at_size(picture, *self.size), moves.get(index)), camera)

    def _stored(self, indices: Sequence[int]) -> Iterator[Picture]:
        if self.source.video is not None:
            return read_frames(self.source.video, indices)
        return ((index, read_image(self.source.images[index])) for index in indices)


def used_up(pictures: Iterable[Picture]) -> Iterable[Picture]:
    """Return pictures for who goes through them last."""
    return replace(pictures, last=True) if isinstance(pictures, Pictures) else pictures
