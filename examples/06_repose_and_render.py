"""Give a finished avatar poses of your own, draw it, and hand it to another program.

    python examples/06_repose_and_render.py                  what 01_fit_a_clip.py has written
    python examples/06_repose_and_render.py out/friend       the results folder of a clip of yours

A results folder holds shape, poses and body; together they give the surface in any pose. The package's own rasteriser
draws it, without a graphics card or a window. to_trimesh and to_open3d return it as a textured mesh of these packages.
"""

import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch

from fit_avatar import Avatar
from fit_avatar.body import rotation
from fit_avatar.capture import Camera
from fit_avatar.visibility import rasterize

CAMERA = Camera(900.0, 900.0, 240.0, 320.0, 480, 640)


def poses(body, count=8):
    """Return a person who walks and waves. [T, J−1, 3] axis-angles; zero is the T-pose, x to the left, y up."""
    phase = torch.arange(count) * (2 * np.pi / count)
    pose = torch.zeros(count, len(body.parents) - 1, 3)

    def turn(joint, axis, angle):
        pose[:, body.joint_names.index(joint) - 1, axis] += angle

    for side, sign in (("left", 1.0), ("right", -1.0)):
        turn(f"{side}_hip", 0, -sign * 0.5 * phase.sin())  # forward is a turn about −x
        turn(f"{side}_knee", 0, 0.4 * (1 + sign * phase.cos()))  # bent while it swings forward
    turn("left_shoulder", 2, -1.2)  # hangs down
    turn("left_shoulder", 0, 0.4 * phase.sin())
    turn("right_shoulder", 2, -0.5)  # raised
    turn("right_elbow", 2, -1.0 + 0.5 * (2 * phase).sin())  # waves
    return pose


def reposed(avatar):
    """Return the same avatar, walking and waving in front of the camera."""
    pose = poses(avatar.body)
    upright = rotation.exp(torch.tensor([np.pi, 0.0, 0.0]))  # the camera's y points down, the body's up
    aside = rotation.exp(torch.tensor([0.0, -0.6, 0.0]))
    state = replace(
        avatar.state,
        body_pose=pose,
        global_orient=rotation.log(upright @ aside).expand(len(pose), -1),
        transl=torch.tensor([0.0, -0.1, 3.4]).expand(len(pose), -1),
    )
    return replace(avatar, state=state)


def render(vertices, body, texture, camera=CAMERA):
    """Return a picture of the textured surface. RGB [H, W, 3]"""
    seen = rasterize(vertices, body.faces, camera, cull_backfaces=True)
    uv = seen.interpolate(body.uvs, body.uv_faces).numpy()
    texels = (np.stack([uv[..., 0], 1 - uv[..., 1]], -1) * len(texture) - 0.5).astype(np.float32)
    colours = cv2.remap(texture, texels, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.where(seen.mask.numpy()[..., None], colours, 236).astype(np.uint8)


def main(folder="out/01_fit_a_clip", out="out/06_repose_and_render"):
    """Write a strip of pictures and a mesh; return the posed vertices [T, V, 3] and the strip."""
    avatar, out = reposed(Avatar.load(folder)), Path(out)
    out.mkdir(parents=True, exist_ok=True)
    vertices = avatar.posed().vertices
    strip = np.concatenate([render(v, avatar.body, avatar.image) for v in vertices], axis=1)
    cv2.imwrite(str(out / "strip.png"), strip[..., ::-1])

    mesh = avatar.to_trimesh(frame=0)  # for Open3D: avatar.to_open3d(frame=0)
    mesh.apply_transform(np.diag([1.0, -1.0, -1.0, 1.0]))  # from the camera's axes to y up
    mesh.export(out / "wave.glb")
    print(f"{out / 'strip.png'} shows the avatar in new poses, and {out / 'wave.glb'} is the first one as a mesh")
    return vertices, strip


if __name__ == "__main__":
    main(*sys.argv[1:])
