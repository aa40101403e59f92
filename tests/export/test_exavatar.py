"""exavatar/, read back as ExAvatar's loader of custom videos reads it."""

import json
from dataclasses import replace
from glob import glob
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from fit_avatar.body import pose_body
from fit_avatar.body.keypoint_sets import BODY_25
from fit_avatar.capture import Camera
from fit_avatar.export import write_exavatar
from tests.export.clip_of_smpl import FRAMES, HEIGHT, INDICES, WIDTH, Clip, clip_of


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    return clip_of("smplx", tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, clip: Clip) -> Path:
    folder = tmp_path_factory.mktemp("out") / "exavatar"
    write_exavatar(folder, *clip.given)
    return folder


def by_frame(root: Path, pattern: str) -> dict[int, Path]:
    """Return the files of a folder by the index that they are called after."""
    return {int(path.split("/")[-1].split(".")[0]): Path(path) for path in glob(str(root / pattern))}


def numbers(path: Path) -> dict[str, torch.Tensor]:
    return {name: torch.FloatTensor(value) for name, value in json.loads(path.read_text()).items()}


def test_frames_are_listed(folder: Path) -> None:
    listed = {split: (folder / f"frame_list_{split}.txt").read_text().split() for split in ("all", "train", "test")}
    assert [int(line) for line in listed["train"]] == INDICES.tolist() == [int(line) for line in listed["all"]]
    assert [int(line) for line in listed["test"]] == [INDICES[4]]


def test_every_frame_has_its_own_files(folder: Path, clip: Clip) -> None:
    patterns = ("frames/*.png", "masks/*.png", "cam_params/*.json", "keypoints_whole_body/*.json")
    kinds = [by_frame(folder, pattern) for pattern in patterns]
    kinds.append(by_frame(folder, "smplx_optimized/smplx_params_smoothed/*.json"))
    assert all(set(kind) == set(INDICES.tolist()) for kind in kinds)
    frames, masks, cameras, keypoints, parameters = kinds
    for row, index in enumerate(INDICES.tolist()):
        np.testing.assert_array_equal(cv2.imread(str(frames[index])), clip.pictures[row][1])
        np.testing.assert_array_equal(cv2.imread(str(masks[index]))[:, :, 0] / 255 > 0.5, clip.capture.masks[row])
        camera = numbers(cameras[index])
        assert camera["R"].tolist() == np.eye(3).tolist() and camera["t"].tolist() == [0, 0, 0]
        assert camera["focal"].tolist() == [50, 51] and camera["princpt"].tolist() == [20, 15]
        points = np.array(json.loads(keypoints[index].read_text()), np.float32)
        assert points.shape == (133, 3)
        observed = clip.capture.keypoints[row]
        for coco, name in ((0, "nose"), (5, "left_shoulder"), (16, "right_ankle"), (19, "left_heel")):
            np.testing.assert_allclose(points[coco], observed[BODY_25.index(name)], atol=1e-3)
        assert not points[23:91].any()  # nobody has looked for the face
        np.testing.assert_allclose(points[91:].reshape(2, 21, 3), clip.capture.hands[row], atol=1e-3)
        shapes = {name: tuple(value.shape) for name, value in numbers(parameters[index]).items()}
        assert shapes == {
            "root_pose": (3,), "body_pose": (21, 3), "jaw_pose": (3,), "leye_pose": (3,), "reye_pose": (3,),
            "lhand_pose": (15, 3), "rhand_pose": (15, 3), "expr": (50,), "trans": (3,),
        }  # fmt: skip


