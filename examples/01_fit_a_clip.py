"""Fit an avatar to a clip of a person who turns around, and save it for other programs.

    python examples/01_fit_a_clip.py                     the bundled clip
    python examples/01_fit_a_clip.py friend.mp4 1.75     your own, with the person's height in metres

It does what the command `fit-avatar` does, without keeping its stages for a later run.
"""

import sys
from pathlib import Path

from fit_avatar import fit_video, preset

DEMO = Path(__file__).parents[1] / "assets" / "demo.mp4"


def main(video=DEMO, height_m=1.79, out="out/01_fit_a_clip", quality="fast", **options):
    """Return the avatar. Options are those of fit_video: frames, keypoints, masks, camera, device, …"""
    avatar = fit_video(video, height_m=float(height_m), schedule=preset("video-avatar", quality), **options)

    # The table of a solve has the energy of every term before and after.
    for name, summary in avatar.solves:
        print(f"\n{name}\n{summary}")

    state = avatar.state
    print(f"\nbetas {state.betas.numpy().round(2)}, motion of {len(state.transl)} frames")
    for file in avatar.save(out):
        print(file)
    print(f"\n{Path(out) / 'preview.png'} shows the avatar from four sides")
    return avatar


if __name__ == "__main__":
    main(*sys.argv[1:])
