from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from cardboard import HEIGHT, WIDTH, FigureDetector, frame, person, scene

from fit_avatar.capture import camera_from, image_size, observe_images, read_image
from fit_avatar.capture.mediapipe_pose import MediaPipeDetector
from fit_avatar.errors import BadInputError, NoPersonError

CAMERA, _ = camera_from(WIDTH, HEIGHT, focal_px=150)
SHIFTS = (-8.0, 0.0, 9.0)


def write(path: Path, picture: np.ndarray) -> Path:
    cv2.imwrite(str(path), picture)
    return path


def write_json(path: Path, *people: np.ndarray) -> Path:
    path.write_text(json.dumps({"people": [{"pose_keypoints_2d": p.ravel().tolist()} for p in people]}))
    return path


def write_with_orientation(path: Path, picture: np.ndarray, orientation: int) -> Path:
    """Write a JPEG with an EXIF orientation, as phones do."""
    jpeg = cv2.imencode(".jpg", picture)[1].tobytes()
    entry = b"\x01\x12\x00\x03\x00\x00\x00\x01" + orientation.to_bytes(2, "big") + b"\x00\x00"
    exif = b"Exif\x00\x00MM\x00\x2a\x00\x00\x00\x08\x00\x01" + entry + b"\x00\x00\x00\x00"
    path.write_bytes(jpeg[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + jpeg[2:])
    return path


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    return [write(tmp_path / f"IMG_20{i}{9 - i}.png", frame(s)) for i, s in enumerate(SHIFTS)]


@pytest.fixture
def about(tmp_path: Path) -> dict[str, Path]:
    """Keypoints and masks, named like the photographs but one order further, and a bystander."""
    keypoints, masks = tmp_path / "keypoints", tmp_path / "masks"
    keypoints.mkdir()
    masks.mkdir()
    for i, shift in enumerate(SHIFTS):
        mask, points = person(shift)
        bystander = points * (0.3, 0.3, 1.0)
        write_json(keypoints / f"IMG_20{i}{9 - i}_keypoints.json", bystander, points)
        write(masks / f"IMG_20{i}{9 - i}.png", mask.astype(np.uint8) * 255)
    write_json(keypoints / "IMG_1000_keypoints.json")
    return {"keypoints": keypoints, "masks": masks}


@pytest.fixture
def detector(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["fit_avatar.capture.images"], "MediaPipeDetector", FigureDetector)


def test_given_files_are_matched_by_name(photos: list[Path], about: dict[str, Path]) -> None:
    capture = observe_images(photos[::-1], camera=CAMERA, **about)
    assert capture.frame_indices.tolist() == [0, 1, 2] and capture.fps == 1.0
    for t, shift in enumerate(SHIFTS[::-1]):
        mask, points = person(shift)
        assert (capture.masks[t] == mask).all() and np.allclose(capture.keypoints[t], points, atol=1e-3)
    assert capture.frame_weights.tolist() == [1, 1, 1] and capture.face is None
    assert "do not show the person from all sides" in capture.warnings[0]


def test_otherwise_by_order(photos: list[Path], about: dict[str, Path]) -> None:
    for i, file in enumerate(sorted(about["masks"].iterdir())):
        file.rename(about["masks"] / f"{i}.png")
    capture = observe_images(photos, camera=CAMERA, **about)
    assert (capture.masks[2] == person(SHIFTS[2])[0]).all()
    (about["masks"] / "0.png").unlink()
    with pytest.raises(
        BadInputError, match=r"holds 2 PNG masks for 3 pictures, and none is named like IMG_2009.png: name each"
    ):
        observe_images(photos, camera=CAMERA, **about)


def test_one_photograph_with_one_file_each(photos: list[Path], about: dict[str, Path]) -> None:
    keypoints = next(about["keypoints"].glob("IMG_2009*"))
    mask = about["masks"] / "IMG_2009.png"
    capture = observe_images(photos[:1], camera=CAMERA, keypoints=keypoints, masks=mask)
    assert capture.masks.shape == (1, HEIGHT, WIDTH)
    with pytest.raises(BadInputError, match="is one file for 2 images"):
        observe_images(photos[:2], camera=CAMERA, keypoints=about["keypoints"], masks=mask)
    with pytest.raises(BadInputError, match="has keypoints for one picture, but --image names 2"):
        observe_images(photos[:2], camera=CAMERA, keypoints=keypoints, masks=about["masks"])


@pytest.mark.usefixtures("detector")
def test_nothing_but_photographs(photos: list[Path], about: dict[str, Path]) -> None:
    steps: list[tuple[str, int, int]] = []
    for count in (1, 3):
        capture = observe_images(photos[:count], camera=CAMERA, progress=lambda *step: steps.append(step))
        truth = np.stack([person(s)[0] for s in SHIFTS[:count]])
        assert (capture.masks & truth).sum() / (capture.masks | truth).sum() > 0.93
        assert capture.sources["keypoints"] == "MediaPipe"
    assert ("Finding the person", 3, 3) in steps and ("Refining the masks", 3, 3) in steps
    with_keypoints = observe_images(photos, camera=CAMERA, keypoints=about["keypoints"])
    assert np.allclose(with_keypoints.keypoints[1], person(SHIFTS[1])[1], atol=1e-3)


@pytest.mark.usefixtures("detector")
def test_half_a_person_is_a_warning(tmp_path: Path) -> None:
    camera, _ = camera_from(WIDTH, 80, focal_px=150)
    capture = observe_images([write(tmp_path / "a.png", frame()[:80])], camera=camera)
    assert capture.masks.shape == (1, 80, WIDTH) and capture.frame_weights.tolist() == [1.0]
    assert "cut off in the only image" in capture.warnings[0]


@pytest.mark.usefixtures("detector")
def test_nobody(tmp_path: Path, photos: list[Path], about: dict[str, Path]) -> None:
    empty = write(tmp_path / "room.png", scene())
    with pytest.raises(NoPersonError, match=r"^nobody was found in .*room\.png: take"):
        observe_images([photos[0], empty], camera=CAMERA)
    write_json(tmp_path / "none.json")
    given = {"keypoints": tmp_path / "none.json", "masks": about["masks"] / "IMG_2009.png"}
    with pytest.raises(NoPersonError, match=r"the keypoints in .*none\.json"):
        observe_images(photos[:1], camera=CAMERA, **given)
    black = write(tmp_path / "black.png", np.zeros((HEIGHT, WIDTH), np.uint8))
    with pytest.raises(NoPersonError, match=r"cannot be used \(the mask is empty\)"):
        observe_images(photos[:1], camera=CAMERA, masks=black)
    side = write(tmp_path / "side.png", np.pad(np.full((HEIGHT, 9), 255, np.uint8), ((0, 0), (0, WIDTH - 9))))
    with pytest.raises(NoPersonError, match="keypoints and mask do not show the same person"):
        observe_images(photos[:1], camera=CAMERA, masks=side)


def test_bad_input(tmp_path: Path, photos: list[Path], about: dict[str, Path]) -> None:
    for paths in ([], photos * 3):
        with pytest.raises(BadInputError, match=rf"^there are {len(paths)} images: give 1 to 8, or a video$"):
            observe_images(paths, camera=CAMERA)
    with pytest.raises(BadInputError, match=r"^there is no image .*none\.jpg: check the path$"):
        observe_images([tmp_path / "none.jpg"], camera=CAMERA)
    (tmp_path / "a.jpg").write_text("hello")
    with pytest.raises(BadInputError, match=r"a\.jpg is a text file, not a picture"):
        observe_images([tmp_path / "a.jpg"], camera=CAMERA)
    lying = write(tmp_path / "b.png", frame().transpose(1, 0, 2))
    with pytest.raises(BadInputError, match=r"b\.png has 128 × 96 pixels but .* has 96 × 128"):
        observe_images([photos[0], lying], camera=CAMERA)
    with pytest.raises(BadInputError, match=r"^the camera is for 96 × 100 pixels but"):
        observe_images(photos, camera=replace(CAMERA, height=100))
    with pytest.raises(BadInputError, match="there is no detector 'magic'"):
        observe_images(photos, camera=CAMERA, detector="magic")
    with pytest.raises(BadInputError, match=r"^there is no mask .*none\.png: check the path$"):
        observe_images(photos[:1], camera=CAMERA, keypoints=about["keypoints"], masks=tmp_path / "none.png")


@pytest.mark.parametrize(("orientation", "turn"), [(6, cv2.ROTATE_90_COUNTERCLOCKWISE), (3, cv2.ROTATE_180)])
def test_photographs_stand_upright(tmp_path: Path, orientation: int, turn: int) -> None:
    path = write_with_orientation(tmp_path / "a.jpg", cv2.rotate(frame(), turn), orientation)
    assert image_size(path) == (WIDTH, HEIGHT)
    assert np.abs(read_image(path).astype(int) - frame()).mean() < 8


def test_lens_distortion_is_undone(photos: list[Path], about: dict[str, Path]) -> None:
    bent = observe_images(photos, camera=replace(CAMERA, k=(-0.1, 0.0, 0.0, 0.0, 0.0)), **about)
    plain = observe_images(photos, camera=CAMERA, **about)
    assert bent.camera.k == (0.0,) * 5 and np.abs(bent.keypoints - plain.keypoints).max() > 0.5
    u, v = bent.keypoints[0, 10, :2]
    assert bent.masks[0, int(v), int(u)]


def test_mediapipe_on_a_photograph_without_people(tmp_path: Path) -> None:
    assert MediaPipeDetector  # not the stand-in
    with pytest.raises(NoPersonError, match="nobody was found"):
        observe_images([write(tmp_path / "grey.png", np.full((HEIGHT, WIDTH, 3), 128, np.uint8))], camera=CAMERA)


def test_masks_of_classes_and_keypoints_as_fractions(photos: list[Path], about: dict[str, Path]) -> None:
    """Human parsing gives dark colours to most parts; all that is not black is the person."""
    for path, shift in zip(sorted(about["masks"].iterdir()), SHIFTS, strict=True):
        mask, points = person(shift)
        colours = np.where((np.arange(HEIGHT) < 60)[:, None, None], (0, 85, 85), (51, 0, 100)) * mask[..., None]
        write(path, colours.astype(np.uint8))
        write_json(about["keypoints"] / f"{path.stem}_keypoints.json", points / np.array([WIDTH, HEIGHT, 1]))
    capture = observe_images(photos, camera=CAMERA, **about)
    for t, shift in enumerate(SHIFTS):
        mask, points = person(shift)
        assert (capture.masks[t] == mask).all() and np.allclose(capture.keypoints[t], points, atol=1e-3)
    said = " ".join(capture.warnings)
    assert "all that is not black is the person" in said and "are fractions from 0 to 1" in said