def test_its_layer_poses_the_fitted_surface(folder: Path, clip: Clip) -> None:
    smplx = pytest.importorskip("smplx")
    shape = torch.FloatTensor(json.loads((folder / "smplx_optimized/shape_param.json").read_text()))
    assert shape.shape == (100,) and not shape[10:].any()
    layer = smplx.SMPLX(str(clip.model), ext="npz", use_pca=False, num_betas=100, num_expression_coeffs=50)
    expected = pose_body(clip.body, replace(clip.state, expression=torch.zeros(FRAMES, 10))).vertices
    for row in (0, 7):
        pose = numbers(folder / f"smplx_optimized/smplx_params_smoothed/{INDICES[row]}.json")
        with torch.no_grad():
            out = layer(
                global_orient=pose["root_pose"][None], body_pose=pose["body_pose"].reshape(1, -1),
                jaw_pose=pose["jaw_pose"][None], leye_pose=pose["leye_pose"][None], reye_pose=pose["reye_pose"][None],
                left_hand_pose=pose["lhand_pose"].reshape(1, -1), right_hand_pose=pose["rhand_pose"].reshape(1, -1),
                expression=pose["expr"][None], betas=shape[None], transl=pose["trans"][None],
            )  # fmt: skip
        np.testing.assert_allclose(out.vertices[0], expected[row], atol=3e-5)


def test_what_only_its_own_fit_finds_says_nothing(folder: Path) -> None:
    root = folder / "smplx_optimized"
    for name, count in (("face_offset", 10475), ("joint_offset", 55), ("locator_offset", 55)):
        offsets = torch.FloatTensor(json.loads((root / f"{name}.json").read_text()))
        assert offsets.shape == (count, 3) and not offsets.any()
    texture, mask = (cv2.imread(str(root / f"face_texture{part}.png")) for part in ("", "_mask"))
    assert texture.shape == mask.shape == (512, 512, 3) and not mask.any()


def test_the_background_is_a_picture_behind_the_person(folder: Path, clip: Clip) -> None:
    points = np.loadtxt(folder / "bkg_point_cloud.txt", ndmin=2)
    places, colours = points[:, :3], points[:, 3:]
    assert (places[:, 2] > clip.state.transl[:, 2].max().item()).all()
    pixels = np.floor(clip.capture.camera.project(places)).astype(int)
    always = clip.capture.masks.all(0)  # never seen without the person
    assert len(points) == HEIGHT * WIDTH - always.sum()
    x, y = pixels.T
    assert not always[y, x].any()
    stack = np.stack([picture for _, picture in clip.pictures]).astype(float)
    free = ~clip.capture.masks[..., None]
    mean = (stack * free).sum(0) / np.maximum(free.sum(0), 1)
    np.testing.assert_allclose(colours, mean[y, x, ::-1], atol=0.01)


def test_the_principal_point_is_in_the_middle(tmp_path: Path, clip: Clip) -> None:
    camera = Camera(50.0, 51.0, 17.0, 16.5, WIDTH, HEIGHT)
    off = clip_of("smplx", clip.model.parent, camera=camera)
    write_exavatar(tmp_path / "out", *off.given)
    frame = cv2.imread(str(tmp_path / "out/frames/7.png"))
    assert frame.shape == (HEIGHT + 3, WIDTH + 6, 3)
    np.testing.assert_array_equal(frame[:HEIGHT, 6:], off.pictures[3][1])
    mask = cv2.imread(str(tmp_path / "out/masks/7.png"), cv2.IMREAD_GRAYSCALE)
    np.testing.assert_array_equal(mask[:HEIGHT, 6:] > 0, off.capture.masks[3])
    assert (mask > 0).sum() == off.capture.masks[3].sum()
    written = numbers(tmp_path / "out/cam_params/7.json")
    assert written["princpt"].tolist() == [(WIDTH + 6) / 2, (HEIGHT + 3) / 2]
    points = np.array(json.loads((tmp_path / "out/keypoints_whole_body/7.json").read_text()))
    nose = off.capture.keypoints[3, BODY_25.index("nose")]
    np.testing.assert_allclose(points[0], nose + [6, 0, 0], atol=1e-3)
    point = np.array([[0.3, -0.2, 3.0]])
    focal, middle = written["focal"].numpy(), written["princpt"].numpy()
    np.testing.assert_allclose(point[:, :2] / 3 * focal + middle - [6, 0], camera.project(point), atol=1e-5)
