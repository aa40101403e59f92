"""Make the pictures of the documentation from the bundled clip: what the terms see, and what they do.

    python docs/make_pictures.py              all of them, into docs/images
    python docs/make_pictures.py kernels      only some

Needs matplotlib (`pip install -r requirements-docs.txt`) and, the first time, about a minute to observe the clip.
"""

import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import cv2
import matplotlib as mpl
import numpy as np
import torch

mpl.use("Agg")
import matplotlib.pyplot as plt

from fit_avatar import Avatar, load_body
from fit_avatar.body import Body, BodyState, pose_body, rotation
from fit_avatar.body.mesh import vertex_normals
from fit_avatar.body.skinning import shaped
from fit_avatar.capture import Camera, Capture, observe, read_frames
from fit_avatar.energies import GemanMcClure, Huber, PosedBody, cone_planes, contour_distance
from fit_avatar.fitting import ConsensusShape, Context, FitState, Initialise, Observations, load_extension, video_avatar
from fit_avatar.report import draw_overlay
from fit_avatar.solvers import Unknowns
from fit_avatar.texture import bake
from fit_avatar.visibility import rasterize

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
DEMO = ROOT / "assets" / "demo.mp4"
CAMERA = Camera(1518.0, 1518.0, 540.0, 540.0, 1080, 1080)  # as assets/LICENSE-demo.md states it
HEIGHT_M = 1.79
FRAMES = 60
STUDIO = Camera(1500.0, 1500.0, 350.0, 450.0, 700, 900)
BACKGROUND = 244
BLUE, ORANGE, GREY = (0.12, 0.42, 0.75), (0.9, 0.45, 0.1), (0.55, 0.55, 0.55)
plt.rcParams.update(
    {"font.size": 10, "axes.spines.top": False, "axes.spines.right": False, "svg.hashsalt": "fit-avatar"}
)


START, KEYPOINTS, OUTLINES = "initialise", "pose from keypoints", "pose and shape from outlines"
TRACKED_AGAIN, CONSENSUS = "pose with the consensus shape 1/1", "final consensus shape"
"""Actions of the schedule after which something is drawn."""


@dataclass(frozen=True)
class Fitted:
    """The bundled clip after every action of the schedule ``fast``, over all frames from the start."""

    context: Context
    seen: Capture
    states: Mapping[str, FitState]
    """By the name of the action that led there."""

    @property
    def body(self) -> Body:
        """Return the body."""
        return self.context.body

    def posed_body(self, action: str) -> PosedBody:
        """Return what terms see after an action."""
        return Unknowns.of(self.body, self.states[action].clip.with_offsets(self.body)).posed_body()

    def body_state(self, action: str) -> BodyState:
        """Return the body after an action."""
        return self.states[action].body_state(self.body)

    def picture(self, t: int) -> np.ndarray:
        """Return a frame. BGR"""
        return next(frame for _, frame in read_frames(DEMO, [int(self.seen.frame_indices[t])]))


@cache
def fitted() -> Fitted:
    """Observe and fit the bundled clip."""
    body = load_body()
    seen = observe(DEMO, camera=CAMERA, frames=FRAMES)
    observations = Observations.of(seen, torch.device("cpu"), HEIGHT_M)
    context = Context(body, lambda: observations)
    state, states = FitState.upright(body, len(seen.frame_indices)), {}
    for action in video_avatar("fast").with_action(START, Initialise()).actions:
        states[action.name] = state = action.run(state, context)
    return Fitted(context, seen, states)


# -- observations and their terms ------------------------------------------------------------------------------


