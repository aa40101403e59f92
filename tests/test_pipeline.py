"""The command line and a script go the same way, also with terms and actions of one's own; nothing is done twice."""

import pickle
import textwrap
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from synthetic import CAMERA, write_clip

from fit_avatar import fit_capture, fit_images, fit_video, load_body, track_video
from fit_avatar.avatar import Avatar
from fit_avatar.body.head_layout import with_larger_head
from fit_avatar.capture import Capture, CutOff
from fit_avatar.capture.frames.video import VideoFile
from fit_avatar.capture.kept_pictures import KeptPictures
from fit_avatar.capture.source import Source
from fit_avatar.cli import main
from fit_avatar.config import Config, usual_preset
from fit_avatar.energies import Term
from fit_avatar.errors import BadInputError, NoPersonError
from fit_avatar.fitting import Schedule, Solve, as_schedule, load_extension, preset, schedule_to_json, video_avatar
from fit_avatar.io.runner import Runner
from fit_avatar.io.store import Store
from fit_avatar.options import Options
from fit_avatar.pipeline import KEPT, build, reconstruct
from fit_avatar.progress import Silent
from fit_avatar.solvers import GaussNewton
from fit_avatar.stages import shod

BODY = load_body()
OWN = textwrap.dedent(
    """
    from dataclasses import dataclass, replace

    import torch

    def thin(x, depth_m):
        \"\"\"Offsets point no farther than a depth to the front. [..., 1, V]\"\"\"
        return (x.offsets[..., 2] - depth_m).clamp_min(0)

    @dataclass(frozen=True)
    class StandStill:
        \"\"\"Everybody stays where they usually are.\"\"\"

        share: float
        name: str = "stand still"

        def run(self, state, context):
            usual = state.clip.transl.median(-2, keepdim=True).values
            transl = state.clip.transl + self.share * (usual - state.clip.transl)
            return replace(state, clip=replace(state.clip, transl=transl))
    """
)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return write_clip(BODY, tmp_path_factory.mktemp("clip"), frames=8)


@pytest.fixture(scope="module")
def given(clip):
    return {name: clip.folder / name for name in ("keypoints", "masks")}


def shortened(*names):
    """Return some actions of the default schedule, with few iterations."""
    whole = video_avatar("balanced")
    actions = [whole.action(name) for name in ("initialise", *names)]
    quick = [replace(a, optimiser=GaussNewton(3)) if type(a) is Solve else a for a in actions]
    return Schedule("short", "", tuple(quick))


def assert_same_state(one, other):
    for name, value in vars(one).items():
        assert value is None or torch.equal(value, getattr(other, name)), name


def test_a_run_and_a_script_agree(clip, given):
    names = ("pose from keypoints", "match the surface in the pictures", "pose from the pictures")
    options = Options(shortened(*names), clip.height_m, texture_size=0)
    scripted = fit_video(
        clip.folder / "video.mp4", camera=CAMERA, height_m=clip.height_m, schedule=options.schedule, texture_size=None,
        **given,
    )  # fmt: skip
    source = Source.of(video=clip.folder / "video.mp4", camera=clip.folder / "camera.json", **given)

    def go():
        runner = Runner(Store(clip.folder / "cache", False, KEPT), Silent())
        return reconstruct(source, BODY, options, runner), runner

    kept, _ = go()
    assert scripted.texture is None
    assert [name for name, _ in scripted.solves] == [name for name, _ in kept.avatar.solves] == [names[0], names[2]]
    assert "surface_reprojection" in str(kept.avatar.solves[-1][1])
    assert_same_state(scripted.state, kept.avatar.state)
    assert scripted.warnings == kept.avatar.warnings and scripted.regions == kept.avatar.regions
    again, runner = go()
    assert all(stage["kept_from_earlier_run"] for stage in runner.done)
    assert again.keys == kept.keys and torch.equal(again.avatar.state.body_pose, kept.avatar.state.body_pose)


def test_every_frame_is_decoded_once_for_all_stages_and_they_find_the_same(clip, given, monkeypatch):
    names = ("pose from keypoints", "match the surface in the pictures", "pose from the pictures")
    options = Options(shortened(*names), clip.height_m, texture_size=64)
    source = Source.of(video=clip.folder / "video.mp4", camera=clip.folder / "camera.json", **given)
    decoded, decode = Counter(), VideoFile.decode

    def counted(self, *args):
        for each in decode(self, *args):
            decoded[each.index] += 1
            yield each

    monkeypatch.setattr(VideoFile, "decode", counted)
    once = reconstruct(source, BODY, options, Runner(None, Silent())).avatar
    first = decoded.pop(0)  # says what the clip is: whether it holds masks
    assert first == 2 and decoded == Counter(range(1, 8))
    monkeypatch.setattr(Source, "no_pictures", lambda self: KeptPictures(self.camera, most_bytes=0))
    monkeypatch.setattr("fit_avatar.capture.clip.MEMORY_BYTES", 0)
    anew = reconstruct(source, BODY, options, Runner(None, Silent())).avatar
    assert min(decoded.values()) > 4
    assert_same_state(once.state, anew.state)
    assert (once.image == anew.image).all() and once.image.std() > 0


