"""From one to eight photographs of a person to the observations that a body is fitted to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.alignment import align
from fit_avatar.capture.assemble import assemble_capture, input_sources
from fit_avatar.capture.camera import require_camera_size
from fit_avatar.capture.config import DEFAULT_CAPTURE, CaptureConfig
from fit_avatar.capture.detectors import make_detector
from fit_avatar.capture.disagreement import require_agreement
from fit_avatar.capture.files import files_in
from fit_avatar.capture.keypoints import load_keypoints, load_picture
from fit_avatar.capture.mask_check import MaskCheck, check_photo, clean_mask
from fit_avatar.capture.masks import read_masks
from fit_avatar.capture.mediapipe_pose import Detection, MediaPipeDetector
from fit_avatar.capture.person import body_size, is_person
from fit_avatar.capture.points import BODY, People, Points, join_parts
from fit_avatar.capture.refine import MaskRefiner
from fit_avatar.capture.refusals import Given, looks_like_masks, why_nobody
from fit_avatar.capture.types import PERSON_LEVEL, Camera, Capture, Image, Mask, Progress
from fit_avatar.capture.whole_body import find_whole_body
from fit_avatar.capture.working_size import at_size, working_camera, working_size
from fit_avatar.errors import BadInputError, NoPersonError
from fit_avatar.io.pictures import read_picture

MAX_IMAGES = 8
"""More pictures are better given as a video, whose frames are checked against each other. Chosen by hand."""
NAME_ENDINGS = ("", "_keypoints", "_mask")
"""What may follow a photograph's name in the names of its keypoint and mask files."""


def read_image(path: Path) -> Image:
    """Read a photograph upright, as its EXIF orientation says. BGR [H, W, 3]

    Raises:
        BadInputError: no such file, or not an image.
    """
    return np.asarray(read_picture(path, "image"), np.uint8)


def image_size(path: Path) -> tuple[int, int]:
    """Return width and height of a photograph that stands upright, in pixels.

    Raises:
        BadInputError: no such file, or not an image.
    """
    height, width = read_image(path).shape[:2]
    return width, height


