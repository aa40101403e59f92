"""Make the pictures of the documentation: what the terms see in the bundled clip, and avatars of rendered people.

    python docs/make_pictures.py                        all of them, into docs/images
    python docs/make_pictures.py kernels gallery_dress  only some

Needs matplotlib (`pip install -r requirements-docs.txt`) and, the first time, about a minute to observe the clip and a
few for each person of the gallery, whose clips and fits are kept in out/gallery.
"""

import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import cv2
import matplotlib as mpl
import numpy as np
import torch

mpl.use("Agg")
import matplotlib.pyplot as plt

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))  # whose people the gallery shows
from pictures import people, shapes, terms
from pictures.clip import ROOT

IMAGES = ROOT / "docs" / "images"
plt.rcParams.update(
    {"font.size": 10, "axes.spines.top": False, "axes.spines.right": False, "svg.hashsalt": "fit-avatar"}
)
PICTURES: Mapping[str, Callable[[], np.ndarray | plt.Figure]] = {
    "kernels": terms.kernels,
    "betas": shapes.betas,
    "keypoints": terms.keypoints,
    "contours": terms.contours,
    "directions": terms.directions,
    "mean_pose": terms.mean_pose,
    "planes": terms.planes,
    "offsets": shapes.offsets,
    "consensus": shapes.consensus,
    "tutorial_film": shapes.tutorial_film,
    "texture": shapes.texture,
    "repose": shapes.repose,
    "custom": shapes.custom,
    **{f"gallery_{name}": partial(people.four_sides, name) for name in people.PEOPLE},
    "faces": people.faces,
}


def main(names: list[str]) -> None:
    """Write pictures by their names, all of them without names."""
    for name in names or PICTURES:
        with torch.no_grad():
            picture = PICTURES[name]()
        if isinstance(picture, np.ndarray):
            path = IMAGES / f"{name}.jpg"
            cv2.imwrite(str(path), picture, [cv2.IMWRITE_JPEG_QUALITY, 82])
        else:
            path = IMAGES / f"{name}.png"
            picture.savefig(path, dpi=110, bbox_inches="tight", metadata={"Software": None})
            plt.close(picture)
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size // 1024} kB")


if __name__ == "__main__":
    main(sys.argv[1:])
