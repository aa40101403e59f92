"""avatar.usdz: the skinned, textured, animated avatar as a USD package (UsdSkel and UsdPreviewSurface)."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fit_avatar.body.model import Body
from fit_avatar.body.skinning import pose_body
from fit_avatar.body.state import BodyState
from fit_avatar.errors import BadInputError
from fit_avatar.export.axes import Axes
from fit_avatar.export.face import Changes, Face, face_of
from fit_avatar.export.glb import strongest_influences
from fit_avatar.export.image import image_bytes
from fit_avatar.export.mesh import MAX_INFLUENCES, ROUGHNESS, rest_mesh
from fit_avatar.export.motion import Motion, frames_of, root_motion, seconds
from fit_avatar.export.normal_map import normal_map
from fit_avatar.export.rig import Rig, rest_rig
from fit_avatar.io.atomic import atomic_path
from fit_avatar.io.optional import import_optional, install

FloatArray = NDArray[np.float64]

ROOT = "/avatar"
CHUNK = 120
"""Frames whose vertices are posed together, which bounds the memory. Chosen by hand."""
TIME_DIGITS = 4
"""After the decimal point of time codes, so that those of a constant rate are whole."""
TEXTURE, NORMALS = "avatar.png", "avatar_normal.png"


def import_pxr() -> Any:
    """Return USD's Python package with the modules that are used here.

    Raises:
        MissingDependencyError: it is not installed.
    """
    missing = ("USD files need the package usd-core", f"install it with {install('usd-core')}")
    for module in ("Gf", "Sdf", "Tf", "Usd", "UsdGeom", "UsdShade", "UsdSkel", "UsdUtils", "Vt"):
        import_optional(f"pxr.{module}", *missing)
    return import_optional("pxr", *missing)


def write_usdz(
    path: Path,
    body: Body,
    state: BodyState,
    fps: float,
    texture: NDArray[np.uint8] | Path,
    frame_indices: NDArray[np.int64] | None = None,
    skeleton: str = "smpl",
    axes: Axes | None = None,
    displacement: NDArray[np.float32] | None = None,
    times_s: NDArray[np.float64] | None = None,
    blendshapes: bool = False,
    blendshape_weights: FloatArray | NDArray[np.float32] | None = None,
) -> Path:
    """Write the avatar with its skeleton, texture and captured motion.

    As in ``avatar.glb``, joints have SMPL's local rotations and the rest pose is the bind pose on the floor. Time codes
    are frames of the video at its mean rate, the first at 0; where the rate varies, they are fractions.

    Args:
        path: of the file, ending in .usdz.
        body: the body; each vertex keeps its four largest weights.
        state: shape and T poses.
        fps: frames per second of the video.
        texture: [S, S, 3] uint8 RGB, or the path of an image file.
        frame_indices: of the T frames in the video; by default 0…T−1. [T]
        skeleton: naming of the joints; characters that USD does not allow become _.
        axes: of the file, which records them; by default y up and metres.
        displacement: heights above the surface, in metres, for a normal map. [s, s]
        times_s: when the frames were taken, in seconds; by default as ``frame_indices`` and ``fps`` say. [T]
        blendshapes: the default body's shapes of the face come as blend shapes, with joints of jaw and eyes.
        blendshape_weights: what the face does, for their animation; without it they are at rest. [T, 52]

    Raises:
        BadInputError: the disk is full or the folder cannot be written to.
        MissingDependencyError: usd-core is not installed.
    """
    pxr = import_pxr()
    axes = axes or Axes()
    with tempfile.TemporaryDirectory() as folder:
        layer = Path(folder) / "avatar.usdc"
        (Path(folder) / TEXTURE).write_bytes(image_bytes(texture, ".png"))
        if displacement is not None:
            normals = normal_map(displacement, body, rest_mesh(body, state))
            (Path(folder) / NORMALS).write_bytes(image_bytes(normals, ".png"))
        stage = pxr.Usd.Stage.CreateNew(str(layer))
        _set_axes(pxr, stage, axes, fps)
        face = face_of(body, rest_mesh(body, state)) if blendshapes else None
        rig, motion = rest_rig(body, state, skeleton, axes, face), root_motion(body, state)
        times = np.round(seconds(len(motion.pelvis), fps, frame_indices, times_s) * fps, TIME_DIGITS)
        root = pxr.UsdSkel.Root.Define(stage, ROOT)
        stage.SetDefaultPrim(root.GetPrim())
        stage.SetMetadata("comment", body.licence)
        root.CreateExtentAttr(_motion_extent(body, state, motion, axes))
        mesh = _mesh(pxr, stage, body, state, axes)
        _skin(pxr, stage, mesh, body, rig, face)
        animation = _animate(pxr, stage, rig, motion, times, axes)
        if face is not None:
            _shapes(pxr, stage, mesh, animation, face, axes)
            _animate_shapes(pxr, animation, face, times, blendshape_weights)
        _material(pxr, stage, mesh, displacement is not None)
        stage.GetRootLayer().Save()
        with atomic_path(path) as temporary:
            if not pxr.UsdUtils.CreateNewUsdzPackage(pxr.Sdf.AssetPath(str(layer)), str(temporary)):
                raise BadInputError(f"USD could not pack {path}: choose another --out folder")
    return path


def _set_axes(pxr: Any, stage: Any, axes: Axes, fps: float) -> None:
    pxr.UsdGeom.SetStageUpAxis(stage, axes.up.upper())
    pxr.UsdGeom.SetStageMetersPerUnit(stage, axes.metres)
    stage.SetTimeCodesPerSecond(fps)
    stage.SetFramesPerSecond(fps)


def _mesh(pxr: Any, stage: Any, body: Body, state: BodyState, axes: Axes) -> Any:
    """Define the mesh at rest with its normals and texture coordinates."""
    vt, names = pxr.Vt, pxr.UsdGeom.Tokens
    rest = rest_mesh(body, state)
    points = axes.points(rest.vertices).astype(np.float32)
    faces = body.faces.cpu().numpy().astype(np.int32)
    mesh = pxr.UsdGeom.Mesh.Define(stage, f"{ROOT}/mesh")
    mesh.CreatePointsAttr(vt.Vec3fArray.FromNumpy(points))
    mesh.CreateExtentAttr(vt.Vec3fArray.FromNumpy(np.stack([points.min(0), points.max(0)])))
    mesh.CreateFaceVertexIndicesAttr(vt.IntArray.FromNumpy(faces.ravel()))
    mesh.CreateFaceVertexCountsAttr(vt.IntArray.FromNumpy(np.full(len(faces), 3, np.int32)))
    mesh.CreateSubdivisionSchemeAttr(names.none)
    mesh.CreateNormalsAttr(vt.Vec3fArray.FromNumpy(axes.vectors(rest.normals).astype(np.float32)))
    mesh.SetNormalsInterpolation(names.vertex)
    uvs = pxr.UsdGeom.PrimvarsAPI(mesh).CreatePrimvar("st", pxr.Sdf.ValueTypeNames.TexCoord2fArray, names.faceVarying)
    uvs.Set(vt.Vec2fArray.FromNumpy(body.uvs.cpu().numpy().astype(np.float32)))
    uvs.SetIndices(vt.IntArray.FromNumpy(body.uv_faces.cpu().numpy().astype(np.int32).ravel()))
    return mesh


def _skin(pxr: Any, stage: Any, mesh: Any, body: Body, rig: Rig, face: Face | None) -> None:
    """Define the skeleton and bind the mesh to it."""
    skeleton = pxr.UsdSkel.Skeleton.Define(stage, f"{ROOT}/skeleton")
    skeleton.CreateJointsAttr(_joint_paths(pxr, rig))
    skeleton.CreateJointNamesAttr(list(rig.names))
    for create, matrices in (
        (skeleton.CreateBindTransformsAttr, rig.world),
        (skeleton.CreateRestTransformsAttr, rig.local),
    ):  # USD has row vectors
        create(pxr.Vt.Matrix4dArray.FromNumpy(np.ascontiguousarray(matrices.transpose(0, 2, 1))))
    skinning = body.lbs_weights.cpu().double().numpy()
    joints, weights = strongest_influences(skinning if face is None else face.weights(skinning), rig.pelvis)
    for prim in (mesh.GetPrim(), stage.GetPrimAtPath(ROOT)):
        binding = pxr.UsdSkel.BindingAPI.Apply(prim)
        binding.CreateSkeletonRel().SetTargets([skeleton.GetPath()])
    binding = pxr.UsdSkel.BindingAPI(mesh)
    binding.CreateGeomBindTransformAttr(pxr.Gf.Matrix4d(1))
    binding.CreateJointIndicesPrimvar(False, MAX_INFLUENCES).Set(
        pxr.Vt.IntArray.FromNumpy(joints.astype(np.int32).ravel())
    )
    binding.CreateJointWeightsPrimvar(False, MAX_INFLUENCES).Set(
        pxr.Vt.FloatArray.FromNumpy(weights.astype(np.float32).ravel())
    )


def _animate(pxr: Any, stage: Any, rig: Rig, motion: Motion, times: FloatArray, axes: Axes) -> Any:
    """Define the animation of the skeleton, and return it; only the pelvis is translated."""
    animation = pxr.UsdSkel.Animation.Define(stage, f"{ROOT}/skeleton/captured")
    animation.CreateJointsAttr(_joint_paths(pxr, rig))
    animation.CreateScalesAttr(pxr.Vt.Vec3hArray.FromNumpy(np.ones((len(rig.names), 3), np.float16)))
    rotations, translations = animation.CreateRotationsAttr(), animation.CreateTranslationsAttr()
    turns = rig.with_root(motion.rotations)
    vectors = axes.vectors(turns[..., :3])  # rotating the axes rotates the vector part
    positions = rig.local[:, :3, 3].copy()
    for frame, time in enumerate(times):
        positions[rig.pelvis] = axes.points(motion.pelvis[frame])
        translations.Set(pxr.Vt.Vec3fArray.FromNumpy(positions.astype(np.float32)), time)
        quaternions = [
            pxr.Gf.Quatf(float(real), pxr.Gf.Vec3f(*vector.tolist()))
            for real, vector in zip(turns[frame, :, 3], vectors[frame], strict=True)
        ]
        rotations.Set(pxr.Vt.QuatfArray(quaternions), time)
    stage.SetStartTimeCode(times[0])
    stage.SetEndTimeCode(times[-1])
    binding = pxr.UsdSkel.BindingAPI.Apply(stage.GetPrimAtPath(f"{ROOT}/skeleton"))
    binding.CreateAnimationSourceRel().SetTargets([animation.GetPath()])
    return animation


def _shapes(pxr: Any, stage: Any, mesh: Any, animation: Any, face: Face, axes: Axes) -> None:
    """Define the blend shapes of a face below its mesh."""
    vt, shapes = pxr.Vt, []
    for name, changes in zip(face.names, face.shapes, strict=True):
        at, offsets, normals = _together(changes)
        shape = pxr.UsdSkel.BlendShape.Define(stage, f"{ROOT}/mesh/{name}")
        shape.CreatePointIndicesAttr(vt.IntArray.FromNumpy(at.astype(np.int32)))
        shape.CreateOffsetsAttr(vt.Vec3fArray.FromNumpy(axes.points(offsets).astype(np.float32)))
        shape.CreateNormalOffsetsAttr(vt.Vec3fArray.FromNumpy(axes.vectors(normals).astype(np.float32)))
        shapes.append(shape.GetPath())
    binding = pxr.UsdSkel.BindingAPI(mesh)
    binding.CreateBlendShapesAttr(list(face.names))
    binding.CreateBlendShapeTargetsRel().SetTargets(shapes)


def _animate_shapes(
    pxr: Any, animation: Any, face: Face, times: FloatArray, weights: FloatArray | NDArray[np.float32] | None
) -> None:
    """Define the weights of blend shapes: those of each frame, or 0."""
    animation.CreateBlendShapesAttr(list(face.names))
    attribute = animation.CreateBlendShapeWeightsAttr([0.0] * len(face.names))
    if weights is not None:
        for time, values in zip(times, weights, strict=True):
            attribute.Set(pxr.Vt.FloatArray.FromNumpy(np.ascontiguousarray(values, np.float32)), time)


def _together(changes: Changes) -> tuple[NDArray[np.int64], FloatArray, FloatArray]:
    """Return all vertices that a shape moves or turns, with both, as USD has them. [M], [M, 3], [M, 3]"""
    at = np.union1d(changes.moved, changes.turned)
    offsets, normals = np.zeros((len(at), 3)), np.zeros((len(at), 3))
    offsets[np.searchsorted(at, changes.moved)] = changes.offsets
    normals[np.searchsorted(at, changes.turned)] = changes.normals
    return at, offsets, normals


def _material(pxr: Any, stage: Any, mesh: Any, has_normal_map: bool) -> None:
    """Define the material: a rough surface with the texture as its diffuse colour, and with a normal map."""
    shade, types = pxr.UsdShade, pxr.Sdf.ValueTypeNames
    material = shade.Material.Define(stage, f"{ROOT}/material")
    reader = shade.Shader.Define(stage, f"{ROOT}/material/st")
    reader.CreateIdAttr("UsdPrimvarReader_float2")
    reader.CreateInput("varname", types.String).Set("st")

    def image(name: str, file: str, colour_space: str) -> Any:
        texture = shade.Shader.Define(stage, f"{ROOT}/material/{name}")
        texture.CreateIdAttr("UsdUVTexture")
        texture.CreateInput("file", types.Asset).Set(f"./{file}")
        texture.CreateInput("sourceColorSpace", types.Token).Set(colour_space)
        for wrap in ("wrapS", "wrapT"):
            texture.CreateInput(wrap, types.Token).Set("clamp")
        texture.CreateInput("st", types.Float2).ConnectToSource(
            reader.ConnectableAPI(), "result", shade.AttributeType.Output, types.Float2
        )
        return texture

    surface = shade.Shader.Define(stage, f"{ROOT}/material/surface")
    surface.CreateIdAttr("UsdPreviewSurface")
    surface.CreateInput("roughness", types.Float).Set(ROUGHNESS)
    surface.CreateInput("metallic", types.Float).Set(0.0)
    surface.CreateInput("diffuseColor", types.Color3f).ConnectToSource(
        image("image", TEXTURE, "sRGB").ConnectableAPI(), "rgb", shade.AttributeType.Output, types.Float3
    )
    if has_normal_map:
        normals = image("normals", NORMALS, "raw")
        normals.CreateInput("scale", types.Float4).Set(pxr.Gf.Vec4f(2, 2, 2, 1))
        normals.CreateInput("bias", types.Float4).Set(pxr.Gf.Vec4f(-1, -1, -1, 0))
        surface.CreateInput("normal", types.Normal3f).ConnectToSource(
            normals.ConnectableAPI(), "rgb", shade.AttributeType.Output, types.Float3
        )
    material.CreateSurfaceOutput().ConnectToSource(
        surface.ConnectableAPI(), "surface", shade.AttributeType.Output, types.Token
    )
    shade.MaterialBindingAPI.Apply(mesh.GetPrim()).Bind(material)


def _joint_paths(pxr: Any, rig: Rig) -> list[str]:
    """Return each joint's path, which begins with those of its ancestors."""
    paths: list[str] = []
    for name, parent in zip(rig.names, rig.parents, strict=True):
        valid = pxr.Tf.MakeValidIdentifier(name)
        paths.append(valid if parent < 0 else f"{paths[parent]}/{valid}")
    return paths


def _motion_extent(body: Body, state: BodyState, motion: Motion, axes: Axes) -> list[list[float]]:
    """Return two opposite corners of the bounding box of all poses."""
    low, high = [], []
    for start in range(0, len(state.transl), CHUNK):
        vertices = (
            pose_body(body, frames_of(state, slice(start, start + CHUNK))).vertices.detach().cpu().double().numpy()
        )
        world = axes.points(vertices @ motion.world_from_camera[:3, :3].T + motion.world_from_camera[:3, 3])
        low.append(world.min((0, 1)))
        high.append(world.max((0, 1)))
    return [np.min(low, 0).tolist(), np.max(high, 0).tolist()]
