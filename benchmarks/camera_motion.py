"""What a camera that moves costs: hand-held shake, a pan, and a walk around the person, against a still camera.

    python benchmarks/camera_motion.py [--only shake pan] [--frames 24] [--fit]
    python benchmarks/camera_motion.py --motion dance --only still shake pan --frames 60 --fit

A synthetic person turns in a room with structured walls, or stands there and is walked around. Every clip is observed
as a user's file would be, by the built-in detector. Printed are the kind of motion that was found, the errors of the
camera's rotation in degrees, the masks' agreement with the truth, and with ``--fit`` the distance of the avatar's
surface at rest from the true one, and how far the person turns in the world: 360°, but not where the camera did.
With ``--motion`` the person moves, and printed are PA-MPJPE and errors of accelerations in the world.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import torch
import tyro
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from fit_avatar.avatar import Avatar
from fit_avatar.body import Body, BodyState, load_body, pose_body, rotation
from fit_avatar.body.motion import Motion
from fit_avatar.body.skinning import shaped
from fit_avatar.capture import Camera, Capture
from fit_avatar.capture.source import Source
from fit_avatar.evaluate import iou, pa_mpjpe, surface_distance
from fit_avatar.export.world import in_world
from fit_avatar.io.video import video_file
from fit_avatar.scripting import fit_video
from lib import motions, moved_person
from lib.dressed_person import Person, make_person
from lib.markdown import markdown_table
from lib.motions import CURVES
from lib.rendering import Paint, render
from lib.synthetic_person import NUM_BETAS, make_motion

OUT, FPS, SAMPLES = Path("out/camera_motion"), 6.0, 50_000
SHAKE_PX, ROLL_DEG, PAN_DEG = 20.0, 2.0, 15.0
HALF_ROOM_M = np.array([4.5, 1.5, 4.5])
CLIPS = ("still", "shake", "pan", "orbit")


def camera_turns(name: str, frames: int, camera: Camera, yaw: NDArray[np.float64]) -> Rotation:
    """Return the rotation from the camera's axes to the world's in every frame; ``yaw``: the person's turn. [T]"""
    if name == "shake":
        rng = np.random.default_rng(5)
        away = np.arctan(SHAKE_PX * camera.height / 1080 / camera.fx)
        limits = np.array([away, away, np.radians(ROLL_DEG)])
        return Rotation.from_rotvec(limits * rng.uniform(-1, 1, (frames, 3)))
    if name == "pan":
        return Rotation.from_euler("y", PAN_DEG * (np.linspace(0, 1, frames) - 0.5), degrees=True)
    return Rotation.from_euler("y", yaw if name == "orbit" else np.zeros(frames))


def facing(state: BodyState) -> NDArray[np.float64]:
    """Return the angle about the vertical by which the person has turned from looking into the camera. [T] radians"""
    ahead = rotation.exp(state.global_orient)[:, :, 2].double().numpy()
    return np.unwrap(np.arctan2(ahead[:, 0], -ahead[:, 2]))