def keypoints() -> np.ndarray:
    """Draw detected keypoints and the body's, before and after the first solve."""
    found, t = fitted(), 6
    halves = []
    for action in (START, KEYPOINTS):
        canvas = (found.picture(t) * 0.6 + 90).astype(np.uint8)
        body = CAMERA.project(found.posed_body(action).keypoints)[t].numpy()
        for (u, v, confidence), point in zip(found.seen.keypoints[t], body, strict=True):
            if confidence > 0.3:
                line(canvas, (u, v), point, (60, 60, 60), 2)
                disc(canvas, (u, v), 6, (200, 110, 20), -1)
                disc(canvas, point, 7, (20, 100, 240), 2)
        halves.append(canvas[40:1040, 240:820])
    return cv2.resize(np.concatenate(halves, 1), None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA)


def contours() -> np.ndarray:
    """Draw outline points, their normals, and the rim vertices that they pull, near an arm."""
    found, t, zoom = fitted(), 6, 4
    x = found.posed_body(KEYPOINTS)
    made = contour_distance.prepare(x, found.context.observations.contours, CAMERA, 0.0, stride=2)["match"]
    rim = CAMERA.project(x.vertices[t])[made.vertices[t]].numpy()
    points, normals = made.contours.points[t].numpy(), made.contours.normals[t].numpy()
    left, top, side = 545, 280, 230
    crop = (found.picture(t)[top : top + side, left : left + side] * 0.5 + 120).astype(np.uint8)
    canvas = cv2.resize(crop, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_CUBIC)
    origin = np.array([left, top])
    for point, normal, vertex, confidence in zip(points, normals, rim, made.confidence[t].numpy(), strict=True):
        start = (point - origin) * zoom
        if (start < 0).any() or (start >= side * zoom).any():
            continue
        cv2.arrowedLine(canvas, *whole(start, start + normal * 22), (200, 110, 20), 2, cv2.LINE_AA, tipLength=0.35)
        if confidence > 0:
            line(canvas, start, (vertex - origin) * zoom, (60, 60, 60), 1)
            disc(canvas, (vertex - origin) * zoom, 4, (20, 100, 240), -1)
        disc(canvas, start, 4, (200, 110, 20), -1)
    return cv2.resize(canvas, (720, 720), interpolation=cv2.INTER_AREA)


def planes() -> plt.Figure:
    """Draw a slice through the chest in the bind pose: un-posed tangent planes of all frames, before and after."""
    found = fitted()
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.9), sharex=True, sharey=True)
    level = float(found.body.joint_template[9, 1]) - 0.06  # below spine3
    for axis, action, title in zip(
        axes, (OUTLINES, CONSENSUS), ("body from the betas", "consensus shape"), strict=True
    ):
        x = found.posed_body(action)
        made = cone_planes.prepare(x, found.context.observations.contours, CAMERA, 1.0)["planes"]
        normals, shift = made.normals.reshape(-1, 3), made.shift.flatten()
        surface = x.surface[0]
        vertices = surface[made.vertices.flatten()]
        arms = part_of(found.body, ("shoulder", "elbow", "wrist", "hand"))[made.vertices.flatten()]
        near = ((vertices[:, 1] - level).abs() < 0.02) & ~arms & (normals[:, 1].abs() < 0.4)
        near &= made.confidence.flatten() > 0
        for v, n, s in zip(vertices[near], normals[near], shift[near], strict=True):
            flat = torch.stack([n[0], n[2]])
            size = flat.norm()
            foot = torch.stack([v[0], v[2]]) - flat * (float(n @ v + s) / size**2)
            along = torch.stack([-flat[1], flat[0]]) / size * 0.035
            ends = torch.stack([foot - along, foot + along]).numpy() * 100
            axis.plot(ends[:, 0], ends[:, 1], color=BLUE, linewidth=0.5, alpha=0.5)
        for segment in section(found.body, surface, level):
            axis.plot(segment[:, 0] * 100, segment[:, 1] * 100, color=ORANGE, linewidth=2)
        axis.set_aspect("equal")
        axis.set_title(title)
        axis.set_xlabel("to the left (cm)")
    axes[0].set_ylabel("to the front (cm)")
    axes[0].set_xlim(-26, 26)
    return figure


