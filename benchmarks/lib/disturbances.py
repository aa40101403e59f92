"""Disturbances: each takes a film and returns a degraded one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fit_avatar.body.keypoint_sets import BODY_25_MIRROR
from fit_avatar.capture import Camera
from lib.film import Film, Shot

RIGHT_ELBOW, RIGHT_WRIST = 3, 4

# -- time --------------------------------------------------------------------------------------------------------


def rolled(film: Film, part: float) -> Film:
    """Start in another direction."""
    return film.showing(np.roll(film.source, -round(part * len(film.source))))


def reversed_time(film: Film) -> Film:
    """Turn the other way."""
    return film.showing(film.source[::-1].copy())


def only_around(film: Film, middle: float, reach: float) -> Film:
    """Show some directions only."""
    return film.showing(film.original.around(middle, reach))


def three_turns(film: Film) -> Film:
    """Turn three times, twice as fast."""
    return film.showing(np.tile(film.source[::2], 3))


def doubled(film: Film) -> Film:
    """Show every frame twice, as frame-rate conversion does."""
    return replace(film.showing(np.repeat(film.source, 2)), fps=2 * film.fps)


def standing_still(film: Film) -> Film:
    """Repeat one frame throughout."""
    return film.showing(np.full_like(film.source, film.source[0]))


def walks_in_and_out(film: Film, empty: int = 8, sliding: int = 22) -> Film:
    """Begin and end with an empty scene, and with a person cut off by the image border."""
    source, width, background = film.source, film.camera.width, film.original.background
    count, edge = len(source), empty + sliding
    long = film.showing(np.concatenate([np.full(edge, source[0]), source, np.full(edge, source[-1])]))

    def slide(shot: Shot, t: int, rng: np.random.Generator) -> Shot:
        from_end = min(t, len(long.source) - 1 - t)
        if from_end >= edge:
            return shot
        there = max(0, from_end - empty + 1) / (sliding + 1)
        side = -1 if t < edge else 1
        away = round(side * (1 - there) * width)
        moved = np.float32([[1, 0, away], [0, 1, 0]])
        mask = cv2.warpAffine(shot.mask.astype(np.uint8), moved, shot.mask.shape[::-1]) > 0
        image = cv2.warpAffine(shot.image, moved, shot.mask.shape[::-1])
        image = np.where(mask[..., None], image, background)
        people = []
        for points in shot.people:
            points = points + np.float32([away, 0, 0])
            points[(points[:, 0] < 0) | (points[:, 0] >= width)] = 0
            if (points[:, 2] > 0).sum() > 3:
                people.append(points)
        return Shot(image, mask, mask, tuple(people))

    scored = np.arange(len(long.source))
    return replace(long.edited(slide), scored=(scored >= edge) & (scored < edge + count))


# -- keypoints ---------------------------------------------------------------------------------------------------


def no_detections(shot: Shot, t: int, rng: np.random.Generator, part: float = 0.1) -> Shot:
    """Detect nobody in some frames."""
    return replace(shot, people=()) if rng.random() < part else shot


def wrong_keypoints(shot: Shot, t: int, rng: np.random.Generator, part: float = 0.2) -> Shot:
    """Move some keypoints to random places in the person's bounding box, with unchanged confidence."""
    people = []
    for points in shot.people:
        low, high = points[:, :2].min(0), points[:, :2].max(0)
        wrong = rng.random(len(points)) < part
        places = rng.uniform(low, high, (len(points), 2)).astype(np.float32)
        people.append(np.column_stack([np.where(wrong[:, None], places, points[:, :2]), points[:, 2]]))
    return replace(shot, people=tuple(people))


def swapped_frames(shot: Shot, t: int, rng: np.random.Generator, part: float = 0.2) -> Shot:
    """Swap left and right in some frames."""
    if rng.random() >= part:
        return shot
    return replace(shot, people=tuple(points[list(BODY_25_MIRROR)] for points in shot.people))


def swapped_keypoints(shot: Shot, t: int, rng: np.random.Generator, part: float = 0.2) -> Shot:
    """Swap some keypoints with their left–right counterparts."""
    people = []
    for points in shot.people:
        mirror = np.array(BODY_25_MIRROR)
        first = np.minimum(np.arange(25), mirror)
        chosen = (rng.random(25) < part)[first]
        people.append(points[np.where(chosen, mirror, np.arange(25))])
    return replace(shot, people=tuple(people))


