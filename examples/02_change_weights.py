"""Change the weights of a preset: the same observations, once as usual and once with ten times stiffer motion.

    python examples/02_change_weights.py                     the bundled clip
    python examples/02_change_weights.py friend.mp4 1.75     your own, with the person's height in metres

A preset is a list of stages and a stage is a list of terms: data that can be printed, compared and replaced. A term's
weight is 1/σ², so a noise level ten times smaller is a weight a hundred times larger.
"""

import sys
from pathlib import Path

from fit_avatar import fit_capture, preset
from fit_avatar.capture import camera_from, observe, probe
from fit_avatar.fitting import Stage

DEMO = Path(__file__).parents[1] / "assets" / "demo.mp4"


def stiffer(stage, times=10.0):
    """Return a stage in which joints may change their velocity so many times less."""
    if not isinstance(stage, Stage):  # the consensus shape has no motion
        return stage
    smooth = ("rotation_acceleration", "translation_acceleration")
    return stage.with_weights(**{name: stage.term(name).weight * times**2 for name in smooth})


def shake(avatar):
    """Return the mean change of the joints' velocity from frame to frame, in degrees."""
    pose = avatar.state.body_pose
    return float((pose[2:] - 2 * pose[1:-1] + pose[:-2]).norm(dim=-1).mean().rad2deg())


def main(video=DEMO, height_m=1.79, camera=None, frames=40, **options):
    """Return both avatars. Options are those of observe: keypoints, masks, …"""
    info = probe(Path(video))
    seen = observe(Path(video), camera=camera or camera_from(info.width, info.height)[0], frames=frames, **options)

    usual = preset("video-avatar", "fast").stages[:2]  # keypoints, then outlines; no clothes
    stiff = [stiffer(stage) for stage in usual]
    print(stiff[1])

    before, after = (fit_capture(seen, height_m=float(height_m), schedule=stages) for stages in (usual, stiff))
    print(f"\nchange of velocity: {shake(before):.3f}° as usual, {shake(after):.3f}° with stiffer motion")
    return before, after


if __name__ == "__main__":
    main(*sys.argv[1:])
