"""A person with a ponytail goes the whole way from a video to a textured avatar that is loaded again."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from synthetic import CAMERA, write_clip

from fit_avatar import load_body
from fit_avatar.avatar import Avatar
from fit_avatar.body import BodyState
from fit_avatar.body.hair_tube import tube_of
from fit_avatar.body.hanging_hair import STRIP, is_hair, with_hair
from fit_avatar.body.skinning import local_rotations
from fit_avatar.capture.source import Source
from fit_avatar.errors import BadInputError
from fit_avatar.fitting import Context, FitState, LayHair, Schedule, video_avatar
from fit_avatar.io.runner import Runner
from fit_avatar.io.store import Store
from fit_avatar.options import Options
from fit_avatar.pipeline import KEPT, reconstruct
from fit_avatar.progress import Silent

BODY = load_body()


@dataclass(frozen=True)
class TruePoses:
    """The fit's result: of so few small pictures the actions themselves make none in which a ponytail shows."""

    truth: BodyState
    name: str = "true poses"

    def identity(self) -> str:
        """Return the name: nothing else differs here."""
        return self.name

    def run(self, state: FitState, context: Context) -> FitState:
        """Return the true state of the body without hair."""
        true = self.truth
        clip = replace(
            state.clip, rotations=local_rotations(true), transl=true.transl, betas=true.betas,
            offsets=true.offsets[: len(context.body.template)],
        )  # fmt: skip
        return replace(state, clip=clip)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    head = BODY.joint_template[BODY.joint_names.index("head")]
    angle, height = -2 * torch.pi * torch.arange(20) / 20, head[1] + 0.06 - 0.02 * torch.arange(12)
    x, z = (0.04 * f(angle).expand(12, -1) for f in (torch.cos, torch.sin))
    rings = torch.stack([x, height[:, None].expand(-1, 20), z + head[2] - 0.13], -1)
    worn = with_hair(BODY, tube_of(BODY, rings, torch.zeros(BODY.num_betas)))
    return write_clip(worn, tmp_path_factory.mktemp("ponytail"), frames=16)


def made_from(clip, folder):
    """Return the avatar and the stages that were computed rather than kept."""
    schedule = Schedule("short", "", (TruePoses(clip.state), LayHair()))
    source = Source(CAMERA, clip.folder / "video.mp4", keypoints=clip.folder / "keypoints", masks=clip.folder / "masks")
    runner, shown = Runner(Store(folder, False, KEPT), Silent()), []
    options = Options(schedule, clip.height_m, texture_size=64, every_frame=False)
    made = reconstruct(source, BODY, options, runner, lambda body, state: shown.append((body, state)))
    assert all(len(state.offsets) == len(body.template) for body, state in shown)  # as the live view draws it
    return made.avatar, [stage["name"] for stage in runner.done if not stage["kept_from_earlier_run"]]


def test_from_a_video_to_a_file(clip, tmp_path):
    avatar, _ = made_from(clip, tmp_path / "cache")
    own = is_hair(avatar.body)
    assert own.any()
    assert avatar.state.offsets.shape == avatar.body.template.shape
    painted = avatar.image[:, int((1 - 0.7 * STRIP) * 64) : int((1 - 0.3 * STRIP) * 64)]
    assert painted.std() > 2  # its strip of the texture is painted from the video
    avatar.save(tmp_path / "out")
    again = Avatar.load(tmp_path / "out")
    assert np.array_equal(is_hair(again.body), own)
    assert torch.equal(again.posed().vertices, avatar.posed().vertices)

    same, computed = made_from(clip, tmp_path / "cache")
    assert not computed
    assert torch.equal(same.posed().vertices, avatar.posed().vertices)


def test_hair_can_be_left_out():
    plan = video_avatar()
    assert plan.with_hair("auto") is plan
    assert not any(isinstance(action, LayHair) for action in plan.with_hair("none").actions)
    with pytest.raises(BadInputError, match="no kind of hair 'wig': choose one of auto, none"):
        plan.with_hair("wig")
