from __future__ import annotations

import json
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fit_avatar.capture import load_camera
from fit_avatar.errors import BadInputError

F, CX, CY, WIDTH, HEIGHT = 766.75, 271.0, 268.0, 540, 540
K = [[F, 0.0, CX], [0.0, F, CY], [0.0, 0.0, 1.0]]
DISTORTED = (0.01, -0.02, 0.0005, -0.0003, 0.0)
OPENCV_YAML = f"""%YAML:1.0
---
names:
  - "1"
K_1: !!opencv-matrix
  rows: 3
  cols: 3
  dt: d
  data: [{F}, 0.0, {CX},
    0.0, {F}, {CY}, 0.0, 0.0, 1.0]
dist_1: !!opencv-matrix
  rows: 1
  cols: 5
  dt: d
  data: [0.01, -0.02, 5.0e-04, -3.0e-04, 0.0]
"""
EXTRI = """%YAML:1.0
---
names:
  - "1"
R_1: !!opencv-matrix
  rows: 3
  cols: 1
  dt: d
  data: [0.0, 0.0, 0.0]
"""
KALIBR = f"""cam0:
  cam_overlaps: []
  camera_model: pinhole
  distortion_coeffs: [0.01, -0.02, 0.0005, -0.0003]
  distortion_model: radtan
  intrinsics: [{F}, {F}, {CX}, {CY}]
  resolution: [{WIDTH}, {HEIGHT}]
  rostopic: /cam0/image_raw
"""
ROS = f"""image_width: {WIDTH}
image_height: {HEIGHT}
camera_name: phone
camera_matrix:
  rows: 3
  cols: 3
  data: [{F}, 0, {CX}, 0, {F}, {CY}, 0, 0, 1]
distortion_model: plumb_bob
distortion_coefficients:
  rows: 1
  cols: 5
  data: [0.01, -0.02, 0.0005, -0.0003, 0]
"""
COLMAP = (
    f"# CAMERA_ID, MODEL, WIDTH, HEIGHT, PARAMS[]\n1 OPENCV {WIDTH} {HEIGHT} {F} {F} {CX} {CY} 0.01 -0.02 5e-4 -3e-4\n"
)
NERF: dict[str, Any] = {"fl_x": F, "fl_y": F, "cx": CX, "cy": CY, "w": WIDTH, "h": HEIGHT, "frames": []}
ANGLE = 2 * np.arctan(0.5 * WIDTH / F)
NAMES = ("fx", "fy", "cx", "cy", "width", "height")

TEXTS = {
    "intri.yml": OPENCV_YAML,
    "camchain.yaml": KALIBR,
    "ost.yaml": ROS,
    "cameras.txt": COLMAP,
    "K.txt": "\n".join(" ".join(str(x) for x in row) for row in K),
    "transforms.json": json.dumps(NERF | {"k1": 0.01, "k2": -0.02, "p1": 0.0005, "p2": -0.0003}),
    "k.json": json.dumps({"K": K, "dist": [0.01, -0.02, 0.0005, -0.0003, 0], "img_size": [WIDTH, HEIGHT]}),
    "flat.json": json.dumps({"intrinsics": np.ravel(K).tolist(), "width": WIDTH, "height": HEIGHT}),
    "nested.json": json.dumps({"intrinsics": {"fx": F, "fy": F, "cx": CX, "cy": CY, "width": 540, "height": 540}}),
    "matrix.json": json.dumps(K),
    "exavatar.json": json.dumps({"R": np.eye(3).tolist(), "t": [0, 0, 0], "focal": [F, F], "princpt": [CX, CY]}),
    "strings.json": json.dumps(dict(zip(NAMES, map(str, (F, F, CX, CY, WIDTH, HEIGHT)), strict=True))),
}  # fmt: skip