def room(camera: Camera, turn: NDArray[np.float64], place: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the walls, floor and ceiling that a camera at a place of a room sees. BGR in 0 … 1. [H, W, 3]"""
    row, column = np.mgrid[: camera.height, : camera.width] + 0.5
    rays = np.stack([(column - camera.cx) / camera.fx, (row - camera.cy) / camera.fy, np.ones_like(row)], -1) @ turn.T
    reach = (np.sign(rays) * HALF_ROOM_M - place) / np.where(np.abs(rays) < 1e-9, 1e-9, rays)
    side = reach.argmin(-1)
    hit = place + rays * reach.min(-1)[..., None]
    picture = np.zeros((*side.shape, 3), np.float32)
    for axis, (first, second) in enumerate(((2, 1), (0, 2), (0, 1))):
        where = [((hit[..., k] + 5) * 100).astype(np.float32) for k in (first, second)]
        seen = cv2.remap(wall(axis), where[0], where[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        picture = np.where((side == axis)[..., None], seen, picture)
    return picture


def wall(seed: int, side: int = 1000) -> NDArray[np.float32]:
    """Return a picture of paint, paper and pictures on a wall, 1 cm a pixel. [1000, 1000, 3]"""
    rng = np.random.default_rng([41, seed])
    picture = np.full((side, side, 3), rng.uniform(0.5, 0.75, 3), np.float32)
    for cells, strength in ((12, 0.06), (50, 0.05), (200, 0.03)):
        grain = rng.normal(0, strength, (cells, cells, 3)).astype(np.float32)
        picture += cv2.resize(grain, (side, side), interpolation=cv2.INTER_CUBIC)
    for _ in range(60):
        x, y, width, height = rng.integers((0, 0, 20, 20), (side, side, 90, 90))
        cv2.rectangle(picture, (x, y), (x + width, y + height), rng.uniform(0.2, 0.9, 3).tolist(), -1)
    return np.clip(picture, 0, 1)


@dataclass(frozen=True)
class Filmed:
    """Who is before the camera, and which camera."""

    person: Person
    state: BodyState
    """The poses in the axes of a camera that stands still."""
    camera: Camera
    fps: float


def filmed(body: Body, motion: str | None, frames: int, size: int, seed: int) -> Filmed:
    """Return a person who turns, or moves as one of ``lib.motions.CURVES``."""
    person = make_person(body, seed)
    if motion is None:
        camera = Camera(1.39 * size, 1.39 * size, size / 2, size / 2, size, size)
        return Filmed(person, make_motion(body, person, seed, frames), camera, FPS)
    curves = CURVES[motion]
    film = moved_person.filmed(body, moved_person.placed(body, person, curves.make(frames)), curves.facing_deg, size)
    return Filmed(person, film.state, film.camera, motions.FPS)


def write(name: str, folder: Path, body: Body, film: Filmed, seed: int) -> None:
    """Write a clip, and beside it the truth: the camera's turns, masks, joints, and the surface at rest."""
    person, state, camera = film.person, film.state, film.camera
    turns = camera_turns(name, len(state.transl), camera, facing(state))
    posed = pose_body(body, state)
    vertices, middle = posed.vertices, state.transl.mean(0).numpy() * [0, 0, 1]
    paint, masks = Paint(body, person, seed), []
    with video_file(folder / f"{name}.mp4", film.fps) as append:
        for t, turn in enumerate(turns.as_matrix()):
            place = -turn @ middle if name == "orbit" else -middle
            # who is walked around is seen as who turns
            own = vertices[t] if name == "orbit" else vertices[t] @ torch.as_tensor(turn).float()
            image, mask, _ = render(body, own, camera, paint, room(camera, turn, place))
            append(image)
            masks.append(mask)
    rest = shaped(body, person.betas, person.offsets).numpy()
    np.savez_compressed(
        folder / f"{name}.npz", turns=turns.as_matrix(), masks=np.stack(masks), rest=rest, faces=body.faces.numpy(),
        joints=posed.joints.numpy(),
    )  # fmt: skip


def scores(capture: Capture, truth: dict[str, NDArray[np.float64]]) -> list[str]:
    """Return the kind of motion, the mean and the largest error of the rotation in degrees, and the masks' IoU."""
    motion = capture.camera_motion
    assert motion is not None
    wanted = Rotation.from_matrix(truth["turns"][motion.frame_indices])
    found = Rotation.from_matrix(motion.world_from_camera)
    errors = np.degrees(((wanted[0].inv() * wanted).inv() * found).magnitude())
    ious = [iou(mask, truth["masks"][i] > 0) for i, mask in zip(capture.frame_indices, capture.masks, strict=True)]
    figures = [f"{motion.confidence:.2f}", f"{errors.mean():.3f}", f"{errors.max():.3f}", f"{np.mean(ious):.4f}"]
    return [motion.mode, str(len(ious)), *figures]


def shape_scores(avatar: Avatar, truth: dict[str, NDArray[np.float64]]) -> list[str]:
    """Return the surface's distance at rest, and by how much the person turns in the world."""
    rest = shaped(avatar.body, avatar.state.betas, avatar.state.offsets).numpy()
    mean = surface_distance(rest, avatar.body.faces.numpy(), truth["rest"], truth["faces"], SAMPLES).mean
    told = Motion(avatar.capture.frame_indices, avatar.capture.times_s, avatar.state)
    return [
        f"{1000 * mean:.2f}",
        f"{np.degrees(np.ptp(facing(in_world(avatar.body, told, avatar.capture).state))):.0f}",
    ]


def motion_scores(avatar: Avatar, truth: dict[str, NDArray[np.float64]], fps: float) -> list[str]:
    """Return PA-MPJPE, and the mean errors of the accelerations of joints and pelvis in the world."""
    assert avatar.every_frame is not None
    assert avatar.capture.camera_motion is not None
    told = in_world(avatar.body, avatar.every_frame, avatar.capture)
    joints = pose_body(avatar.body, told.state).joints.double().numpy()
    if avatar.capture.camera_motion.moves:  # the world has the axes of the first frame's camera
        joints = joints @ truth["turns"][avatar.capture.camera_motion.frame_indices[0]].T
    wanted = truth["joints"][told.frame_indices].astype(float)
    off = np.linalg.norm(fps**2 * np.diff(joints - wanted, n=2, axis=0), axis=-1)
    return [f"{1000 * pa_mpjpe(joints, wanted):.1f}", f"{off.mean():.2f}", f"{off[:, 0].mean():.2f}"]


def main(
    only: tuple[str, ...] = CLIPS,
    frames: int = 24,
    size: int = 540,
    seed: int = 1,
    motion: Literal["sit_stand", "reach", "kick", "dance"] | None = None,
    fit: bool = False,
    out: Path = OUT,
) -> None:
    """Print the table.

    Args:
        only: of still, shake, pan and orbit.
        frames: of each clip.
        size: height of the pictures in pixels.
        seed: of the person.
        motion: the person moves so, instead of turning around; then without orbit, whose person stands in place.
        fit: also fit avatars, which takes minutes each.
        out: folder of the clips.
    """
    torch.manual_seed(0)
    out.mkdir(parents=True, exist_ok=True)
    body, rows = load_body(NUM_BETAS), []
    film = filmed(body, motion, frames, size, seed)
    for name in only:
        if motion is not None and name == "orbit":
            continue
        write(name, out, body, film, seed)
        truth, path, fitted = dict(np.load(out / f"{name}.npz")), out / f"{name}.mp4", ["", "", ""]
        try:
            if fit:
                tall = float(np.ptp(truth["rest"][:, 1]))
                avatar = fit_video(
                    path, camera=film.camera, height_m=tall, frames=frames, texture_size=None, check=False
                )
                capture = avatar.capture
                fitted = shape_scores(avatar, truth) if motion is None else motion_scores(avatar, truth, film.fps)
            else:
                capture = Source.of(video=path, camera=film.camera, max_frames=frames).observe()
        except Exception as error:
            print(f"{name}: {error}", flush=True)
            continue
        print(f"\n{name}", *capture.warnings, *sorted({x.reason for x in capture.left_out}), sep="\n    ", flush=True)
        rows.append([name, *scores(capture, truth), *fitted])
    titles = ["camera", "found", "frames used", "confidence", "error °", "worst °", "masks' IoU"]
    titles += ["surface mm", "person turns °"] if motion is None else ["PA mm", "acceleration m/s²", "pelvis m/s²"]
    print("\n" + markdown_table(titles, [row[: len(titles)] for row in rows]))


if __name__ == "__main__":
    tyro.cli(main)