def test_a_term_and_an_action_of_ones_own_from_python_and_from_a_file(clip, given, tmp_path):
    """A term on the consensus shape and an action in the schedule give the same avatar both ways."""
    height_m = float(f"{clip.height_m:.4f}")  # as the options below have it
    extension = tmp_path / "own_method.py"
    extension.write_text(OWN)
    own = load_extension(extension)
    plan = shortened("pose from keypoints", "final consensus shape")
    thin = Term(own.thin, 1e9, data={"depth_m": 0.001})
    shape = plan.action("final consensus shape").with_terms(thin)
    plan = Schedule("own", "", (*plan.actions[:-1], own.StandStill(0.5), shape))
    plain = fit_video(clip.folder / "video.mp4", camera=CAMERA, height_m=height_m, texture_size=None, check=False,
                      schedule=shortened("pose from keypoints", "final consensus shape"), **given)  # fmt: skip
    scripted = fit_video(
        clip.folder / "video.mp4", camera=CAMERA, height_m=height_m, schedule=plan, texture_size=None, **given
    )
    assert plain.state.offsets[:, 2].max() > 0.004 > scripted.state.offsets[BODY.skin, 2].max()
    assert scripted.state.transl.std(0).norm() < 0.7 * plain.state.transl.std(0).norm()
    assert "thin" in str(scripted.solves[-1][1])

    file, out = tmp_path / "own.json", tmp_path / "out"
    file.write_text(schedule_to_json(plan, [own]))
    options = [*clip.given, "--out", str(out), "--texture-size", "64", "--preset", str(file)]
    assert main([*options, "--extension", str(extension)]) == 0
    assert_same_state(scripted.state, Avatar.load(out).state)


def write_poses(file, clip, frames=8):
    """Write the truth as another program would: axis-angles of 24 joints by the T-pose."""
    state = clip.state
    poses = torch.cat([state.global_orient[:, None], state.body_pose], 1)[:frames].reshape(-1, 72)
    np.savez(file, thetas=poses.numpy())
    return file


def test_a_fit_starts_from_poses_of_another_program(clip, given, tmp_path):
    """The action is in the schedule, and what is kept depends on what is in the file."""
    plan = shortened("pose from keypoints")
    source = Source.of(video=clip.folder / "video.mp4", camera=clip.folder / "camera.json", **given)

    def go(file):
        options = Options(as_schedule(plan, init=file), clip.height_m, texture_size=0, every_frame=False)
        runner = Runner(Store(tmp_path / "cache", False, KEPT), Silent())
        made = reconstruct(source, BODY, options, runner)
        return made.avatar, {stage["name"]: stage["kept_from_earlier_run"] for stage in runner.done}

    file = write_poses(tmp_path / "one.npz", clip)
    first, _ = go(file)
    other, kept = go(file.rename(tmp_path / "other.npz"))
    assert all(kept.values()) and "start from given poses" in kept
    write_poses(tmp_path / "other.npz", clip, frames=7)
    _, kept = go(tmp_path / "other.npz")
    assert kept["initialise"] and not kept["start from given poses"] and not kept["pose from keypoints"]
    scripted = fit_video(
        clip.folder / "video.mp4", camera=CAMERA, height_m=clip.height_m, schedule=plan, texture_size=None,
        every_frame=False, init=write_poses(tmp_path / "three.npz", clip), **given,
    )  # fmt: skip
    assert_same_state(first.state, scripted.state)
    assert torch.equal(first.state.body_pose, other.state.body_pose)


def test_poses_that_cannot_be_used_are_told_before_anything_is_done(clip, tmp_path, capsys):
    class Hostile:
        def __reduce__(self):
            return (print, ("run",))

    (tmp_path / "hostile.pkl").write_bytes(pickle.dumps({1: Hostile()}))
    (tmp_path / "cut.pkl").write_bytes(pickle.dumps({1: {"pose": np.zeros((8, 72)), "betas": np.zeros(10)}})[:-40])
    for name, sentence in (("hostile", "which is not data"), ("cut", "cannot be read as poses")):
        out = tmp_path / f"out_{name}"
        assert main([*clip.given, "--out", str(out), "--init", str(tmp_path / f"{name}.pkl")]) == 2
        told = capsys.readouterr()
        assert sentence in told.err and told.err.count("\n") == 1 and not told.out
        assert not out.exists()


