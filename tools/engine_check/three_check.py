"""Does three.js show the avatar that was fitted? Its bones, vertices and pixels against ours, and the glTF validator.

python tools/engine_check/three_check.py RESULTS [--chromium /usr/bin/chromium] [--out FOLDER]

RESULTS is a folder of fit-avatar's. Needs Node, ``npm ci`` in this folder once, and Chromium.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
import torch
from reference import Reference, load
from vrm_check import look_at_vrm

from fit_avatar.capture import Camera
from fit_avatar.export.mesh import split_seams
from fit_avatar.visibility.raster import rasterize

HERE = Path(__file__).parent
WIDTH_PX = 480
NEAR_M, FAR_M = 0.1, 100.0
MOST_MM = 0.1
"""How far bones and vertices may be from ours."""
BLUR_PX, GAMMA = 2.0, 2.2
"""Standard deviation of the details that are left out where colours are compared; light is a value to this power."""
PIXELS = {"avatar": (0.995, 2.0), "avatar_lod1": (0.995, 2.0), "avatar_lod2": (0.99, 4.0), "avatar_lod3": (0.975, 6.0)}
"""Overlap with the silhouette, and mean difference from the colours (of 255), of the full mesh that still pass."""


def main() -> int:
    """Return 0 if everything agrees."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path)
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    parser.add_argument("--out", type=Path, default=None)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        out = options.out or Path(temporary)
        glbs, vrms = sorted(options.results.glob("avatar*.glb")), sorted(options.results.glob("avatar.vrm"))
        passed = subprocess.run(["node", HERE / "validate.mjs", *glbs, *vrms], check=False).returncode == 0
        for vrm in vrms:
            passed &= look_at_vrm(vrm, options.chromium, (out / "vrm").resolve())
        reference = load(options.results)
        for glb in glbs:
            passed &= _look(glb, reference, options.chromium, (out / glb.stem).resolve())
    print("passed" if passed else "FAILED")
    return 0 if passed else 1


def _look(glb: Path, reference: Reference, chromium: str, out: Path) -> bool:
    """Play a file in three.js, and compare; of a level of detail the pixels only."""
    frames = sorted({0, len(reference.times) // 2, len(reference.times) - 1})
    scale = WIDTH_PX / reference.size[0]
    width, height = WIDTH_PX, round(reference.size[1] * scale)
    focal, centre = reference.intrinsics[[0, 1], [0, 1]] * scale, reference.intrinsics[:2, 2] * scale
    projection = np.zeros((4, 4))
    projection[0, [0, 2]] = 2 * focal[0] / width, 1 - 2 * centre[0] / width
    projection[1, [1, 2]] = 2 * focal[1] / height, 2 * centre[1] / height - 1
    projection[2, 2:] = np.array([-(FAR_M + NEAR_M), -2 * FAR_M * NEAR_M]) / (FAR_M - NEAR_M)
    projection[3, 2] = -1
    job = {
        "glb": str(glb.resolve()),
        "out": str(out),
        "chromium": chromium,
        "width": width,
        "height": height,
        "projection": projection.T.ravel().tolist(),
        "cameraToWorld": (reference.world_from_camera @ np.diag([1.0, -1, -1, 1])).T.ravel().tolist(),
        "times": reference.times[frames].tolist(),
    }
    out.mkdir(parents=True, exist_ok=True)
    (out / "job.json").write_text(json.dumps(job))
    subprocess.run(["node", HERE / "play.mjs", out / "job.json"], check=True)
    seen = json.loads((out / "seen.json").read_text())

    print(f"{glb.name}: {seen['animations']}, {len(seen['names'])} bones, complaints {seen['trouble']}")
    passed = not seen["trouble"] and len(seen["animations"]) == 1
    of_body = np.array(seen["bones"])[:, : reference.joints.shape[1]]  # behind them there may be joints of the face
    bones = 1000 * np.linalg.norm(of_body - reference.joints[frames], axis=-1)
    print(f"  bones: at most {bones.max():.4f} mm from ours")
    passed &= bool(bones.max() < MOST_MM)
    order = split_seams(reference.faces, reference.uv_faces).vertex
    if len(order) == len(seen["vertices"][0]):
        vertices = 1000 * np.linalg.norm(np.array(seen["vertices"]) - reference.vertices[frames][:, order], axis=-1)
        print(f"  vertices: at most {vertices.max():.4f} mm from ours")
        passed &= bool(vertices.max() < MOST_MM)
    camera = Camera(*focal, *centre, width, height)
    for k, frame in enumerate(frames):
        ours, mask = _render(reference, frame, camera)
        theirs = cv2.imread(str(out / f"{k}.png"))
        their_mask = theirs.any(axis=2)
        overlap = (mask & their_mask).sum() / (mask | their_mask).sum()
        apart = _apart(ours, theirs, mask & their_mask)
        print(f"  frame {frame}: silhouettes overlap by {overlap:.4f}, colours differ by {apart:.2f} of 255")
        cv2.imwrite(str(out / f"{k}_ours.png"), ours)
        least, most = PIXELS[glb.stem]
        passed &= bool(overlap > least and apart < most)
    return passed


def _apart(ours: np.ndarray, theirs: np.ndarray, both: np.ndarray) -> float:
    """Return the mean difference of two pictures' colours where both show something, without their finest details.

    three.js takes far away texels from smaller copies of a texture, whose texels are means of light: fine stripes blur.
    """
    seen = both[..., None].astype(np.float64)
    share = cv2.GaussianBlur(seen, (0, 0), BLUR_PX)[both][:, None]
    light = [cv2.GaussianBlur((picture / 255) ** GAMMA * seen, (0, 0), BLUR_PX)[both] for picture in (ours, theirs)]
    colours = [255 * (blurred / share) ** (1 / GAMMA) for blurred in light]
    return float(np.abs(colours[0] - colours[1]).mean())


def _render(reference: Reference, frame: int, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """Return the texture on the posed mesh, as BGR on black, and where it is."""
    vertices = torch.from_numpy(reference.in_camera(frame)).float()
    raster = rasterize(vertices, torch.from_numpy(reference.faces), camera, cull_backfaces=True)
    uvs = raster.interpolate(torch.from_numpy(reference.uv).float(), torch.from_numpy(reference.uv_faces)).numpy()
    texels = np.stack([uvs[..., 0], 1 - uvs[..., 1]], -1).astype(np.float32) * len(reference.texture) - 0.5
    colours = cv2.remap(reference.texture, texels, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    mask = raster.mask.numpy()
    return np.where(mask[..., None], colours, 0).astype(np.uint8), mask


if __name__ == "__main__":
    sys.exit(main())