@pytest.mark.parametrize("name", TEXTS)
def test_cameras_of_other_programs(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(TEXTS[name])
    camera, warnings = load_camera(tmp_path / name, WIDTH, HEIGHT)
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == pytest.approx((F, F, CX, CY))
    assert (camera.width, camera.height, warnings) == (WIDTH, HEIGHT, ())
    assert camera.k == pytest.approx(DISTORTED if "0.01" in TEXTS[name] else (0.0,) * 5)


def test_an_angle_alone_and_a_folder(tmp_path: Path) -> None:
    (tmp_path / "transforms.json").write_text(json.dumps({"camera_angle_x": ANGLE, "frames": []}))
    camera, _ = load_camera(tmp_path, WIDTH, HEIGHT)
    assert (camera.fx, camera.cx, camera.cy) == pytest.approx((F, WIDTH / 2, HEIGHT / 2))


@pytest.mark.parametrize("arrays", [{"intrinsic": np.array(K)}, {"K": np.array([K] * 7), "height": 540, "width": 540}])
def test_arrays(tmp_path: Path, arrays: dict[str, Any]) -> None:
    np.savez(tmp_path / "cameras.npz", extrinsic=np.eye(4), **arrays)
    np.save(tmp_path / "K.npy", np.array(K))
    for name in ("cameras.npz", "K.npy"):
        camera, _ = load_camera(tmp_path / name, WIDTH, HEIGHT)
        assert (camera.fx, camera.cy) == pytest.approx((F, CY))


@pytest.mark.parametrize("members", [{"file.npy": b"abc"}, {"K": b"abc"}, {}])
def test_archives_without_arrays(tmp_path: Path, members: dict[str, bytes]) -> None:
    with zipfile.ZipFile(tmp_path / "c.npz", "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(BadInputError, match=r"the camera file .*c\.npz (cannot be read|lacks fx)"):
        load_camera(tmp_path / "c.npz", WIDTH, HEIGHT)


def test_an_array_that_claims_too_much(tmp_path: Path) -> None:
    np.save(tmp_path / "K.npy", np.array(K))
    content = (tmp_path / "K.npy").read_bytes().replace(b"(3, 3), }            ", b"(300000000000, 3), } ")
    (tmp_path / "K.npy").write_bytes(content)
    with pytest.raises(BadInputError, match=r"K\.npy cannot be read \(it claims 7\.2e\+03 GB"):
        load_camera(tmp_path / "K.npy", WIDTH, HEIGHT)


def test_colmap_binary(tmp_path: Path) -> None:
    content = struct.pack("<QiiQQ4d", 1, 1, 2, WIDTH, HEIGHT, F, CX, CY, 0.0123)
    (tmp_path / "cameras.bin").write_bytes(content)
    camera, _ = load_camera(tmp_path, WIDTH, HEIGHT)
    assert (camera.fx, camera.fy, camera.cx, camera.k[0]) == pytest.approx((F, F, CX, 0.0123))
    (tmp_path / "cameras.bin").write_bytes(content[:-3])
    with pytest.raises(BadInputError, match=r"cameras\.bin is cut off"):
        load_camera(tmp_path / "cameras.bin", WIDTH, HEIGHT)


OWN: dict[str, Any] = {"fx": F, "fy": F, "cx": WIDTH / 2, "cy": HEIGHT / 2, "width": WIDTH, "height": HEIGHT}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fx": 6455.1, "fy": 6455.1}, "12 times the picture's longer side"),
        ({"fx": 776.145, "fy": 844.5}, "differ by 8 %"),
    ],
)
def test_odd_values_get_a_sentence(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    (tmp_path / "camera.json").write_text(json.dumps(OWN | changes))
    _, warnings = load_camera(tmp_path / "camera.json", WIDTH, HEIGHT)
    assert len(warnings) == 1 and message in warnings[0]


def test_a_turned_picture(tmp_path: Path) -> None:
    (tmp_path / "camera.json").write_text(json.dumps(OWN | {"cx": 480, "width": 960, "fy": 770.0}))
    camera, (warning,) = load_camera(tmp_path / "camera.json", 1080, 1920)
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == (1540.0, 2 * F, 540.0, 960.0) and "turned by 90°" in warning
    (tmp_path / "camera.json").write_text(json.dumps(OWN | {"cx": 480, "width": 960, "k": [0, 0, 0.01, 0, 0]}))
    with pytest.raises(BadInputError, match=r"turned by 90°.*give the numbers of the turned picture"):
        load_camera(tmp_path / "camera.json", 1080, 1920)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("c.json", json.dumps(OWN | {"k": [0.1, 0.01, 0, 0]}), "four distortion coefficients, which may be .* fisheye"),
        ("t.json", json.dumps(NERF | {"camera_model": "OPENCV_FISHEYE"}), "fisheye lens"),
        ("a.yaml", KALIBR.replace("radtan", "equidistant"), "fisheye lens"),
        ("b.yaml", KALIBR + KALIBR.replace("cam0", "cam1").replace(f"{F}", "700.0"), "2 cameras .*leave only"),
        ("c.txt", COLMAP.replace("OPENCV", "OPENCV_FISHEYE"), "model OPENCV_FISHEYE"),
        ("d.txt", COLMAP + "2 PINHOLE 540 540 1 1 1 1\n", "2 cameras that differ"),
        ("e.txt", "hello", "no layout that is known"),
        ("extri.yml", EXTRI, "says where cameras stand, not what they see: give intri.yml"),
        ("f.json", json.dumps({"K": [[1, 2], [3, 4]], "img_size": [1, 1]}), "a camera matrix that is not 3 × 3"),
        ("g.json", json.dumps({"K": [[F, 99, 0], [0, F, 0], [0, 0, 1]]}), "with skew"),
        ("h.json", json.dumps(OWN | {"fx": 10**400}), "must be a number"),
    ],
)
def test_other_lenses_and_broken_files(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(BadInputError, match=message) as caught:
        load_camera(tmp_path / name, WIDTH, HEIGHT)
    assert name in str(caught.value)
