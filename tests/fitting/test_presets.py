"""Presets are data: they print, survive a file, can be edited, and fit."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from synthetic import CAMERA, turning_person

from fit_avatar.body import load_body, pose_body
from fit_avatar.capture import Capture
from fit_avatar.energies import Annealed, Huber, Term, joint_limits, joint_positions, pose_deviation
from fit_avatar.errors import BadInputError
from fit_avatar.evaluate import pa_mpjpe
from fit_avatar.fitting import PRESETS, Schedule, Solve, fit, load_extension, preset, schedule_to_json
from fit_avatar.solvers import GaussNewton
from fit_avatar.visibility.raster import silhouette


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_survives_a_file(name, tmp_path):
    file = tmp_path / "mine.json"
    file.write_text(schedule_to_json(preset(name)), encoding="utf-8")
    again = preset(str(file))
    assert str(again) == str(preset(name))
    assert again == preset(name) and schedule_to_json(again) == schedule_to_json(preset(name))


@pytest.mark.parametrize("name", PRESETS)
def test_names_of_actions_and_terms_are_distinct(name):
    actions = preset(name).actions
    assert len({action.name for action in actions}) == len(actions)
    for solve in preset(name).solves:
        assert len({term.name for term in solve.terms}) == len(solve.terms)


def test_solves_are_edited_by_names():
    stage = preset("smplify").solves[-1]
    heavier = stage.with_weights(shape_prior=7.0).with_terms(Term(joint_limits, 100.0)).without("bending_prior")
    assert heavier.term("shape_prior").weight == 7.0
    assert heavier.term("joint_limits").weight == 100.0
    assert stage.term("bending_prior") in stage.terms  # the preset itself stays
    with pytest.raises(BadInputError, match="has no term 'bending_prior'"):
        heavier.term("bending_prior")
    assert "free: global_orient, body_pose, transl, betas" in str(stage)


def test_a_printed_schedule_shows_names_and_tables_but_no_arrays():
    term = Term(
        pose_deviation, 1.0, data={"joints": ("neck", "head"), "looser": {"head": 3.3}, "pose": torch.zeros(23, 3)}
    )
    assert "pose_deviation: weight 1 (joints=('neck', 'head'), looser={'head': 3.3})" in str(Solve("one", (term,)))


def edited(change):
    whole = json.loads(schedule_to_json(preset("smplify")))
    change(whole)
    return json.dumps(whole)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "is not a schedule"),
        ("{}", "is not a schedule"),
        (edited(lambda w: w.pop("actions")), "Schedule lacks 'actions'"),
        (
            edited(lambda w: w["actions"][1]["terms"][0].update(residual={"$name": "os"})),
            "names 'os', which is no energy term and none of",
        ),
        (
            edited(lambda w: w["actions"][1]["optimiser"].update(kind="SGD")),
            "names 'SGD', which is no energy term and none of",
        ),
        (
            edited(lambda w: w["actions"][1]["optimiser"].update(speed=3)),
            "sets 'speed', which GaussNewton does not have",
        ),
    ],
)
def test_a_bad_file_is_one_sentence(text, sentence, tmp_path):
    file = tmp_path / "mine.json"
    file.write_text(text)
    with pytest.raises(BadInputError) as caught:
        preset(str(file))
    assert sentence in str(caught.value) and str(file) in str(caught.value)


def test_an_unknown_name_lists_the_known():
    with pytest.raises(BadInputError, match=r"there is no preset 'smplfy': choose one of video-avatar, .*octopus"):
        preset("smplfy")


@pytest.fixture(scope="module")
def body():
    return load_body()


def photographs(body, count, first_yaw):
    clip = turning_person(body, count, first_yaw=first_yaw)
    points = CAMERA.project(body.keypoint_regressor @ clip.vertices)
    keypoints = torch.cat([points, torch.ones(count, 25, 1)], -1).numpy()
    masks = np.stack([silhouette(v, body.faces, CAMERA).numpy() for v in clip.vertices])
    return clip, Capture(np.arange(count), keypoints, masks, CAMERA, np.ones(count, np.float32), fps=1.0)


@pytest.mark.parametrize("first_yaw", [0.3, 2.6])
@pytest.mark.parametrize("name", ["smplify", "smplify-x"])
def test_one_photograph_gives_the_pose(body, name, first_yaw):
    clip, capture = photographs(body, 1, first_yaw)
    fitted = fit(body, capture, height_m=clip.height_m, schedule=name)
    assert fitted.clip.transl.shape == (1, 3)  # one of the two hypotheses is left
    joints = pose_body(body, fitted.body_state(body)).joints
    assert pa_mpjpe(joints.numpy(), clip.joints.numpy()) < 0.06
    assert fitted.solves[-1][1].energy_after < fitted.solves[0][1].energy_before


def test_a_few_photographs_give_a_dressed_body(body):
    clip, capture = photographs(body, 4, 0.3)
    plan = preset("octopus")
    quick = plan.with_action("offsets", replace(plan.action("offsets"), optimiser=GaussNewton(3)))
    state = fit(body, capture, height_m=clip.height_m, schedule=quick)
    joints = pose_body(body, state.body_state(body)).joints
    assert pa_mpjpe(joints.numpy(), clip.joints.numpy()) < 0.04
    assert 0.001 < state.clip.offsets[body.skin].norm(dim=-1).mean() < 0.03


def test_the_terms_of_2018_fit_a_clip(body):
    clip, capture = photographs(body, 6, 0.3)
    plan = Schedule("joints and pose", "", preset("videoavatars-2018").actions[:5])
    state = fit(body, capture, height_m=clip.height_m, schedule=plan)
    joints = pose_body(body, state.body_state(body)).joints
    assert pa_mpjpe(joints.numpy(), clip.joints.numpy()) < 0.05


def test_a_whole_preset_is_edited():
    plan = preset("smplify").with_weights(shape_prior=7.0).with_terms(Term(joint_limits, 100.0))
    assert [solve.term("shape_prior").weight for solve in plan.solves[1:]] == [7.0] * 4
    assert all(solve.term("joint_limits").weight == 100.0 for solve in plan.solves)
    with pytest.raises(BadInputError, match="the schedule smplify has no term 'shape_priors'"):
        plan.with_weights(shape_priors=1.0)
    shaped = preset("octopus").with_terms(Term(joint_limits))
    assert "joint_limits" not in {term.name for term in shaped.solves[-1].terms}  # offsets alone are free there


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            lambda w: w["actions"][2]["terms"][1].update(weight="much"),
            "weight of Term 'mixture_pose_prior' must be a number or Annealed, not 'much'",
        ),
        (
            lambda w: w["actions"][2]["optimiser"].update(iterations="ten"),
            "iterations of GaussNewton must be a whole number, not 'ten'",
        ),
        (lambda w: w["actions"][2].update(free="transl"), "free of Solve 'stage 1' must be"),
        (lambda w: w["actions"].append(w["actions"][0]), "two actions of the schedule smplify are called 'initialise'"),
    ],
)
def test_wrong_values_in_a_file_are_one_sentence(change, sentence, tmp_path):
    file = tmp_path / "mine.json"
    file.write_text(edited(change))
    with pytest.raises(BadInputError, match=sentence):
        preset(str(file))


def test_a_plain_number_may_stand_for_an_annealed_one(body):
    clip, capture = photographs(body, 4, 0.3)
    start, pose, shape, _ = preset("octopus").actions
    assert isinstance(shape, Solve)
    outline = shape.term("contour_distance")
    plain = Term(outline.residual, outline.weight, outline.kernel, data={**outline.data, "gate_m": 0.1})
    state = fit(body, capture, height_m=clip.height_m, schedule=[start, pose, shape.with_terms(plain)])
    assert torch.isfinite(state.clip.transl).all()


def test_tensors_and_confidences_survive_a_file(tmp_path):
    pose = preset("octopus").action("pose")
    confidence = torch.rand(4, 25)
    given = {"positions": torch.rand(4, 24, 4, dtype=torch.float64), "of": "joints"}
    own = Term(joint_positions, Annealed(3.0, 1.0), Huber(0.02), data=given, confidence=confidence, name="measured")
    file = tmp_path / "mine.json"
    file.write_text(schedule_to_json(Schedule("mine", "", (pose.with_terms(own),))))
    again = preset(str(file)).actions[0].term("measured")
    assert torch.equal(again.confidence, confidence) and torch.equal(again.data["positions"], given["positions"])
    assert again.data["positions"].dtype == torch.float64
    assert (again.weight, again.kernel, again.residual) == (own.weight, own.kernel, own.residual)


def test_what_a_file_cannot_hold_is_named():
    pose = preset("octopus").action("pose")

    def refusal(*terms):
        with pytest.raises(BadInputError) as caught:
            schedule_to_json(Schedule("mine", "", (pose.with_terms(*terms),)))
        return str(caught.value)

    assert "data of Term 'joint_limits'.parts is a set, which a file cannot hold" in refusal(
        Term(joint_limits, data={"parts": {1}})
    )
    assert "residual of Term 'mine' is a Energy" in refusal(Term(lambda x: x.betas, name="mine"))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda w: w["actions"][1].update(name=7), "is not a schedule"),
        (lambda w: w["actions"][1].update(name=None), "is not a schedule"),
        (lambda w: w["actions"][1].update(name=""), "name of Solve must be 1 to 80 printable characters"),
        (lambda w: w["actions"][1].update(name="n" * 300), "must be 1 to 80 printable characters"),
        (lambda w: w["actions"][1].update(name="a\nb"), "must be 1 to 80 printable characters"),
        (
            lambda w: w["actions"][1]["optimiser"].update(damping=float("nan")),
            "damping .* must be a number",
        ),
        (lambda w: w["actions"][1]["optimiser"].update(damping=-1.0), "must be finite and not negative"),
        (lambda w: w["actions"][1]["optimiser"].update(iterations=100_000), "must be between 1 and 10000"),
        (lambda w: w["actions"][1]["optimiser"].update(iterations=0), "must be between 1 and 10000"),
        (lambda w: w["actions"][1]["optimiser"].update(refresh=10**400), "is not a schedule"),
        (lambda w: w["actions"][1]["terms"][0].update(weight=-1), "weight of Term .* must be finite and not negative"),
        (lambda w: w["actions"][1]["terms"][0].update(weight=10**400), "must be finite and not negative"),
        (lambda w: w.update(actions="all"), "is not a schedule"),
        (lambda w: w.update(actions=[1, 2]), "is not a schedule"),
        (
            lambda w: w.update(actions=[{"kind": "Schedule", "name": "x", "about": "", "actions": []}]),
            "is not a schedule",
        ),
    ],
)
def test_hostile_values_in_a_file_are_one_sentence(change, sentence, tmp_path):
    file = tmp_path / "mine.json"
    file.write_text(edited(change))
    with pytest.raises(BadInputError, match=sentence) as caught:
        preset(str(file))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"a":' * 100_000, '{"$list":' * 300 + "1" + "}" * 300, '"smplify"', "1", ""]
)
def test_a_text_that_is_no_schedule_is_one_sentence(text, tmp_path):
    file = tmp_path / "mine.json"
    file.write_text(text)
    with pytest.raises(BadInputError, match=r"mine\.json is (not a schedule|nested too deeply)"):
        preset(str(file))


def test_an_extension_that_ends_the_program_is_told(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("import sys; sys.exit(3)")
    with pytest.raises(BadInputError, match=r"mine\.py fails: SystemExit: 3"):
        load_extension(file)