def swapped_from_behind(film: Film) -> Film:
    """Swap left and right wherever the person faces away."""
    away = np.abs(film.original.facing) > 2 * np.pi / 3

    def swap(shot: Shot, t: int, rng: np.random.Generator) -> Shot:
        return swapped_frames(shot, t, rng, 1.0) if away[film.source[t]] else shot

    return film.edited(swap)


def second_person(shot: Shot, t: int, rng: np.random.Generator, size: float = 1.0) -> Shot:
    """Add a second person at the side: the same person, as large or smaller."""
    height, width = shot.mask.shape
    moved = np.float32([[size, 0, (1 - size) * width / 2 + 0.3 * width], [0, size, (1 - size) * height / 2]])
    mask = cv2.warpAffine(shot.mask.astype(np.uint8), moved, (width, height)) > 0
    image = np.where(mask[..., None], cv2.warpAffine(shot.image, moved, (width, height)), shot.image)
    more = [np.column_stack([p[:, :2] @ moved[:, :2].T + moved[:, 2], p[:, 2]]) for p in shot.people]
    return Shot(image, shot.mask | mask, shot.true_mask, (*more, *shot.people))


# -- masks -------------------------------------------------------------------------------------------------------


def grown(shot: Shot, t: int, rng: np.random.Generator, by_px: int = 3) -> Shot:
    """Dilate the mask, or erode it where the number is negative."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * abs(by_px) + 1,) * 2)
    change = cv2.dilate if by_px > 0 else cv2.erode
    return replace(shot, mask=change(shot.mask.astype(np.uint8), kernel) > 0)


def with_holes(shot: Shot, t: int, rng: np.random.Generator, count: int = 4) -> Shot:
    """Cut palm-sized holes into the mask."""
    mask = shot.mask.astype(np.uint8)
    rows, columns = np.nonzero(mask)
    for i in rng.integers(0, len(rows), count) if len(rows) else ():
        cv2.circle(mask, (int(columns[i]), int(rows[i])), round(0.02 * np.ptp(rows)), 0, -1)
    return replace(shot, mask=mask > 0)


def without_hand(shot: Shot, t: int, rng: np.random.Generator, part: float = 0.5) -> Shot:
    """Remove the right hand from some masks, where it is not in front of the body."""
    if rng.random() >= part or not shot.people:
        return shot
    wrist, elbow = shot.people[0][RIGHT_WRIST, :2], shot.people[0][RIGHT_ELBOW, :2]
    mask = shot.mask.astype(np.uint8)
    reach = 0.075 * np.ptp(np.flatnonzero(mask.any(1)))
    hand = wrist + 0.4 * (wrist - elbow)
    cv2.circle(mask, (int(hand[0]), int(hand[1])), int(reach), 0, -1)
    return replace(shot, mask=mask > 0)


def no_mask(shot: Shot, t: int, rng: np.random.Generator, part: float = 0.1) -> Shot:
    """Leave some masks empty."""
    return replace(shot, mask=shot.mask & False) if rng.random() < part else shot


def late_masks(film: Film, frames: int = 12) -> Film:
    """Delay the masks by some frames."""

    def late(shot: Shot, t: int, rng: np.random.Generator) -> Shot:
        return replace(shot, mask=film.original.shot(int(film.source[max(0, t - frames)]), False).mask)

    return film.edited(late)


# -- picture -----------------------------------------------------------------------------------------------------


def resized(film: Film, height: int, width: int) -> Film:
    """Scale the picture to fit, and pad it with its border to the size asked for."""
    old = film.camera
    scale = min(height / old.height, width / old.width)
    small = round(old.width * scale), round(old.height * scale)
    sx, sy = small[0] / old.width, small[1] / old.height
    left, top = (width - small[0]) // 2, (height - small[1]) // 2
    border = (top, height - small[1] - top, left, width - small[0] - left)

    def fit_in(image: NDArray[Any], how: int) -> NDArray[Any]:
        return cv2.resize(image, small, interpolation=cv2.INTER_AREA if scale < 1 else how)

    def resize(shot: Shot, t: int, rng: np.random.Generator) -> Shot:
        mask = fit_in(shot.mask.astype(np.float32), cv2.INTER_LINEAR) >= 0.5
        mask = cv2.copyMakeBorder(mask.astype(np.uint8), *border, cv2.BORDER_CONSTANT, value=0) > 0
        image = cv2.copyMakeBorder(fit_in(shot.image, cv2.INTER_LINEAR), *border, cv2.BORDER_REPLICATE)
        people = [p * np.float32([sx, sy, 1]) + np.float32([left, top, 0]) for p in shot.people]
        return Shot(image, mask, mask, tuple(people))

    camera = Camera(old.fx * sx, old.fy * sy, old.cx * sx + left, old.cy * sy + top, width, height)
    return replace(film.edited(resize, picture=True), camera=camera)


def cut_feet(film: Film) -> Film:
    """Crop the picture above the knees."""
    height = round(0.75 * film.camera.height)

    def cut(shot: Shot, t: int, rng: np.random.Generator) -> Shot:
        people = []
        for points in shot.people:
            inside = points[:, 1] < height
            people.append(points * inside[:, None])
        return Shot(shot.image[:height], shot.mask[:height], shot.true_mask[:height], tuple(people))

    return replace(film.edited(cut, picture=True), camera=replace(film.camera, height=height))


def mirror_floor(shot: Shot, t: int, rng: np.random.Generator, strength: float = 0.6) -> Shot:
    """Reflect the person in a shining floor, down to the picture's border."""
    soles = int(np.flatnonzero(shot.true_mask.any(1))[-1]) - 6  # shoes are round: the reflection begins a little higher
    rows = len(shot.image) - soles
    reflected, person = (picture[soles - rows : soles][::-1] for picture in (shot.image, shot.true_mask))
    alpha = strength * (person & ~shot.true_mask[soles:])[..., None]
    image = shot.image.copy()
    image[soles:] = np.round((1 - alpha) * image[soles:] + alpha * reflected)
    return replace(shot, image=image)


