"""What synthetic people wear: closed surfaces outside the body, told in the truth and seen in the pictures."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from fit_avatar.body import Body, load_body
from fit_avatar.body.skinning import shaped
from fit_avatar.errors import BadInputError
from fit_avatar.evaluate import iou
from fit_avatar.visibility.raster import silhouette
from lib.dressed_person import BOTTOM, HAIR, LABELS, SHOES, make_person, wearing
from lib.hanging_pieces import PIECES, hull_radius, shell
from lib.outfits import ITEMS, named_outfits, outfit
from lib.synthetic_person import person_folder, write_person
from lib.true_clip import read_clip


@pytest.fixture(scope="module")
def anny() -> Body:
    return load_body(16)


def boundaries(faces: np.ndarray) -> int:
    """Count the edges that are not shared by two triangles in opposite directions."""
    edges = np.concatenate([faces[:, [i, (i + 1) % 3]] for i in range(3)])
    there = {tuple(edge) for edge in edges.tolist()}
    assert len(there) == len(edges)
    return sum((b, a) not in there for a, b in there)


@pytest.mark.parametrize("name", PIECES)
def test_pieces_are_closed_and_turn_their_outside_out(anny, name):
    part = make_person(anny, 2, name).pieces[0]
    faces = part.faces.numpy()
    faces = faces[(faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 0] != faces[:, 2])]
    assert boundaries(faces) == 0
    corners = part.vertices.double().numpy()[faces]
    volume = np.einsum("fc,fc->f", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])).sum() / 6
    assert volume > 1e-4
    assert torch.allclose(part.weights.sum(1), torch.ones(len(part.weights)), atol=1e-5)
    assert part.weights.amin() >= 0


@pytest.mark.parametrize("seed", [0, 1])
def test_a_skirt_goes_around_both_thighs(anny, seed):
    person = make_person(anny, seed, "skirt")
    part, rest = person.pieces[0].vertices, shaped(anny, person.betas, person.offsets)
    low, high = part[:, 1].amin() + 0.02, part[:, 1].amin() + 0.06
    legs = rest[(rest[:, 1] > low) & (rest[:, 1] < high) & (rest[:, 0].abs() < 0.3)].double().numpy()
    cloth = part[(part[:, 1] > low) & (part[:, 1] < high)].double().numpy()
    angles, centre = np.linspace(0, 6.28, 40), np.zeros(2)
    assert (hull_radius(cloth, centre, angles) > hull_radius(legs, centre, angles)).all()
    assert (np.abs(cloth[:, 0]) < 0.02).any()  # between the legs, too


def test_hair_hangs_lower_than_the_shoulders_and_behind_them(anny):
    for name in ("long_hair", "ponytail"):
        person = make_person(anny, 0, name)
        joints = anny.joint_template + anny.joint_basis @ person.betas
        hair = person.pieces[0].vertices
        assert hair[:, 1].amin() < joints[anny.joint_names.index("neck"), 1] - 0.05
        lowest = hair[hair[:, 1] < hair[:, 1].amin() + 0.02]
        assert lowest[:, 2].mean() < joints[anny.joint_names.index("spine3"), 2] - 0.05


@pytest.mark.parametrize("wear", ["shoes", "boots"])
def test_footwear_is_flat_below_and_hides_the_toes(anny, wear):
    person = make_person(anny, 0, wear)
    part, rest = person.pieces[0].vertices, shaped(anny, person.betas, person.offsets)
    left = part[part[:, 0] > 0].double().numpy()
    sole = left[left[:, 1] < left[:, 1].min() + 0.0005]
    assert np.ptp(sole[:, 2]) > 0.2
    feet = rest[(rest[:, 0] > 0) & (rest[:, 1] < anny.joint_template[anny.joint_names.index("left_foot"), 1] - 0.01)]
    feet, angles = feet.double().numpy(), np.linspace(0, 6.28, 40)
    centre = feet.mean(0)[[0, 2]]
    assert left[:, 1].min() < feet[:, 1].min() - 0.01
    assert (hull_radius(left, centre, angles) > hull_radius(feet, centre, angles)).all()


@pytest.mark.parametrize("seed", [0, 32])
def test_shafts_of_boots_go_closely_around_the_shanks(anny, seed):
    """Also where a shank has no vertices just below the boot's upper edge, as that of the second one."""
    person = make_person(anny, seed, "boots")
    part, rest = person.pieces[0].vertices, shaped(anny, person.betas, person.offsets)
    shaft = part[(part[:, 1] > part[:, 1].amax() - 0.04) & (part[:, 0] > 0)]
    shank = rest[(rest[:, 1] - part[:, 1].amax()).abs() < 0.04]
    shank = shank[shank[:, 0] > 0]
    for axis in (0, 2):
        assert shaft[:, axis].amax() < shank[:, axis].amax() + 0.03
        assert shaft[:, axis].amin() > shank[:, axis].amin() - 0.03


