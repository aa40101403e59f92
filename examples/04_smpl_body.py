"""Fit a body of the SMPL family from your own licensed file instead of the free default body.

    python examples/04_smpl_body.py SMPL_NEUTRAL.pkl                       the bundled clip
    python examples/04_smpl_body.py SMPLX_NEUTRAL.npz friend.mp4 1.75      your own clip and height in metres

The model's files are given out at smpl.is.tue.mpg.de, mano.is.tue.mpg.de and smpl-x.is.tue.mpg.de under their own
licences. SMPL, SMPL-H and SMPL-X are told apart by their number of joints. An old .pkl is read without executing
anything in it and written anew as an .npz of plain arrays.
"""

import sys
from pathlib import Path

from fit_avatar import fit_video, load_body, preset
from fit_avatar.body import convert_body

DEMO = Path(__file__).parents[1] / "assets" / "demo.mp4"


def main(model, video=DEMO, height_m=1.79, out="out/04_smpl_body", schedule=None, **options):
    """Return the avatar. Options are those of fit_video: frames, keypoints, masks, camera, texture_size, …"""
    model = Path(model)
    if model.suffix == ".pkl":
        clean = Path(out) / f"{model.stem}.npz"
        print(f"{clean} holds a {convert_body(model, clean, force=True)} body")
        model = clean
    body = load_body(path=model)
    print(f"{body.name}: {len(body.template)} vertices, {len(body.parents)} joints, {body.num_betas} betas")

    schedule = schedule or preset("video-avatar", "fast")
    avatar = fit_video(video, height_m=float(height_m), body=body, schedule=schedule, **options)
    avatar.save(out)

    # The state has the names and conventions of the smplx package, in camera coordinates.
    for name in ("betas", "global_orient", "body_pose", "transl"):
        print(f"{name}: {list(getattr(avatar.state, name).shape)}")
    print(f"{Path(out) / 'preview.png'} shows the avatar from four sides")
    return avatar


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(*sys.argv[1:])