def directions() -> plt.Figure:
    """Plot the direction that the person faces over the frames: the start, and the end."""
    found = fitted()
    figure, axis = plt.subplots(figsize=(7, 3))
    for action, name, style in ((START, "start: best of 24 directions in each frame", "o"), (CONSENSUS, "fitted", "-")):
        front = found.states[action].clip.rotations[:, 0, :, 2]  # the body's +z in camera coordinates
        yaw = torch.atan2(front[:, 0], -front[:, 2]).numpy()
        axis.plot(found.seen.frame_indices, np.degrees(np.unwrap(yaw)), style, markersize=3, label=name)
    axis.set_xlabel("frame")
    axis.set_ylabel("direction (degrees)")
    axis.legend(frameon=False)
    return figure


def mean_pose() -> np.ndarray:
    """Draw the mean pose and, behind it, the pose of every frame without its turn."""
    found = fitted()
    state, clip = found.body_state(CONSENSUS), found.states[CONSENSUS].clip
    poses = torch.cat([rotation.log(clip.mean_pose)[None], state.body_pose])
    views = []
    for yaw in (0.0, 1.2):
        posed = pose_body(found.body, standing(state, poses, yaw))
        joints = STUDIO.project(posed.joints).numpy()
        canvas = draw(found.body, posed.vertices[0])
        canvas = (canvas * 0.45 + BACKGROUND * 0.55).astype(np.uint8)
        for sticks in joints[1:]:
            skeleton(canvas, found.body, sticks, (200, 110, 20), 1)
        skeleton(canvas, found.body, joints[0], (20, 100, 240), 3)
        views.append(canvas)
    return np.concatenate(views, 1)


# -- shape ----------------------------------------------------------------------------------------------------


def betas() -> np.ndarray:
    """Draw the mean body and the first three directions of its shape at ±2 standard deviations."""
    body = load_body()
    views = []
    for column, value in ((0, 0.0), (0, -2.0), (0, 2.0), (1, -2.0), (1, 2.0), (2, -2.0), (2, 2.0)):
        vector = torch.zeros(body.num_betas)
        vector[column] = value
        canvas = draw(body, upright(shaped(body, vector)))
        title = "mean" if value == 0 else f"beta {column + 1}: {value:+.0f}"
        cv2.putText(canvas, title, (220, 40), cv2.FONT_HERSHEY_SIMPLEX, 1.1, (60, 60, 60), 2, cv2.LINE_AA)
        views.append(canvas[:, 95:605])
    return shrink(np.concatenate(views, 1), 1300)


def offsets() -> np.ndarray:
    """Draw the offsets of the consensus shape along the normal, with less and more smoothness and symmetry."""
    found = fitted()
    usual = ConsensusShape("consensus shape")
    smooth = usual.term("laplacian").weight  # it grows with the fourth power of the distance, which is 12 mm
    choices = (
        ("default", usual),
        ("hardly smooth", usual.with_weights(laplacian=smooth * (4 / 12) ** 4)),
        ("no symmetry", usual.without("symmetry")),
        ("very smooth", usual.with_weights(laplacian=smooth * (80 / 12) ** 4)),
    )
    views = []
    for title, action in choices:
        before = found.states[TRACKED_AGAIN]
        start = replace(before, clip=replace(before.clip, offsets=None))
        state = action.run(start, found.context).clip
        naked = shaped(found.body, state.betas)
        along = (state.offsets * vertex_normals(naked, found.body.faces)).sum(-1)
        colours = torch.from_numpy(mpl.colormaps["coolwarm"]((along / 0.08 + 0.5).clamp(0, 1).numpy())[:, :3])
        canvas = draw(found.body, upright(naked + state.offsets), colours.float())
        cv2.putText(canvas, title, (220, 40), cv2.FONT_HERSHEY_SIMPLEX, 1.1, (60, 60, 60), 2, cv2.LINE_AA)
        views.append(canvas[:, 90:610])
    return shrink(np.concatenate(views, 1), 1200)