def other_focal(film: Film, factor: float) -> Film:
    """State a wrong focal length."""
    return replace(film, camera=replace(film.camera, fx=factor * film.camera.fx, fy=factor * film.camera.fy))


def at_rate(film: Film, fps: float) -> Film:
    """State another frame rate: the same turn, faster or slower."""
    return replace(film, fps=fps, changes_picture=True)


def each(edit: Callable[..., Shot], **options: Any) -> Callable[[Film], Film]:
    """Return the disturbance that edits every frame."""
    return lambda film: film.edited(
        lambda shot, t, rng: edit(shot, t, rng, **options), edit in (second_person, mirror_floor)
    )


DISTURBANCES: dict[str, Callable[[Film], Film]] = {
    "undisturbed": lambda film: film,
    "start-90": lambda film: rolled(film, 0.25),
    "start-180": lambda film: rolled(film, 0.5),
    "start-270": lambda film: rolled(film, 0.75),
    "other-way": reversed_time,
    "half-turn": lambda film: only_around(film, 0.0, np.pi / 2),
    "half-turn-back": lambda film: only_around(film, np.pi, np.pi / 2),
    "three-turns": three_turns,
    "no-turn": lambda film: only_around(film, 0.0, 0.2),
    "standing-still": standing_still,
    "walks-in-and-out": walks_in_and_out,
    "no-detections-10%": each(no_detections),
    "keypoints-wrong-20%": each(wrong_keypoints),
    "keypoints-swapped-20%": each(swapped_keypoints),
    "frames-swapped-20%": each(swapped_frames),
    "swapped-from-behind": swapped_from_behind,
    "bystander": each(second_person, size=0.45),
    "two-people": each(second_person),
    "nobody": each(no_detections, part=1.0),
    "masks-eroded-3px": each(grown, by_px=-3),
    "masks-dilated-3px": each(grown, by_px=3),
    "masks-with-holes": each(with_holes),
    "masks-without-hand": each(without_hand),
    "masks-empty-10%": each(no_mask),
    "masks-empty": each(no_mask, part=1.0),
    "masks-late": late_masks,
    "focal-80%": lambda film: other_focal(film, 0.8),
    "focal-120%": lambda film: other_focal(film, 1.2),
    "4k": lambda film: resized(film, 2160, 3840),
    "480p": lambda film: resized(film, 480, 854),
    "portrait": lambda film: resized(film, 1920, 1080),
    "24-fps": lambda film: at_rate(film, 24.0),
    "60-fps": lambda film: at_rate(film, 60.0),
    "60-fps-doubled": doubled,
    "feet-cut-off": cut_feet,
    "mirror-floor": each(mirror_floor),
}
