"""Made-up people: dressed outside their skin, and filmed as their truth says."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from growth import lengthened

from fit_avatar.body import Body, load_body
from fit_avatar.body.mesh import vertex_normals
from fit_avatar.body.skinning import shaped
from fit_avatar.capture import probe
from fit_avatar.evaluate import iou
from fit_avatar.visibility.raster import silhouette
from lib.dressed_person import BOTTOM, TOP, make_person, tube
from lib.synthetic_person import write_person
from lib.true_clip import read_clip


@pytest.fixture(scope="module")
def anny() -> Body:
    return load_body(16)


@pytest.mark.parametrize("seed", [0, 1])
def test_clothes_are_outside_the_skin_and_as_thick_as_clothes(anny, seed):
    person = make_person(anny, seed)
    rest = shaped(anny, person.betas)
    outwards = (person.offsets * vertex_normals(rest, anny.faces)).sum(-1)
    clothes = person.labels[:, [TOP, BOTTOM]].amax(1) > 0.8
    assert outwards[clothes].quantile(0.02) > -0.002
    assert 0.005 < outwards[clothes].mean() < 0.035
    assert person.offsets.norm(dim=-1).amax() < 0.12


def test_people_differ_and_follow_from_their_seed(anny):
    first, again, other = (make_person(anny, seed) for seed in (3, 3, 5))
    assert torch.equal(first.offsets, again.offsets)
    assert (first.betas - other.betas).abs().amax() > 0.5


def test_a_jacket_is_wider_at_the_hem_than_a_tee(anny):
    def reach(seed: int) -> float:
        person = make_person(anny, seed)
        return float(person.offsets[person.labels[:, TOP] > 0.9].norm(dim=-1).quantile(0.5))

    assert reach(1) > 1.3 * reach(0)


def test_cloth_hangs_from_where_it_is_widest():
    angle, height = torch.meshgrid(torch.linspace(0, 6.2, 60), torch.linspace(0, 0.5, 60), indexing="ij")
    radius = 0.10 - 0.08 * height
    points = torch.stack([radius * angle.cos(), 1 - height, radius * angle.sin()], -1).reshape(-1, 3)
    axis = torch.tensor([0.0, 1.0, 0.0]), torch.tensor([0.0, 0.5, 0.0])
    for narrowing, at_hem in ((0.0, 0.10), (0.04, 0.08), (1.0, 0.06)):
        hung = tube(points, torch.ones(len(points)), *axis, narrowing)
        hem = hung[points[:, 1] < 0.51][:, [0, 2]].norm(dim=-1)
        assert hem.mean() == pytest.approx(at_hem, abs=0.003)
        assert torch.equal(hung[:, 1], points[:, 1])
    assert torch.equal(tube(points, torch.zeros(len(points)), *axis, 0.0), points)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_person(tmp_path_factory.mktemp("clips") / "person", seed=0, frames=4, size=240)


def test_a_clip_shows_what_its_truth_says(folder: Path):
    clip = read_clip(folder)
    for index, mesh in clip.surfaces.items():
        mask = cv2.imread(str(folder / "masks" / f"{index:06d}.png"), cv2.IMREAD_GRAYSCALE) > 0
        drawn = silhouette(torch.from_numpy(mesh.vertices).float(), torch.from_numpy(mesh.faces), clip.camera)
        assert iou(drawn.numpy(), mask) > 0.98
        rows = np.flatnonzero(mask.any(1))
        assert 0.65 < np.ptp(rows) / clip.camera.height < 0.92
        assert rows[0] > 0
        assert rows[-1] < clip.camera.height - 1
    told = json.loads((folder / "keypoints" / "000002_keypoints.json").read_text())
    points = np.reshape(told["people"][0]["pose_keypoints_2d"], (25, 3))[:, :2]
    true = clip.camera.project(torch.from_numpy(clip.keypoints[2])).numpy()
    assert np.sqrt(np.mean((points - true) ** 2)) == pytest.approx(2.0, abs=0.6)
    before = (folder / "video.mp4").stat().st_mtime_ns
    assert write_person(folder, seed=0, frames=4, size=240) == folder
    assert (folder / "video.mp4").stat().st_mtime_ns == before


def test_a_longer_clip_plays_there_and_back(folder: Path, tmp_path: Path):
    clip = read_clip(folder)
    assert lengthened(clip, 4, tmp_path / "same") is clip
    longer = lengthened(clip, 7, tmp_path / "longer")
    assert probe(longer.folder / "video.mp4").frame_count == 7

    def mask(of: Path, index: int) -> np.ndarray:
        return cv2.imread(str(of / "masks" / f"{index:06d}.png"), cv2.IMREAD_GRAYSCALE)

    for index, shown in enumerate((0, 1, 2, 3, 3, 2, 1)):
        assert np.array_equal(mask(longer.folder, index), mask(folder, shown))