def consensus() -> np.ndarray:
    """Draw the fit over a frame before and after the consensus shape."""
    found, views = fitted(), []
    for t in (6, 20):
        for action in (OUTLINES, CONSENSUS):
            vertices = found.posed_body(action).vertices[t]
            drawn = draw_overlay(found.picture(t), vertices, found.body.faces, CAMERA)
            views.append(drawn[50:1030, 280:800])
    return shrink(np.concatenate(views, 1), 1200)


def kernels() -> plt.Figure:
    """Plot the robust functions and their weights."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.2))
    r = torch.linspace(-4, 4, 401)
    for name, kernel, colour in (
        ("squares", None, GREY),
        ("Huber, δ = 1", Huber(1.0), ORANGE),
        ("Geman–McClure, σ = 1", GemanMcClure(1.0), BLUE),
    ):
        squared = r.square()
        axes[0].plot(r, squared if kernel is None else kernel(squared), color=colour, label=name)
        axes[1].plot(r, torch.ones_like(r) if kernel is None else kernel.weight(squared), color=colour)
    axes[0].set_ylim(0, 6)
    axes[0].set_title("ρ(r²)")
    axes[1].set_title("weight dρ/d(r²)")
    figure.legend(frameon=False, ncol=3, loc="lower center", bbox_to_anchor=(0.5, -0.17))
    for axis in axes:
        axis.set_xlabel("residual r")
    return figure


# -- results --------------------------------------------------------------------------------------------------


def texture() -> np.ndarray:
    """Show the baked texture."""
    return shrink(avatar().texture.image[..., ::-1], 700)


def repose() -> np.ndarray:
    """Show what the example 06 draws."""
    example = load_extension(ROOT / "examples" / "06_repose_and_render.py")
    with tempfile.TemporaryDirectory() as folder:
        avatar().save(folder)
        _, strip = example.main(folder, folder)
    return shrink(strip[..., ::-1], 1500)


def custom() -> np.ndarray:
    """Show what the example 08 draws."""
    example = load_extension(ROOT / "examples" / "08_custom_action.py")
    with tempfile.TemporaryDirectory() as folder:
        example.main(DEMO, HEIGHT_M, out=folder, camera=CAMERA, frames=FRAMES)
        return shrink(cv2.imread(str(Path(folder) / "difference.png")), 1500)


@cache
def avatar() -> Avatar:
    """Bake the texture of the fitted clip."""
    found = fitted()
    state = found.body_state(CONSENSUS)
    image = bake(found.body, state, found.seen, read_frames(DEMO, found.seen.frame_indices.tolist()), 1024, None)
    return Avatar(found.body, state, found.seen, image)


# -- drawing --------------------------------------------------------------------------------------------------


def draw(body: Body, vertices: torch.Tensor, colours: torch.Tensor | None = None) -> np.ndarray:
    """Return a shaded picture of the surface in the studio. BGR"""
    raster = rasterize(vertices, body.faces, STUDIO, cull_backfaces=True)
    light = torch.nn.functional.normalize(torch.tensor([-0.4, -0.6, -0.7]), dim=0)
    shade = 0.45 + 0.55 * (vertex_normals(vertices, body.faces) @ light).clamp_min(0)[:, None]
    colours = torch.full((len(vertices), 3), 0.8) if colours is None else colours
    lit = raster.interpolate(colours * shade, body.faces).numpy()[..., ::-1] * 255
    return np.where(raster.mask.numpy()[..., None], lit, BACKGROUND).astype(np.uint8)


def upright(surface: torch.Tensor) -> torch.Tensor:
    """Return a surface of the bind pose in front of the studio's camera."""
    middle = (surface.amax(0) + surface.amin(0)) / 2
    return (surface - middle) * surface.new_tensor([1.0, -1.0, -1.0]) + surface.new_tensor([0.0, 0.0, 3.6])