def observe_images(
    paths: Sequence[Path],
    *,
    camera: Camera,
    keypoints: Path | None = None,
    masks: Path | None = None,
    detector: str = "mediapipe",
    pose_model: Path | None = None,
    progress: Progress | None = None,
    config: CaptureConfig = DEFAULT_CAPTURE,
) -> Capture:
    """Observe a few photographs of one person in much the same pose.

    The person may be cut off and may be seen from any side; the largest person of each picture counts. The result's
    frames are the photographs in the given order.

    Args:
        paths: 1 to 8 photographs of one size.
        camera: at the upright photographs' size; its distortion is undone in keypoints and masks.
        keypoints: folder with one OpenPose JSON per photograph, or one file for all that :func:`load_keypoints` reads.
        masks: folder with one PNG per photograph, or one PNG for the only one; without them MediaPipe's are refined.
        detector: finds the keypoints if they are not given (see :func:`make_detector`).
        pose_model: MediaPipe's ``pose_landmark_heavy.tflite``, to take instead of the package's model.
        progress: called with (step, done, total).
        config: settings of the algorithms.

    Returns:
        The capture; its camera is the pinhole that fits keypoints, masks and :func:`undistort`-ed photographs.

    Raises:
        BadInputError: a file that cannot be used, or inputs that do not belong together.
        NoPersonError: nobody is in one of them.
        MissingDependencyError: a detector is needed and not installed.
    """
    report: Progress = progress or (lambda step, done, total: None)
    images, stored = _read_all(paths, camera), (camera.width, camera.height)
    camera, size_notes = working_camera(camera)
    size = (camera.width, camera.height)
    given, mask_notes = _given_masks(masks, paths, size) if masks else (None, ())
    people, point_notes = _given_people(keypoints, paths, stored) if keypoints else (None, ())
    if people is not None and stored != size:
        scale = np.array([size[0] / stored[0], size[1] / stored[1], 1.0], np.float32)
        people = [everybody * scale for everybody in people]
    if people is None and detector != "mediapipe":
        with make_detector(detector) as other:
            people = [other.detect(image) for image in images]
    detections = _detect(images, paths, report, pose_model) if people is None or given is None else []
    built_in = people is None
    if people is None:
        people = [join_parts(detection.keypoints)[None] for detection in detections]
    points = np.stack([_largest(found, path, keypoints) for found, path in zip(people, paths, strict=True)])
    if keypoints is not None:
        points, note = _aligned(points, given, detections, size, keypoints)
        point_notes += (note,) if note else ()
    what = Given(Path(", ".join(map(str, paths))), keypoints, masks, clip=False)
    if keypoints is not None or masks is not None:
        shown = given if given is not None else [d.probability > PERSON_LEVEL for d in detections]
        require_agreement(dict(enumerate(points)), dict(enumerate(shown)), size, what)
    raw = given if given is not None else _refine(images, detections, points, report, config)
    cleaned = [clean_mask(mask, p[BODY], config.mask_check) for mask, p in zip(raw, points, strict=True)]
    checks = [check_photo(mask, p[BODY], config.mask_check) for mask, p in zip(cleaned, points, strict=True)]
    for path, check in zip(paths, checks, strict=True):
        if check.weight == 0.0:
            raise NoPersonError(replace(what, source=path).unusable(check.reason))
    numbers = range(len(paths))
    seen, fixed = dict(enumerate(detections)), dict(enumerate(points))
    others = find_whole_body(enumerate(images), numbers, seen, fixed, report, follow=False) if built_in else {}
    return assemble_capture(
        points,
        cleaned,
        camera,
        others,
        frame_indices=np.arange(len(paths)),
        frame_weights=np.array([check.weight for check in checks], np.float32),
        fps=1.0,
        warnings=(*dict.fromkeys((*size_notes, *point_notes, *mask_notes)), *_warnings(checks, config)),
        sources={**input_sources(keypoints, masks, detector, pose_model), "images": [path.name for path in paths]},
    )


def _read_all(paths: Sequence[Path], camera: Camera) -> list[Image]:
    if not 1 <= len(paths) <= MAX_IMAGES:
        raise BadInputError(f"there are {len(paths)} images: give 1 to {MAX_IMAGES}, or a video")
    images, sizes = [], []
    for path in paths:
        image = read_image(path)
        sizes.append((image.shape[1], image.shape[0]))
        images.append(at_size(image, *working_size(*sizes[-1])))
    for path, size in zip(paths, sizes, strict=True):
        if size != sizes[0]:
            raise BadInputError(
                f"{path} has {size[0]} × {size[1]} pixels but {paths[0]} has {sizes[0][0]} × {sizes[0][1]}: "
                "take all photographs with one camera, held the same way up"
            )
    require_camera_size(camera, *sizes[0], paths[0])
    return images


def _given_people(
    keypoints: Path, paths: Sequence[Path], size: tuple[int, int]
) -> tuple[list[People], tuple[str, ...]]:
    """Return the people in each photograph, and what was put right."""
    if keypoints.is_dir():
        files = _matched(keypoints, paths, ".json", "OpenPose JSON files")
        found = [load_picture(path, size) for path in files]
        return [people for people, _ in found], tuple(note for _, notes in found for note in notes)
    by_number = load_keypoints(keypoints, None, size)
    if len(by_number) != len(paths):
        raise BadInputError(
            f"{keypoints} has keypoints for {_pictures(len(by_number))}, but --image names {len(paths)}: give those of "
            "these"
        )
    return [by_number[number] for number in sorted(by_number)], by_number.warnings


