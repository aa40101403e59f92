"""``fit-avatar evaluate``: a table, a JSON file, and one sentence for every mistake."""

import json

import numpy as np
import pytest

from fit_avatar import cli
from fit_avatar.body import pose_body
from fit_avatar.capture.types import Camera, Capture
from fit_avatar.export import write_npz


@pytest.fixture
def result(body, state, tmp_path):
    capture = Capture(
        frame_indices=np.arange(6),
        keypoints=np.zeros((6, 25, 3), np.float32),
        masks=np.zeros((6, 4, 4), bool),
        camera=Camera(100, 101, 2, 3, 4, 5),
        frame_weights=np.ones(6, np.float32),
        fps=30.0,
    )
    (tmp_path / "out").mkdir()
    write_npz(tmp_path / "out" / "avatar.npz", body, state, capture)
    return tmp_path / "out"


@pytest.fixture
def truth(body, state, tmp_path):
    joints = pose_body(body, state).joints.numpy()
    joints[:, 20, 2] += 0.048
    np.savez(tmp_path / "truth.npz", joints=joints)
    return tmp_path / "truth.npz"


def run(*argv):
    return cli.main(["evaluate", *map(str, argv)])


def test_a_table_and_a_json_file(result, truth, tmp_path, capsys):
    assert run(result, "--truth", truth, "--json", tmp_path / "scores.json") == 0
    told = capsys.readouterr().out
    assert "protocol smpl-24: 24 of 24 joints, 6 frames" in told
    assert "MPJPE, root aligned   2.0 mm" in told
    assert "PVE                   not measured: the truth has no surface" in told
    assert "m/s²" in told and len(told.splitlines()) < 20
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert scores["mpjpe_mm"] == pytest.approx(2, abs=1e-3) and scores["pck_50"] == 100 and scores["pve_mm"] is None
    assert scores["acceleration_error_mm"] == pytest.approx(0, abs=1e-3) and scores["frames"] == 6


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--protocol", "3pdw"], "there is no protocol 3pdw: choose one of 3dpw,"),
        (["--protocol", "3dpw-14"], "the protocol 3dpw-14 regresses the true joints"),
        (["--offset", "70"], "none in common: give the number of the truth's frame"),
        (["--step", "0"], "--step 0 is not a whole number from 1 on"),
    ],
)
def test_mistakes_are_one_sentence(options, sentence, result, truth, tmp_path, capsys):
    assert run(result, "--truth", truth, "--json", tmp_path / "scores.json", *options) == 2
    told = capsys.readouterr()
    assert sentence in told.err and told.err.count("\n") == 1 and not told.out
    assert not (tmp_path / "scores.json").exists()


def test_files_that_are_not_there_or_there_already(result, truth, tmp_path, capsys):
    assert run(result, "--truth", tmp_path / "none.pkl") == 2
    assert "there is no truth" in capsys.readouterr().err
    assert run(tmp_path, "--truth", truth) == 2
    assert "give the folder that an avatar was saved to" in capsys.readouterr().err
    (tmp_path / "scores.json").write_text("mine")
    assert run(result, "--truth", truth, "--json", tmp_path / "scores.json") == 2
    assert (tmp_path / "scores.json").read_text() == "mine"
    assert run(result, "--truth", truth, "--json", tmp_path / "scores.json", "--force") == 0
    assert run(result, "--truth", truth, "--json", truth, "--force") == 2
    with pytest.raises(SystemExit) as stop:
        run(result)
    assert stop.value.code == 2 and "Missing from fit-avatar evaluate: --truth" in capsys.readouterr().err