def standing(state: BodyState, poses: torch.Tensor, yaw: float) -> BodyState:
    """Return the same person upright in front of the studio's camera, in other poses."""
    root = rotation.exp(torch.tensor([np.pi, 0.0, 0.0])) @ rotation.exp(torch.tensor([0.0, yaw, 0.0]))
    count = len(poses)
    place = torch.tensor([0.0, -0.05, 3.6])
    return replace(
        state,
        body_pose=poses,
        global_orient=rotation.log(root).expand(count, -1),
        transl=place.expand(count, -1),
    )


def part_of(body: Body, bases: tuple[str, ...]) -> torch.Tensor:
    """Return which vertices belong mostly to some joints. [V] bool"""
    chosen = [j for j, name in enumerate(body.joint_names) if name.endswith(bases)]
    return body.lbs_weights[:, chosen].sum(1) > 0.3


def section(body: Body, surface: torch.Tensor, level: float) -> list[np.ndarray]:
    """Return the segments (x, z) in which the skin without the arms meets the plane y = level."""
    keep = body.skin & ~part_of(body, ("shoulder", "elbow", "wrist", "hand"))
    triangles = surface[body.faces[keep[body.faces].all(1)]].numpy()
    segments = []
    for triangle in triangles[(triangles[..., 1].min(1) < level) & (triangles[..., 1].max(1) > level)]:
        ends = []
        for a, b in ((0, 1), (1, 2), (2, 0)):
            p, q = triangle[a], triangle[b]
            if (p[1] - level) * (q[1] - level) < 0:
                ends.append(p + (q - p) * (level - p[1]) / (q[1] - p[1]))
        segments.append(np.array(ends)[:, [0, 2]])
    return segments


def skeleton(canvas: np.ndarray, body: Body, joints: np.ndarray, colour: tuple[int, int, int], width: int) -> None:
    """Draw lines from every joint to its parent."""
    for joint, parent in enumerate(body.parents):
        if parent >= 0:
            line(canvas, joints[parent], joints[joint], colour, width)


def whole(*points: np.ndarray) -> list[tuple[int, int]]:
    """Return points as pairs of whole pixels."""
    return [(round(float(x)), round(float(y))) for x, y in points]


def line(canvas: np.ndarray, start: np.ndarray, end: np.ndarray, colour: tuple[int, int, int], width: int) -> None:
    """Draw a line."""
    cv2.line(canvas, *whole(start, end), colour, width, cv2.LINE_AA)


def disc(canvas: np.ndarray, centre: np.ndarray, radius: int, colour: tuple[int, int, int], width: int) -> None:
    """Draw a circle, filled where the width is −1."""
    cv2.circle(canvas, *whole(centre), radius, colour, width, cv2.LINE_AA)


def shrink(picture: np.ndarray, width: int) -> np.ndarray:
    """Return a picture of this width."""
    height = round(picture.shape[0] * width / picture.shape[1])
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)


PICTURES: tuple[Callable[[], np.ndarray | plt.Figure], ...] = (
    kernels, betas, keypoints, contours, directions, mean_pose, planes, offsets, consensus, texture, repose,
    custom,
)  # fmt: skip


def main(names: list[str]) -> None:
    """Write pictures by their names, all of them without names."""
    for make in PICTURES:
        if names and make.__name__ not in names:
            continue
        with torch.no_grad():
            picture = make()
        if isinstance(picture, np.ndarray):
            path = IMAGES / f"{make.__name__}.jpg"
            cv2.imwrite(str(path), picture, [cv2.IMWRITE_JPEG_QUALITY, 82])
        else:
            path = IMAGES / f"{make.__name__}.png"
            picture.savefig(path, dpi=110, bbox_inches="tight", metadata={"Software": None})
            plt.close(picture)
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size // 1024} kB")


if __name__ == "__main__":
    main(sys.argv[1:])
