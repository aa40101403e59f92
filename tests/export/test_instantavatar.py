"""instantavatar/, read back as the loaders of InstantAvatar read it."""

from dataclasses import replace
from glob import glob
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from fit_avatar.body import pose_body
from fit_avatar.errors import BadInputError
from fit_avatar.export import write_instantavatar
from tests.export.clip_of_smpl import FRAMES, HEIGHT, INDICES, WIDTH, Clip, clip_of


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    return clip_of("smpl", tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, clip: Clip) -> Path:
    folder = tmp_path_factory.mktemp("out") / "instantavatar"
    files = write_instantavatar(folder, *clip.given)
    assert sorted(files) == sorted(path for path in folder.rglob("*") if path.is_file())
    assert len(files) == 2 * FRAMES + 7
    return folder


def parameters(path: Path) -> dict[str, np.ndarray]:
    """Return the poses in a file as the loader converts them."""
    given = dict(np.load(path))
    if "thetas" in given:
        given["body_pose"], given["global_orient"] = given["thetas"][..., 3:], given["thetas"][..., :3]
    poses = {name: given[name].astype(np.float32) for name in ("body_pose", "global_orient", "transl")}
    return poses | {"betas": given["betas"].astype(np.float32).reshape(1, 10)}


def nested(path: Path) -> dict[str, str]:
    """Return the values of a simple YAML file under their keys, those of nested ones joined by dots."""
    found: dict[str, str] = {}
    above: list[str] = []
    for line in path.read_text().splitlines():
        key, _, value = line.strip().partition(": ")
        above = above[: (len(line) - len(line.lstrip())) // 2] + [key.rstrip(":")]
        if value and not key.startswith("#"):
            found[".".join(above)] = value
    return found


def loaded(root: Path, start: int, end: int, skip: int, poses: str) -> list[tuple[np.ndarray, np.ndarray, dict]]:
    """Return image, mask and pose of every sample of a split."""
    images = sorted(glob(f"{root}/images/*.png"))[start : end + 1 : skip]
    masks = sorted(glob(f"{root}/masks/*.png"))[start : end + 1 : skip]
    params = parameters(root / poses)
    if poses == "poses_optimized.npz":
        params = {k: v if k == "betas" else v[start : end + 1 : skip] for k, v in params.items()}
    assert len(images) == len(masks) == len(params["transl"])
    return [
        (
            cv2.imread(image),
            cv2.imread(mask, cv2.IMREAD_GRAYSCALE) / 255,
            {k: v[0] if k == "betas" else v[i] for k, v in params.items()},
        )
        for i, (image, mask) in enumerate(zip(images, masks, strict=True))
    ]


@pytest.mark.parametrize("split", ["train", "val", "test"])
@pytest.mark.parametrize("poses", ["poses_optimized.npz", "poses/anim_nerf_{split}.npz"])
def test_pictures_masks_and_poses_belong_together(folder: Path, clip: Clip, split: str, poses: str) -> None:
    settings = nested(folder / "dataset.yaml")
    assert settings["gender"] == "female" and settings["_target_"].endswith("custom.CustomDataModule")
    assert settings["opt.dataroot"] == "./data/custom/${dataset.subject}/"
    start, end, skip = (int(settings[f"opt.{split}.{name}"]) for name in ("start", "end", "skip"))
    rows = range(FRAMES)[start : end + 1 : skip]
    assert list(rows) == (list(range(FRAMES)) if split == "train" else [4])
    samples = loaded(folder, start, end, skip, poses.format(split=split))
    assert len(samples) == len(rows)
    for row, (image, mask, params) in zip(rows, samples, strict=True):
        np.testing.assert_array_equal(image, clip.pictures[row][1])
        np.testing.assert_array_equal(mask, clip.capture.masks[row])
        np.testing.assert_array_equal(params["transl"], clip.state.transl[row])
        np.testing.assert_array_equal(params["body_pose"], clip.state.body_pose[row].flatten())
        assert params["body_pose"].shape == (69,) and params["global_orient"].shape == (3,)


def test_names_are_the_frames_indices(folder: Path) -> None:
    names = sorted(path.name for path in (folder / "images").iterdir())
    assert names == [f"{index:06d}.png" for index in INDICES]
    assert names == sorted(path.name for path in (folder / "masks").iterdir())


def test_smplx_and_its_camera_show_the_person_where_the_fit_has_it(folder: Path, clip: Clip) -> None:
    smplx = pytest.importorskip("smplx")
    from smplx.utils import Struct

    params = {name: torch.from_numpy(value) for name, value in parameters(folder / "poses.npz").items()}
    with np.load(clip.model, allow_pickle=True) as z:
        data = Struct(**{key: z[key] for key in z if key != "joint2num"})
    model = smplx.SMPL(str(clip.model), data_struct=data, ext="npz", batch_size=FRAMES)
    with torch.no_grad():
        vertices = model(**(params | {"betas": params["betas"].expand(FRAMES, -1)})).vertices.numpy()
        ours = pose_body(clip.body, clip.state).vertices.numpy()
    np.testing.assert_allclose(vertices, ours, atol=2e-5)
    camera = np.load(folder / "cameras.npz")
    assert int(camera["height"]) == HEIGHT and int(camera["width"]) == WIDTH
    np.testing.assert_array_equal(camera["extrinsic"], np.eye(4))
    # a ray goes through pixel (column, row) itself, whose centre is at + 0.5 here
    x, y = 7, 11
    ray = np.linalg.inv(camera["intrinsic"]) @ [x, y, 1]
    np.testing.assert_allclose(clip.capture.camera.project(2.5 * ray[None])[0], [x + 0.5, y + 0.5])


def test_fewer_betas_are_padded_and_more_refused(tmp_path: Path, clip: Clip) -> None:
    few = clip_of("smpl", clip.model.parent, num_betas=4)
    write_instantavatar(tmp_path / "few", *few.given)
    betas = parameters(tmp_path / "few/poses.npz")["betas"][0]
    np.testing.assert_array_equal(betas[:4], few.state.betas)
    assert not betas[4:].any()
    wide = replace(clip.body, shape_basis=torch.zeros(6890, 3, 12))
    with pytest.raises(BadInputError, match="10 coefficients of shape, but this run fits 12: give --num-betas 10"):
        write_instantavatar(tmp_path / "wide", wide, *clip.given[1:])
    assert not (tmp_path / "wide").exists()


def test_what_cannot_be_paired_is_refused_and_leaves_nothing(tmp_path: Path, clip: Clip) -> None:
    body, state, capture, pictures = clip.given
    out = tmp_path / "out"
    with pytest.raises(BadInputError, match="frame 7 of the clip could not be read again"):
        write_instantavatar(out, body, state, capture, [p for p in pictures if p[0] != 7])
    with pytest.raises(BadInputError, match="frame 101 of the clip could not be read again"):
        write_instantavatar(out, body, state, capture, pictures[:-1])
    small = [(index, picture[::2]) for index, picture in pictures]
    with pytest.raises(BadInputError, match="frame 0 has 40 × 15 pixels, but its mask 40 × 30"):
        write_instantavatar(out, body, state, capture, small)
    masks = capture.masks.copy()
    masks[3] = False
    with pytest.raises(BadInputError, match="instantavatar files need the masks of the clip, but that of frame 7 is"):
        write_instantavatar(out, body, state, replace(capture, masks=masks), pictures)
    assert not list(tmp_path.iterdir())


def test_further_pictures_do_no_harm(tmp_path: Path, clip: Clip) -> None:
    body, state, capture, pictures = clip.given
    more = sorted([*pictures, (1, pictures[0][1] * 0), (50, pictures[0][1] * 0)], key=lambda pair: pair[0])
    steps: list[tuple[int, int]] = []
    write_instantavatar(tmp_path / "out", body, state, capture, more, lambda *step: steps.append(step))
    assert steps[-1] == (FRAMES, FRAMES) and len(steps) == FRAMES
    image = cv2.imread(str(tmp_path / "out/images/000101.png"))
    np.testing.assert_array_equal(image, pictures[-1][1])