def test_a_file_that_names_an_extension_needs_it(clip, tmp_path, capsys):
    extension = tmp_path / "own_method.py"
    extension.write_text(OWN)
    own = load_extension(extension)
    file = tmp_path / "own.json"
    file.write_text(schedule_to_json(Schedule("own", "", (own.StandStill(0.5),)), [own]))
    assert main([*clip.given, "--out", str(tmp_path / "out"), "--preset", str(file)]) == 2
    assert "it names 'StandStill'" in capsys.readouterr().err
    broken = tmp_path / "broken.py"
    broken.write_text("1 / 0")
    assert main([*clip.given, "--preset", str(file), "--extension", str(broken)]) == 2
    assert f"the extension {broken} fails: ZeroDivisionError" in capsys.readouterr().err


def test_every_frame_of_the_clip_gets_a_pose(clip, given, tmp_path):
    """Half of the frames are fitted; keypoints tell the other poses, in a run, from its cache, and in a script."""
    plan = shortened("pose from keypoints")
    source = Source.of(video=clip.folder / "video.mp4", camera=CAMERA, max_frames=4, **given)

    def go(every_frame=True):
        runner = Runner(Store(tmp_path / "cache", False, KEPT), Silent())
        options = Options(plan, clip.height_m, texture_size=0, every_frame=every_frame)
        return reconstruct(source, BODY, options, runner), {s["name"]: s["kept_from_earlier_run"] for s in runner.done}

    left_out, stages = go(every_frame=False)
    assert "motion" not in stages and left_out.avatar.every_frame is None
    motion = left_out.avatar.motion
    assert len(motion.frame_indices) == 4 and motion.state is left_out.avatar.state
    made, stages = go()
    assert stages["pose from keypoints"] and not stages["every frame"] and not stages["motion"]
    motion = made.avatar.motion
    assert motion.frame_indices.tolist() == list(range(8)) and made.keys["motion"]
    torch.testing.assert_close(torch.from_numpy(motion.times_s), torch.arange(8).double() / 12)
    fitted = made.avatar.capture.frame_indices
    for name in ("global_orient", "body_pose", "transl"):
        assert torch.equal(getattr(motion.state, name)[fitted], getattr(made.avatar.state, name)), name
    again, stages = go()
    assert all(stages.values())
    assert_same_state(again.avatar.motion.state, motion.state)
    scripted = fit_video(
        clip.folder / "video.mp4", camera=CAMERA, height_m=clip.height_m, schedule=plan, texture_size=None, frames=4,
        **given,
    )  # fmt: skip
    assert_same_state(scripted.motion.state, motion.state)
    scripted.save(tmp_path / "avatar", extras=["bvh"])
    loaded = Avatar.load(tmp_path / "avatar")
    assert len(loaded.state.transl) == 4
    assert_same_state(loaded.motion.state, motion.state)
    assert "Frames: 8\n" in (tmp_path / "avatar" / "avatar.bvh").read_text()


def test_frames_that_cut_the_person_off_are_for_methods_that_take_them(clip, given):
    """A turn leaves them out, pictures and all; motion takes them; with too few whole ones the clip is no turn."""
    source = Source.of(video=clip.folder / "video.mp4", camera=CAMERA, **given)
    seen = source.observe()
    cut = replace(seen, cut_off=tuple(CutOff(t, ("bottom",)) for t in (2, 5)))
    plan = shortened("pose from keypoints")

    def go(capture, schedule, other=None):
        options = Options(schedule, clip.height_m, texture_size=32, check=False, other_motion=other)
        return build(capture, source.pictures(capture), BODY, options, Runner(None, Silent())).avatar

    turn = go(cut, plan)
    assert turn.capture.frame_indices.tolist() == [0, 1, 3, 4, 6, 7] and len(turn.state.transl) == 6
    assert [frame.frame_index for frame in turn.capture.left_out] == [2, 5]
    assert turn.warnings[-1].endswith("at the bottom in 2 of 8 frames (2, 5); these frames are left out.")
    motion = go(cut, replace(plan, partial=True))
    assert len(motion.capture.frame_indices) == 8
    assert motion.warnings[-1].endswith("in 2 of 8 frames (2, 5): there they are fitted where they are seen.")
    always = replace(seen, cut_off=tuple(CutOff(t, ("bottom",)) for t in range(8)))
    with pytest.raises(NoPersonError, match="this method needs whole outlines"):
        go(always, plan)
    chosen = go(always, plan, other=replace(plan, name="other", partial=True))
    assert any("cut off in most frames, so that the preset motion was taken" in said for said in chosen.warnings)
    assert len(chosen.capture.frame_indices) == 8


