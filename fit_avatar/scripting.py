"""Fitting in a script: a video or photographs in, an avatar out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import torch

from fit_avatar.avatar import Avatar
from fit_avatar.body import Body, load_body
from fit_avatar.capture import Camera, Capture
from fit_avatar.capture.source import Picture, Source
from fit_avatar.config import usual_preset
from fit_avatar.energies import Term
from fit_avatar.fitting import AnySchedule, as_schedule
from fit_avatar.io.runner import Runner
from fit_avatar.options import Options
from fit_avatar.pipeline import build, reconstruct
from fit_avatar.progress import Advance, Callback


def fit_video(
    video: Path | str,
    *,
    height_m: float | None = None,
    body: Body | None = None,
    camera: Camera | Path | str | None = None,
    fov_deg: float | None = None,
    keypoints: Path | str | None = None,
    masks: Path | str | None = None,
    detector: str = "mediapipe",
    pose_model: Path | str | None = None,
    fps: float | None = None,
    camera_motion: Literal["auto", "static", "handheld", "orbit"] = "auto",
    person: int | None = None,
    frames: int = 120,
    init: Path | str | None = None,
    schedule: AnySchedule | None = None,
    terms: Sequence[Term] = (),
    texture_size: int | None = 2048,
    uv_layout: Literal["head", "body"] = "head",
    delight: bool = False,
    normal_map: bool = False,
    shoes: Literal["auto", "yes", "no"] = "auto",
    garment: Literal["auto", "skirt", "none"] = "auto",
    hair: Literal["auto", "none"] = "auto",
    check: bool = True,
    every_frame: bool = True,
    device: str | torch.device = "cpu",
    progress: Advance | None = None,
) -> Avatar:
    """Fit an avatar to a video of one person, as the command line does.

    Args:
        video: the clip: a video file, a folder of pictures, or those that a pattern such as ``%05d.png`` names.
        height_m: the person's height without shoes; it fixes the scale.
        body: by default the free body, see :func:`load_body`.
        camera: a camera, or a file that describes it; by default the focal length is estimated from the clip.
        fov_deg: field of view in degrees along the longer side, where there is no camera.
        keypoints: 2D keypoints, instead of a detector's.
        masks: folder of PNG files or a video, instead of the built-in segmentation.
        detector: what finds keypoints: ``mediapipe``, ``openpose`` or ``rtmlib``.
        pose_model: MediaPipe's ``pose_landmark_heavy.tflite`` for ``mediapipe``, instead of the package's model.
        fps: frame rate of a folder of pictures, or of a video instead of what it states.
        camera_motion: how the camera moved; ``auto`` finds that out by the scene around the person.
        person: number of the one who is meant, where the clip shows several people: 1 is seen largest and longest,
            and ``Avatar.capture.people`` has all of them. None: whom given masks show, else number 1.
        frames: use at most this many.
        init: poses that another program computed (VIBE, WHAM, 4D-Humans, GVHMR, ROMP, …), from which the fit starts.
        schedule: a schedule, its actions, or the name of a preset; by default the one that suits the input.
        terms: further terms of your own, in every solve for poses or betas.
        texture_size: side of the texture; None leaves it out.
        uv_layout: of the default body: with a quarter of the texture for the head, or as the body comes.
        delight: remove the lighting of the clip from the texture, as far as the turn separates it from the colours.
        normal_map: also read folds from the shading, for :meth:`Avatar.save` with ``normal_map``.
        shoes: whether the person wears shoes or socks; ``auto`` looks whether the feet have the face's colour.
        garment: whether a skirt, a dress or a long coat is a surface of its own; ``auto`` leaves it to the schedule.
        hair: whether a ponytail or long hair is a surface of its own; ``auto`` leaves it to the schedule.
        check: compare the avatar with the clip: an error if they clearly disagree, warnings of what is uncertain.
        every_frame: find a pose for every frame of the clip (``Avatar.motion``), also for those that are not fitted.
        device: where to compute.
        progress: called with what is being done, steps done and steps in all.

    Raises:
        BadInputError: a file or an option cannot be used.
        NoPersonError: the clip does not show one whole person in enough frames, or the fit is nonsense.
    """
    source = Source.of(
        video=video, camera=camera, fov_deg=fov_deg, max_frames=frames, keypoints=keypoints, masks=masks,
        detector=detector, pose_model=pose_model, fps=fps, camera_motion=camera_motion, person=person,
    )  # fmt: skip
    plan = as_schedule(schedule or usual_preset(0), terms, init).with_garment(garment).with_hair(hair)
    other = as_schedule("motion", terms, init).with_garment(garment).with_hair(hair) if schedule is None else None
    options = Options(
        plan,
        height_m,
        texture_size or 0,
        delight,
        normal_map,
        check,
        every_frame=every_frame,
        other_motion=other,
        shoes=shoes,
        uv_layout=uv_layout,
    )
    return _fit_source(source, options, body, device, progress)


def track_video(
    avatar: Avatar,
    video: Path | str,
    *,
    camera: Camera | Path | str | None = None,
    fov_deg: float | None = None,
    keypoints: Path | str | None = None,
    masks: Path | str | None = None,
    detector: str = "mediapipe",
    pose_model: Path | str | None = None,
    fps: float | None = None,
    camera_motion: Literal["auto", "static", "handheld", "orbit"] = "auto",
    person: int | None = None,
    frames: int = 120,
    schedule: AnySchedule = "track",
    terms: Sequence[Term] = (),
    check: bool = True,
    every_frame: bool = True,
    device: str | torch.device = "cpu",
    progress: Advance | None = None,
) -> Avatar:
    """Move an avatar as the person in a video does; its shape, clothes and texture stay.

    Args:
        avatar: the person's, such as :meth:`Avatar.load` reads it.
        video: this and the others as for :func:`fit_video`.
        camera: the camera.
        fov_deg: field of view.
        keypoints: 2D keypoints.
        masks: masks.
        detector: what finds keypoints.
        pose_model: of MediaPipe.
        fps: frame rate.
        camera_motion: how the camera moved.
        person: number of the one who is meant, where the clip shows several people.
        frames: use at most this many.
        schedule: a schedule that frees neither betas nor offsets, its actions, or the name of a preset.
        terms: further terms.
        check: compare the avatar with the clip.
        every_frame: find a pose for every frame of the clip.
        device: where to compute.
        progress: called with what is being done, steps done and steps in all.

    Returns:
        The same avatar with the motion of the video; :meth:`Avatar.append_to` adds it to a GLB.

    Raises:
        BadInputError: a file or an option cannot be used, or the schedule changes the shape.
        NoPersonError: the clip does not show one whole person in enough frames, or the fit is nonsense.
    """
    source = Source.of(
        video=video, camera=camera, fov_deg=fov_deg, max_frames=frames, keypoints=keypoints, masks=masks,
        detector=detector, pose_model=pose_model, fps=fps, camera_motion=camera_motion, person=person,
    )  # fmt: skip
    options = Options(as_schedule(schedule, terms), check=check, every_frame=every_frame, known=avatar)
    return _fit_source(source, options, avatar.body, device, progress)


def fit_images(
    images: Sequence[Path | str],
    *,
    height_m: float | None = None,
    body: Body | None = None,
    camera: Camera | Path | str | None = None,
    fov_deg: float | None = None,
    keypoints: Path | str | None = None,
    masks: Path | str | None = None,
    detector: str = "mediapipe",
    pose_model: Path | str | None = None,
    init: Path | str | None = None,
    schedule: AnySchedule | None = None,
    terms: Sequence[Term] = (),
    texture_size: int | None = 2048,
    uv_layout: Literal["head", "body"] = "head",
    delight: bool = False,
    normal_map: bool = False,
    shoes: Literal["auto", "yes", "no"] = "auto",
    garment: Literal["auto", "skirt", "none"] = "auto",
    hair: Literal["auto", "none"] = "auto",
    check: bool = True,
    device: str | torch.device = "cpu",
    progress: Advance | None = None,
) -> Avatar:
    """Fit an avatar to one to eight photographs of one person.

    Arguments, results and errors are those of :func:`fit_video`.
    """
    source = Source.of(
        images=images, camera=camera, fov_deg=fov_deg, keypoints=keypoints, masks=masks, detector=detector,
        pose_model=pose_model,
    )  # fmt: skip
    plan = as_schedule(schedule or usual_preset(len(images)), terms, init).with_garment(garment).with_hair(hair)
    options = Options(plan, height_m, texture_size or 0, delight, normal_map, check, shoes=shoes, uv_layout=uv_layout)
    return _fit_source(source, options, body, device, progress)


def fit_capture(
    capture: Capture,
    pictures: Iterable[Picture] | None = None,
    *,
    height_m: float | None = None,
    body: Body | None = None,
    init: Path | str | None = None,
    schedule: AnySchedule = "video-avatar",
    terms: Sequence[Term] = (),
    texture_size: int | None = 2048,
    uv_layout: Literal["head", "body"] = "head",
    delight: bool = False,
    normal_map: bool = False,
    shoes: Literal["auto", "yes", "no"] = "auto",
    garment: Literal["auto", "skirt", "none"] = "auto",
    hair: Literal["auto", "none"] = "auto",
    check: bool = True,
    device: str | torch.device = "cpu",
    progress: Advance | None = None,
) -> Avatar:
    """Fit an avatar to what was observed, however it was observed.

    Args:
        capture: the observations.
        pictures: (frame index, BGR picture), undistorted, for the texture and for actions that look at the pictures;
            None leaves these out. They are gone through several times: what an iterator gives is kept in memory.
        height_m: this and the others as for :func:`fit_video`.
        body: the body.
        init: poses that another program computed, from which the fit starts.
        schedule: a schedule, its actions, or the name of a preset.
        terms: further terms.
        texture_size: side of the texture; None leaves it out.
        uv_layout: of the default body.
        delight: remove the lighting from it.
        normal_map: also read folds from the shading.
        shoes: whether the person wears shoes or socks; ``auto`` leaves it as the capture has it, or looks for it.
        garment: whether a skirt, a dress or a long coat is a surface of its own.
        hair: whether a ponytail or long hair is one.
        check: compare the avatar with the capture.
        device: where to compute.
        progress: called with what is being done, steps done and steps in all.
    """
    plan = as_schedule(schedule, terms, init).with_garment(garment).with_hair(hair)
    options = Options(plan, height_m, texture_size or 0, delight, normal_map, check, shoes=shoes, uv_layout=uv_layout)
    runner = Runner(None, Callback(progress))
    if isinstance(pictures, Iterator):
        pictures = list(pictures)
    return build(capture, pictures, _body(body, runner, device), options, runner).avatar


def _fit_source(
    source: Source, options: Options, body: Body | None, device: str | torch.device, progress: Advance | None
) -> Avatar:
    runner = Runner(None, Callback(progress))
    return reconstruct(source, _body(body, runner, device), options, runner).avatar


def _body(given: Body | None, runner: Runner, device: str | torch.device) -> Body:
    return (given or runner.ready("body", lambda advance: load_body(progress=advance))).to(device)
