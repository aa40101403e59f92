"""Fit the body to one photograph, and draw it over the photograph.

    python examples/05_single_image.py                    a frame of the bundled clip
    python examples/05_single_image.py friend.jpg 1.75    your own, with the person's height in metres

One picture does not show how far limbs reach towards the camera: priors on the pose decide that, so look at
preview.png, which shows the result from the side, before you trust it.
"""

import sys
from pathlib import Path

import cv2

from fit_avatar import fit_images
from fit_avatar.capture import read_frames, read_image, undistort
from fit_avatar.report import draw_overlay

DEMO = Path(__file__).parents[1] / "assets" / "demo.mp4"


def main(photo=None, height_m=1.79, out="out/05_single_image", schedule="smplify", **options):
    """Return the avatar. Options are those of fit_images: keypoints, masks, camera, body, terms, …"""
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    if photo is None:
        photo = out / "photograph.png"
        _, frame = next(iter(read_frames(DEMO, [0])))
        cv2.imwrite(str(photo), frame)

    avatar = fit_images([photo], height_m=float(height_m), schedule=schedule, **options)
    for name, summary in avatar.solves:
        print(f"\n{name}\n{summary}")

    camera = avatar.capture.camera
    picture = undistort(read_image(Path(photo)), camera)
    drawn = draw_overlay(picture, avatar.posed().vertices[0], avatar.body.faces, camera)
    cv2.imwrite(str(out / "overlay.png"), drawn)
    avatar.save(out)
    print(f"\n{out / 'overlay.png'} shows the body over the photograph")
    return avatar


if __name__ == "__main__":
    main(*sys.argv[1:])