def test_bare_feet_are_skin(anny):
    labels = make_person(anny, 0, "barefoot").labels
    assert labels[:, SHOES].amax() == 0
    assert make_person(anny, 0).labels[:, SHOES].amax() == 1


def test_what_is_not_worn_stays_as_the_seed_has_it(anny):
    plain, hat = make_person(anny, 3), make_person(anny, 3, "hat")
    assert torch.equal(plain.offsets, hat.offsets)
    assert not plain.pieces
    assert wearing(anny, plain)[0] is anny
    assert set(ITEMS) >= {
        "long_hair",
        "ponytail",
        "hat",
        "skirt",
        "dress",
        "long_dress",
        "coat",
        "boots",
        "barefoot",
        "shoes",
    }
    both = make_person(anny, 3, "skirt+ponytail+boots")
    assert [part.label for part in both.pieces] == [BOTTOM, HAIR, SHOES]


def test_an_unknown_name_is_refused_with_the_names():
    with pytest.raises(BadInputError, match=r"no 'skrit' to wear.*did you mean skirt"):
        outfit("hat+skrit")
    assert named_outfits(("", "all", "hat")) == ["", *ITEMS]


def test_a_shell_has_the_thickness_that_was_asked_for():
    angles = np.linspace(0, 2 * np.pi, 41)[:-1]
    grid = np.stack([np.stack([np.sin(angles), np.full(40, y), np.cos(angles)], -1) for y in (1.0, 0.5, 0.0)])
    vertices, _ = shell(grid, 0.1, closed=True)
    radius = np.linalg.norm(vertices[:, [0, 2]], axis=1)
    assert radius[:120] == pytest.approx(1)
    assert radius[120:] == pytest.approx(0.9)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    wear = "skirt+ponytail+hat+boots"
    return write_person(person_folder(tmp_path_factory.mktemp("clips"), 0, wear), 0, frames=4, size=240, wear=wear)


def test_the_truth_has_what_is_worn_and_the_naked_skin_too(folder: Path):
    clip = read_clip(folder)
    with np.load(folder / "gt.npz") as truth:
        naked = (truth["naked_q"] + truth["naked_c"][:, None].astype(float)) * truth["verts_scale"]
        names, part, turn = truth["part_names"].tolist(), truth["face_part"], truth["head_rotation"]
        truth_frames = truth["frame_index"].tolist()
        naked_faces = torch.from_numpy(truth["naked_faces"].astype(np.int64))
        joints, height = truth["joints_smpl24"], float(truth["height_clothed_m"])
    assert names == list(LABELS)
    assert {names[k] for k in np.unique(part)} >= {"skin", "top", "bottom", "hair", "shoes", "hat"}
    assert height > clip.height_m + 0.03  # a hat and soles
    for index, mesh in clip.surfaces.items():
        mask = cv2.imread(str(folder / "masks" / f"{index:06d}.png"), cv2.IMREAD_GRAYSCALE) > 0
        drawn = silhouette(torch.from_numpy(mesh.vertices).float(), torch.from_numpy(mesh.faces), clip.camera)
        assert iou(drawn.numpy(), mask) > 0.98
        skin = naked[truth_frames.index(index)]
        bare = silhouette(torch.from_numpy(skin).float(), naked_faces, clip.camera).numpy()
        assert (bare & ~mask).sum() < 0.02 * bare.sum()
        assert bare.sum() < 0.9 * mask.sum()
    assert np.abs(turn @ turn.transpose(0, 2, 1) - np.eye(3)).max() < 1e-5
    up = joints[:, 15] - joints[:, 12]  # from the neck to the head
    assert (np.einsum("tc,tc->t", up, turn[:, :, 1]) > 0.7 * np.linalg.norm(up, axis=1)).all()


def test_other_clothes_make_the_clip_again(folder: Path):
    before = (folder / "video.mp4").stat().st_mtime_ns
    assert write_person(folder, 0, 4, 240, "skirt+ponytail+hat+boots") == folder
    assert (folder / "video.mp4").stat().st_mtime_ns == before
    assert folder.name == "person00-skirt+ponytail+hat+boots"
