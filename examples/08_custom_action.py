"""Add an action and a term of your own to the default method, from Python and from the command line.

    python examples/08_custom_action.py                     the bundled clip
    python examples/08_custom_action.py friend.mp4 1.75     your own, with the person's height in metres

An action is a frozen dataclass with a `name` and a `run` from one state of the fit to the next. This one smooths the
path on which the person moves. The consensus shape is a solve over terms like any other, so a term of your own joins
it: this one says that the person wears tight clothes.

The same schedule is written to own.json. A run of the command line reads it, with this file as the extension in which
the names of the action and the term are found, and gives the same avatar:

    fit-avatar --video friend.mp4 --preset own.json --extension examples/08_custom_action.py
"""

import sys
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from torch.nn.functional import avg_pool1d

from fit_avatar import Term, energy, fit_capture, preset
from fit_avatar.body.mesh import vertex_normals
from fit_avatar.capture import camera_from, observe, probe
from fit_avatar.fitting import ConsensusShape, FitState, schedule_to_json
from fit_avatar.report import render_view
from fit_avatar.report.colours import confidence_texture

DEMO = Path(__file__).parents[1] / "assets" / "demo.mp4"
VERTEX_AREA_M2 = 1.4e-4
"""What a vertex of the default body stands for: the consensus shape's own terms are integrals over the surface."""
SHOWN_M = 0.01
"""The difference between the surfaces that is drawn in full colour."""


@dataclass(frozen=True)
class SmoothPath:
    """Average where the person stands over neighbouring frames."""

    frames: int = 5
    """How many frames are averaged; an odd number."""
    name: str = "smooth the path"

    def run(self, state, context) -> FitState:
        """Return the state with a smooth path."""
        path = state.single(self.name).transl.T[None]  # [1, 3, T]
        smooth = avg_pool1d(path, self.frames, stride=1, padding=self.frames // 2, count_include_pad=False)[0].T
        return replace(state, clip=replace(state.clip, transl=smooth))


def outward(x):
    """Return the normals of the body without offsets; computed once before each step. [..., 1, V, 3]"""
    return {"normals": vertex_normals(x.naked, x.body.faces)}


@energy(prepare=outward, makes=("normals",))
def tight_clothes(x, normals, most_m):
    """How much farther than tight clothes the surface stands off the body. [..., 1, V] metres"""
    return ((x.offsets * normals).sum(-1) - most_m).clamp_min(0)


def own_schedule(most_m=0.01):
    """Return the default schedule with the action after its last poses, and the term on the consensus shape."""
    tight = Term(tight_clothes, VERTEX_AREA_M2 / 0.001**2, data={"most_m": most_m})  # σ = 1 mm
    plan = preset("video-avatar", "fast")
    last = plan.action("pose of every frame")
    return plan.with_action(last.name, last, SmoothPath()).with_terms(tight, to=ConsensusShape)


def main(video=DEMO, height_m=1.79, most_m=0.01, out="out/08_custom_action", camera=None, frames=60, **options):
    """Return the avatars of the default schedule and of ours. Options are those of observe: keypoints, masks, …"""
    video, out = Path(video), Path(out)
    info = probe(video)
    seen = observe(video, camera=camera or camera_from(info.width, info.height)[0], frames=frames, **options)
    plan = own_schedule(float(most_m))
    print(plan)
    usual, own = (
        fit_capture(seen, height_m=float(height_m), schedule=s) for s in (preset("video-avatar", "fast"), plan)
    )

    out.mkdir(parents=True, exist_ok=True)
    (out / "own.json").write_text(schedule_to_json(plan, [sys.modules[__name__]]), encoding="utf-8")
    command = f"fit-avatar --video {video} --height-m {height_m} --frames {frames} --preset {out / 'own.json'}"
    print(f"\nThe same from the command line:\n{command} --extension {Path(__file__)}")

    moved = (own.state.offsets - usual.state.offsets).norm(dim=-1).numpy()
    grey = np.full((64, 64, 3), 180, np.uint8)
    coloured = confidence_texture(own.body, (1 - moved / SHOWN_M).clip(0, 1))
    drawn = ((usual, grey), (own, grey), (own, coloured))
    views = [render_view(a.body, a.state, image, yaw) for yaw in (0.0, 90.0) for a, image in drawn]
    cv2.imwrite(str(out / "difference.png"), np.concatenate(views, 1)[..., ::-1])
    print(
        f"{out / 'difference.png'} shows the usual avatar, ours, and where they differ (orange: {100 * SHOWN_M:g} cm "
        "or more), from the front and from the side"
    )
    return usual, own


if __name__ == "__main__":
    main(*sys.argv[1:])
