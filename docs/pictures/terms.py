"""What the terms see in the bundled clip."""

import cv2
import matplotlib.pyplot as plt
import numpy as np
import torch

from fit_avatar.body import pose_body, rotation
from fit_avatar.energies import GemanMcClure, Huber, cone_planes, contour_distance
from pictures.clip import CAMERA, CONSENSUS, KEYPOINTS, OUTLINES, START, fitted
from pictures.drawing import BACKGROUND, STUDIO, disc, draw, line, part_of, section, skeleton, standing, whole

BLUE, ORANGE, GREY = (0.12, 0.42, 0.75), (0.9, 0.45, 0.1), (0.55, 0.55, 0.55)


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
