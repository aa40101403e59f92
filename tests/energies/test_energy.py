"""What an energy is besides its residual: what it observes and reads, and that it never changes."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace

import pytest
import torch
from toy_body import toy_body, turning_state

from fit_avatar import energies as e
from fit_avatar.energies import Blocks, PosedBody, Term, energy
from fit_avatar.errors import BadInputError
from fit_avatar.solvers.problem import Problem
from fit_avatar.solvers.unknowns import Unknowns

FRAMES = 4
BODY = toy_body(8, 12).double()


@pytest.fixture(scope="module")
def unknowns():
    state = turning_state(BODY, FRAMES, bend=0.2)
    return Unknowns.of(BODY, replace(state, **{n: v.double() for n, v in vars(state).items() if v is not None}))


def below(points, floor=0.0):
    return points[..., 1] - floor


# -- observations ---------------------------------------------------------------------------------------------


def test_only_declared_observations_are_bound(unknowns):
    @energy(observes=("camera",))
    def told(x, camera=1.0, pose=2.0):
        return x.transl * camera + pose

    (fields,) = Problem([Term(told)], {"camera": 3.0, "pose": 4.0, "keypoints": 5.0}).bind(unknowns).fields
    assert fields == {"camera": 3.0}
    (fields,) = Problem([Term(told, data={"camera": 6.0, "pose": 7.0})], {"camera": 3.0}).bind(unknowns).fields
    assert fields == {"camera": 6.0, "pose": 7.0}
    assert told.fields() == {"camera": False, "pose": False} and told.observes == ("camera",)


def test_a_plain_function_observes_nothing(unknowns):
    def told(x, camera):
        return x.transl * camera

    with pytest.raises(
        BadInputError, match=r"needs the field 'camera'.*Term\(data=.*@energy\(observes=\(\"camera\",\)"
    ):
        Problem([Term(told)], {"camera": 3.0}).bind(unknowns)


def test_an_observation_that_no_function_takes_is_refused():
    with pytest.raises(BadInputError, match="'told' observes 'camera', but none of its functions takes"):

        @energy(observes=("camera",))
        def told(x):
            return x.transl


def test_preparations_and_readings_observe_too(unknowns):
    def prepared(x, keypoints, progress):
        return {"made": keypoints * progress}

    def read(x, contours):
        return x.read_vertices(contours)

    @energy(observes=("keypoints", "contours"), reads=read, prepare=prepared, makes=("made",))
    def told(points, made, floor=0.0):
        return points[..., 1] - made - floor

    assert told.fields() == {"floor": False, "contours": True, "keypoints": True}
    objective = Problem([Term(told)], {"keypoints": 2.0, "contours": torch.tensor([1, 5])}).bind(unknowns)
    x = unknowns.posed_body()
    (found,) = objective.evaluate(x, objective.prepared(x, 0.5))
    torch.testing.assert_close(found.residual, unknowns.posed_body().vertices[:, [1, 5], 1] - 1.0)


# -- points ---------------------------------------------------------------------------------------------------


def test_an_energy_of_points_is_called_with_the_posed_body(unknowns):
    lowest = energy(reads=PosedBody.read_keypoints)(below)
    x = unknowns.posed_body()
    torch.testing.assert_close(lowest(x), x.keypoints[..., 1])
    torch.testing.assert_close(lowest(x, 0.5), x.keypoints[..., 1] - 0.5)
    torch.testing.assert_close(lowest(x, floor=0.5), lowest.residual(x, {"floor": 0.5, "other": 1.0}))
    with pytest.raises(TypeError, match="takes no field 'flor'"):
        lowest(x, flor=0.5)


def test_rows_of_several_points_must_share_them_evenly(unknowns):
    def pairs(points):
        return points[..., 0::2, 1] - points[..., 1::2, 1]

    def first(points):
        return points[..., :3, 1]

    def read(x):
        return x.read_vertices(torch.arange(10))

    x = unknowns.posed_body()
    blocks = energy(reads=read)(pairs).derivative(x, {})
    single = energy(reads=read)(below).derivative(x, {})
    assert blocks.frames["body_pose"].shape == (FRAMES, 5, 69)
    for name, block in single.frames.items():
        torch.testing.assert_close(blocks.frames[name], block[:, 0::2] - block[:, 1::2])
    with pytest.raises(BadInputError, match="'first' reads 10 points of a frame but returns 3 rows"):
        energy(reads=read)(first).derivative(x, {})


def test_a_function_of_the_posed_body_has_no_derivative_of_its_own(unknowns):
    plain = energy(lambda x: x.transl)
    assert plain.derivative(unknowns.posed_body(), {}) is None
    assert plain.offset_jacobian(unknowns.posed_body(), {}) is None


# -- it never changes -----------------------------------------------------------------------------------------


def test_a_built_in_energy_cannot_be_changed():
    def wrong(x, keypoints):
        return Blocks()

    with pytest.raises(FrozenInstanceError):
        e.keypoint_reprojection.jacobian = wrong
    mine = replace(e.keypoint_reprojection, jacobian=wrong)
    assert e.keypoint_reprojection.checked and not mine.checked
    assert e.keypoint_reprojection.jacobian is None and mine.observes == e.keypoint_reprojection.observes


def test_what_a_user_wrote_is_checked():
    assert not energy(reads=PosedBody.read_keypoints)(below).checked
    assert not Term(below).energy.checked
    assert all(getattr(e, name).checked for name in e.__all__ if isinstance(getattr(e, name), e.Energy))


def test_an_energy_is_named_and_documented_like_its_function():
    assert e.contour_distance.__name__ == "contour_distance"
    assert "outline" in e.contour_distance.__doc__
    assert "progress" not in e.contour_distance.fields()
