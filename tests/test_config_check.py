"""Options that cannot be used are told apart before anything is written."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fit_avatar import fitting
from fit_avatar.config import PRESETS, Config, resolve_device
from fit_avatar.config_check import validate
from fit_avatar.errors import BadInputError


@pytest.fixture
def config(tmp_path: Path) -> Config:
    video = tmp_path / "person.mp4"
    video.write_bytes(b"a clip")
    return Config(video, out=tmp_path / "deep" / "out")


def test_good_options_pass_and_write_nothing(config: Config, tmp_path: Path) -> None:
    validate(config)
    validate(replace(config, height_m=1.7, focal_35mm=26.0, texture_size=512, device="cpu"))
    assert [path.name for path in tmp_path.iterdir()] == ["person.mp4"]


def test_a_folder_of_pictures_is_a_clip(config: Config, tmp_path: Path) -> None:
    validate(replace(config, video=tmp_path, fps=25.0))
    validate(replace(config, video=tmp_path / "*.png"))
    assert replace(config, video=tmp_path, out=None).folder == Path("out") / tmp_path.name
    (tmp_path / "a.jpg").write_bytes(b"")
    with pytest.raises(BadInputError, match="--fps is the frame rate of a clip, and photographs have none"):
        validate(replace(config, video=None, image=(tmp_path / "a.jpg",), fps=25.0))


def test_a_person_is_chosen_in_a_video(config: Config, tmp_path: Path) -> None:
    validate(replace(config, person="2"))
    (tmp_path / "a.jpg").write_bytes(b"")
    with pytest.raises(BadInputError, match="--person is for videos: of each photograph the largest person counts"):
        validate(replace(config, video=None, image=(tmp_path / "a.jpg",), person="2"))
    with pytest.raises(BadInputError, match="--masks are of one person: leave them out with --person all"):
        validate(replace(config, masks=tmp_path, person="all"))


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"video": "missing.mp4"}, "there is no video file missing.mp4: check the path"),
        ({"video": "missing/%05d.png"}, "there is no folder of the pictures %05d.png: missing: check the path"),
        ({"fps": 0.0}, "--fps 0 cannot be right: it must be between 1 and 1000 frames a second"),
        ({"keypoints": "missing"}, "there is no --keypoints missing: give the folder"),
        ({"video": None}, "--video is missing: give the clip, or photographs with --image"),
        ({"image": (Path("a.jpg"),)}, "--video and --image are both given"),
        ({"video": None, "image": (Path("missing.jpg"),)}, "there is no image missing.jpg: check the path"),
        ({"body": "smpl.npz"}, "there is no body smpl.npz: give anny, anny-hands or the path of a SMPL"),
        ({"preset": "fast"}, "there is no preset fast: choose one of video-avatar,"),
        (
            {"preset": "smplify", "quality": "best"},
            "--quality best is for the presets video-avatar and motion, but this run takes smplify",
        ),
        ({"masks": "missing"}, "there is no --masks missing"),
        ({"camera": "missing.json"}, "there is no --camera file missing.json"),
        ({"height_m": 0.4}, "--height-m 0.4 cannot be right: it must be between 0.5 and 2.6 metres"),
        ({"height_m": 2.7}, "--height-m 2.7 cannot be right"),
        ({"height_m": float("nan")}, "--height-m nan cannot be right"),
        ({"height_m": float("-inf")}, "--height-m -inf cannot be right"),
        ({"fov_deg": 0.0}, "--fov-deg 0 cannot be right: it must be between 5 and 120 degrees"),
        ({"focal_px": -3.0}, "--focal-px -3 cannot be right: it must be at least 1 pixels"),
        ({"focal_px": float("inf")}, "--focal-px inf cannot be right"),
        ({"focal_35mm": 2.0}, "--focal-35mm 2 cannot be right"),
        ({"frames": 0}, "--frames 0 cannot be right: it must be at least 4 frames"),
        ({"texture_size": 20000}, "--texture-size 20000 cannot be right: it must be between 64 and 8192 pixels"),
        ({"person": "left"}, "--person left is nobody: give largest, all, or a person's number from 1"),
        ({"person": "9" * 5000}, "--person 9999"),
        ({"person": "0"}, "--person 0 is nobody"),
        ({"person": "²"}, "--person ² is nobody"),
        ({"person": "all", "height_m": 1.7}, "--height-m is the height of one person: leave it out with --person all"),
        ({"video": None, "image": (Path(__file__),), "preview": True}, "--preview is for videos: a fit to photographs"),
        ({"person": "all", "preview_only": True}, "--preview-only is of one person: say who with --person N"),
        ({"num_betas": 17}, "--num-betas 17 cannot be right: it must be between 1 and 16 coefficients"),
        ({"fov_deg": 60.0, "focal_35mm": 26.0}, "--fov-deg and --focal-35mm both say what the focal length is"),
    ],
)
def test_bad_options_are_one_sentence(config: Config, changed: dict[str, Any], sentence: str) -> None:
    names = ("video", "keypoints", "masks", "camera")
    values = {name: Path(value) if value and name in names else value for name, value in changed.items()}
    with pytest.raises(BadInputError) as caught:
        validate(replace(config, **values))
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_pose_model_goes_with_the_detector_that_has_it(config: Config, tmp_path: Path) -> None:
    model = tmp_path / "heavy.tflite"
    with pytest.raises(BadInputError, match=r"heavy\.tflite.*give MediaPipe's pose_landmark_heavy\.tflite"):
        validate(replace(config, pose_model=model))
    model.write_bytes(b"a model")
    validate(replace(config, pose_model=model))
    with pytest.raises(BadInputError, match="--pose-model is for the detector mediapipe, not for rtmlib"):
        validate(replace(config, pose_model=model, detector="rtmlib"))
    with pytest.raises(BadInputError, match="--pose-model has nothing to find where --keypoints and --masks are given"):
        validate(replace(config, pose_model=model, keypoints=tmp_path, masks=tmp_path))


def test_poses_to_start_from_must_be_there(config: Config, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"--init .* give the file or folder that holds the poses"):
        validate(replace(config, init=tmp_path / "none.pkl"))
    validate(replace(config, init=tmp_path))


def test_quality_goes_with_the_preset_that_has_it(config: Config, tmp_path: Path) -> None:
    validate(replace(config, quality="best"))
    validate(replace(config, quality="fast", preset="video-avatar"))
    validate(replace(config, preset="octopus"))
    photograph = tmp_path / "a.jpg"
    photograph.write_bytes(b"a picture")
    with pytest.raises(BadInputError, match="but this run takes smplify: leave --quality out, or choose another"):
        validate(replace(config, video=None, image=(photograph,), quality="fast"))


def test_a_preset_is_a_name_or_a_json_file(config: Config, tmp_path: Path) -> None:
    assert tuple(fitting.PRESETS) == PRESETS
    for name in ("mine.json", "mine.txt"):
        (tmp_path / name).write_text("{}")
    validate(replace(config, preset=str(tmp_path / "mine.json")))
    with pytest.raises(BadInputError, match=r"mine\.txt is no \.json file: print one with `fit-avatar presets"):
        validate(replace(config, preset=str(tmp_path / "mine.txt")))


def test_limits_are_allowed(config: Config) -> None:
    for height_m in (0.5, 2.6):
        validate(replace(config, height_m=height_m))


def test_out_below_a_file_is_told(config: Config) -> None:
    with pytest.raises(BadInputError, match="is a file: choose another folder with --out"):
        validate(replace(config, out=config.video / "out"))
    with pytest.raises(BadInputError, match="is a file: choose another folder with --out"):
        validate(replace(config, out=config.video))


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("dangling", "is a link that leads nowhere"), ("circle", "is a link that leads nowhere"),
        ("dangling/out", "is a link that leads nowhere"), ("n" * 300, "file name too long"), ("a\0b", "null"),
        ("n" * 300 + "/out", "file name too long"), ("/".join(["n" * 100] * 60), "file name too long"),
    ],
)  # fmt: skip
def test_out_that_cannot_be_made_is_told(config: Config, tmp_path: Path, name: str, sentence: str) -> None:
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "circle").symlink_to("circle")
    with pytest.raises(BadInputError, match=sentence):
        validate(replace(config, out=tmp_path / name))


@pytest.mark.parametrize("option", ["video", "image", "keypoints", "masks", "camera", "body", "preset", "extension"])
def test_what_is_no_file_is_told_at_once(config: Config, tmp_path: Path, option: str) -> None:
    os.mkfifo(tmp_path / "fifo.json")
    (tmp_path / "zero.json").symlink_to("/dev/zero")
    for name, sentence in (
        ("fifo.json", "is a pipe or device"), ("zero.json", "is a pipe or device"), ("n" * 300, "file name too long"),
        ("a\0b.json", "embedded null"),
    ):  # fmt: skip
        path = tmp_path / name
        value = str(path) if option in ("body", "preset") else (path,) if option in ("image", "extension") else path
        changed: dict[str, Any] = {option: value} | ({"video": None} if option == "image" else {})
        with pytest.raises(BadInputError, match=sentence):
            validate(replace(config, **changed))


def test_whole_numbers_without_end_are_told(config: Config) -> None:
    for option in ("frames", "texture_size", "num_betas"):
        with pytest.raises(BadInputError, match=f"--{option.replace('_', '-')} without end cannot be right"):
            validate(replace(config, **{option: 10**400}))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_out_without_permission_is_told(config: Config, tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    with pytest.raises(BadInputError, match="permission denied"):
        validate(replace(config, out=locked / "out"))


def test_out_on_a_read_only_disk_is_told(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    with pytest.raises(BadInputError, match=r"results cannot be written to .* \(read-only file system\)"):
        validate(config)


def test_cuda_without_cuda_is_told(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert resolve_device("auto") == "cpu"
    with pytest.raises(BadInputError, match="--device cuda was asked for, but PyTorch finds no CUDA graphics card"):
        validate(replace(config, device="cuda"))


def test_a_vrm_file_says_what_is_stated(config: Config) -> None:
    asked = replace(config, export=("vrm",))
    validate(replace(asked, vrm_author=("Anna",), vrm_licence="https://example.org/mine"))
    with pytest.raises(BadInputError, match=r"--vrm-licence is what avatar\.vrm says: give --export vrm, too"):
        validate(replace(config, vrm_licence="free"))
    with pytest.raises(BadInputError, match="--vrm-licence cc is no licence: give private, personal, commercial, free"):
        validate(replace(asked, vrm_licence="cc"))
    with pytest.raises(BadInputError, match="--vrm-author is empty"):
        validate(replace(asked, vrm_author=(" ",)))