def test_a_layout_of_the_texture_changes_the_texture_alone(clip, given, tmp_path):
    """A larger head by default, the model's own layout if asked; files keep it, and another clip, too."""
    source = Source.of(video=clip.folder / "video.mp4", camera=CAMERA, **given)
    plan, store = shortened(), Store(tmp_path / "cache", False, KEPT)

    def go(layout):
        runner = Runner(store, Silent())
        options = Options(plan, clip.height_m, 64, check=False, every_frame=False, uv_layout=layout)
        avatar = reconstruct(source, BODY, options, runner).avatar
        return avatar, [stage["name"] for stage in runner.done if not stage["kept_from_earlier_run"]]

    one, _ = go("head")
    other, again = go("body")
    assert again == ["texture"]
    assert torch.equal(other.body.uvs, BODY.uvs) and torch.equal(one.body.uvs, with_larger_head(BODY).uvs)
    assert not np.array_equal(one.image, other.image)
    assert_same_state(one.state, other.state)
    one.save(tmp_path / "out")
    known = Avatar.load(tmp_path / "out")
    quick = replace(preset("track"), actions=preset("track").actions[:1])
    options = Options(quick, check=False, every_frame=False, known=known)
    moved = build(source.observe(), None, known.body, options, Runner(None, Silent())).avatar
    assert torch.equal(moved.body.uvs, one.body.uvs) and np.array_equal(moved.image, one.image)


def test_the_command_line_leaves_the_motion_out_if_asked(clip, tmp_path):
    file = tmp_path / "short.json"
    file.write_text(schedule_to_json(shortened("pose from keypoints")))
    options = [*clip.given, "--out", str(tmp_path / "out"), "--texture-size", "64", "--preset", str(file)]
    options += ["--frames", "4", "--export", "bvh"]
    assert main([*options, "--motion", "fitted"]) == 0
    assert "Frames: 4\n" in (tmp_path / "out" / "avatar.bvh").read_text()
    assert main(options) == 0
    assert "Frames: 8\n" in (tmp_path / "out" / "avatar.bvh").read_text()
    assert len(Avatar.load(tmp_path / "out").motion.times_s) == 8


def test_names_of_the_runs_own_stages_are_taken():
    plan = Schedule("mine", "", (Solve("texture", video_avatar().solves[0].terms),))
    with pytest.raises(BadInputError, match="calls an action 'texture', which is taken"):
        Options(plan)


def test_photographs_have_the_same_default_everywhere():
    photographs = tuple(f"{i}.png" for i in range(3))
    assert Config(image=photographs).method == usual_preset(3) == "octopus"
    assert Config(image=photographs[:1]).method == usual_preset(1) == "smplify"
    assert Config(video="x.mp4").method == usual_preset(0) == "video-avatar"


def test_shoes_are_given_or_looked_for_in_the_pictures():
    capture = Capture(
        np.arange(2), np.zeros((2, 25, 3), np.float32), np.ones((2, 8, 8), bool), CAMERA, np.ones(2, np.float32)
    )

    def worn(shoes, known=None, pictures=()):
        seen, key = shod(
            replace(capture, shoes=known), pictures, Options(shortened(), shoes=shoes), Runner(None, Silent()), ""
        )
        assert key == ""
        return seen.shoes

    assert worn("yes") is True and worn("no") is False
    assert worn("no", known=True) is False and worn("yes", known=False) is True  # what is asked for wins
    assert worn("auto", known=True) is True  # whoever made the capture knows it
    assert worn("auto") is True  # no picture shows bare feet
    assert worn("auto", known=False) is False
    assert worn("auto", pictures=None) is None


def test_a_script_decides_on_clothes_and_whom_it_follows(clip, monkeypatch):
    given = []
    monkeypatch.setattr("fit_avatar.scripting._fit_source", lambda *each: given.append(each))
    monkeypatch.setattr("fit_avatar.scripting.build", lambda *each: given.append(each) or SimpleNamespace(avatar=None))
    video = clip.folder / "video.mp4"
    fit_video(video, garment="skirt", hair="none")
    options = given[-1][1]
    for schedule in (options.schedule, options.other_motion):
        assert schedule.action("look for a skirt").garment == "skirt"
        assert not any(action.name == "look for hair that hangs" for action in schedule.actions)
    fit_video(video)
    assert given[-1][1].schedule.actions == video_avatar().actions
    known = SimpleNamespace(body=BODY)
    track_video(known, video, person=2, camera_motion="orbit")
    assert (given[-1][0].person, given[-1][0].camera_motion) == (2, "orbit")
    fit_images(sorted((clip.folder / "masks").glob("*.png"))[:2], shoes="no", garment="none", hair="none")
    assert given[-1][1].shoes == "no"
    assert given[-1][1].schedule == preset("octopus").with_garment("none").with_hair("none")
    fit_capture(None, body=BODY, shoes="yes", garment="none", hair="none")
    assert given[-1][3].shoes == "yes"
    assert given[-1][3].schedule == video_avatar().with_garment("none").with_hair("none")