def _aligned(
    points: NDArray[np.float32],
    given: list[Mask] | None,
    detections: list[Detection],
    size: tuple[int, int],
    keypoints: Path,
) -> tuple[NDArray[np.float32], str]:
    """Return given keypoints [N, 137, 3] for the photographs' size, and what was put right."""
    masks = given if given is not None else [detection.probability > PERSON_LEVEL for detection in detections]
    change = align(dict(enumerate(points)), dict(enumerate(masks)), size, str(keypoints))
    return (points, "") if change is None else (change.apply(points), change.note(keypoints.name))


def _given_masks(masks: Path, paths: Sequence[Path], size: tuple[int, int]) -> tuple[list[Mask], tuple[str, ...]]:
    if not masks.is_dir() and len(paths) > 1:
        raise BadInputError(f"{masks} is one file for {len(paths)} images: give a folder with one PNG for each")
    files = _matched(masks, paths, ".png", "PNG masks") if masks.is_dir() else [masks]
    return read_masks(files, size)


def _matched(folder: Path, paths: Sequence[Path], suffix: str, what: str) -> list[Path]:
    """Return each photograph's file: the one named like it, or else all files in the order of their names."""
    files = files_in(folder, suffix, what)
    by_stem = {file.stem: file for file in files}
    named = [next((by_stem[p.stem + end] for end in NAME_ENDINGS if p.stem + end in by_stem), None) for p in paths]
    found = [file for file in named if file is not None]
    if len(found) == len(paths):
        return found
    if len(files) != len(paths):
        raise BadInputError(
            f"{folder} holds {len(files)} {what} for {_pictures(len(paths))}, and none is named like {paths[0].name}: "
            "name each like its picture, or give a folder with these alone"
        )
    return files


def _pictures(count: int) -> str:
    return "one picture" if count == 1 else f"{count} pictures"


def _detect(images: list[Image], paths: Sequence[Path], report: Progress, pose_model: Path | None) -> list[Detection]:
    detections = []
    with MediaPipeDetector(pose_model=pose_model) as detector:
        for image, path in zip(images, paths, strict=True):
            detection = detector.detect(image)
            if detection is None:
                raise _nobody(path)
            detections.append(detection)
            report("Finding the person", len(detections), len(images))
    return detections


def _largest(people: People, path: Path, keypoints: Path | None) -> Points:
    candidates = [person for person in people if is_person(person)]
    if not candidates:
        if keypoints:
            raise NoPersonError(f"the keypoints in {keypoints} show nobody in {path}: {why_nobody({0: people})}")
        raise _nobody(path)
    return max(candidates, key=body_size)


def _nobody(path: Path) -> NoPersonError:
    if looks_like_masks(read_image(path)):
        return NoPersonError(f"{path} is black and white only, as masks are: give the photograph itself with --image")
    return NoPersonError(f"nobody was found in {path}: take a photograph of one person, well lit")


def _refine(
    images: list[Image],
    detections: list[Detection],
    points: NDArray[np.float32],
    report: Progress,
    config: CaptureConfig,
) -> list[Mask]:
    # One photograph suffices for the colours; the clean plate takes three by a camera that stands still.
    samples = [(image, detection.probability) for image, detection in zip(images, detections, strict=True)]
    refiner = MaskRefiner.learn(samples, config=config.refinement)
    masks = []
    for (image, probability), p in zip(samples, points, strict=True):
        masks.append(refiner.refine(image, probability, p[BODY]))
        report("Refining the masks", len(masks), len(images))
    return masks


def _warnings(checks: list[MaskCheck], config: CaptureConfig) -> tuple[str, ...]:
    warnings = []
    cut_off = sum(bool(check.sides) for check in checks)
    if cut_off:
        where = "the only image" if len(checks) == 1 else f"{cut_off} of {len(checks)} images"
        warnings.append(f"The person is cut off in {where}; what lies outside is estimated from average people.")
    if len(checks) <= config.few_photos:
        warnings.append(
            "So few images do not show the person from all sides; the sides that they do not show are an estimate."
        )
    return tuple(warnings)
