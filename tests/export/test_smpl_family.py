"""Which body an export is for."""

from dataclasses import replace

import pytest
import torch

from fit_avatar.body.model import Body
from fit_avatar.errors import BadInputError
from fit_avatar.export import WRITERS, check_body


@pytest.mark.parametrize(
    ("export", "name", "message"),
    [
        (
            "instantavatar", "anny",
            "--export instantavatar holds poses of SMPL, but this run fits anny: give your own SMPL file with --body "
            r"\(SMPL_NEUTRAL.pkl\), or leave the export out",
        ),
        ("instantavatar", "smplx", "poses of SMPL, but this run fits SMPL-X"),
        ("gaussianavatar", "smplh", r"SMPL or SMPL-X, but.* SMPL-H.*\(SMPL_NEUTRAL.pkl or SMPLX_NEUTRAL.npz"),
        ("exavatar", "smpl", "poses of SMPL-X, but this run fits SMPL: give your own SMPL-X file with --body"),
    ],
)  # fmt: skip
def test_another_body_is_refused_in_one_sentence(body: Body, export: str, name: str, message: str) -> None:
    with pytest.raises(BadInputError, match=message):
        check_body(["bvh", export], replace(body, name=name))


def test_the_right_body_is_not(body: Body) -> None:
    check_body(["instantavatar", "gaussianavatar"], replace(body, name="smpl"))
    check_body(["exavatar", "gaussianavatar"], replace(body, name="smplx"))
    check_body(["people-snapshot", "bvh", "amass", "frames"], body)
    assert set(WRITERS) == {"people-snapshot", "instantavatar", "gaussianavatar", "exavatar"}


def test_more_coefficients_than_the_format_has(body: Body) -> None:
    wide = replace(body, name="smplx", shape_basis=torch.zeros(*body.template.shape, 101))
    with pytest.raises(BadInputError, match="exavatar has room for 100 coefficients of shape, but this run fits 101"):
        check_body(["exavatar"], wide)
    check_body(["exavatar"], replace(wide, num_expression=1))
