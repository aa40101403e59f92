"""Named sets of keypoints: which point of the body each index means."""

BODY_25 = (
    "nose", "neck", "right_shoulder", "right_elbow", "right_wrist",
    "left_shoulder", "left_elbow", "left_wrist", "mid_hip", "right_hip",
    "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle",
    "right_eye", "left_eye", "right_ear", "left_ear", "left_big_toe",
    "left_small_toe", "left_heel", "right_big_toe", "right_small_toe", "right_heel",
)  # fmt: skip
"""Names of the 25 points in OpenPose's BODY_25 order."""

BODY_25_MIRROR = (
    0, 1, 5, 6, 7, 2, 3, 4, 8, 12, 13, 14, 9, 10, 11, 16, 15, 18, 17, 22, 23, 24, 19, 20, 21,
)  # fmt: skip
"""Index of each BODY_25 point's left–right counterpart."""

BODY_25_FEET = (19, 20, 21, 22, 23, 24)
"""BODY_25 index of big toe, small toe and heel of the left foot, then of the right one."""

_FACE = tuple(f"face_{k}" for k in range(70))
_LEFT_HAND, _RIGHT_HAND = (tuple(f"{side}_hand_{k}" for k in range(21)) for side in ("left", "right"))
_FEET = (
    "left_big_toe", "left_small_toe", "left_heel", "right_big_toe", "right_small_toe", "right_heel",
)  # fmt: skip

OPENPOSE_137 = BODY_25 + _FACE + _LEFT_HAND + _RIGHT_HAND
"""Body, 70 points of the face (the last two are the pupils) and both hands, from the wrist to the little finger."""

COCO_17 = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow",
    "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle",
    "right_ankle",
)  # fmt: skip
"""COCO's person keypoints (Lin et al., "Microsoft COCO", ECCV 2014)."""

COCO_WHOLEBODY_133 = COCO_17 + _FEET + _FACE[:68] + _LEFT_HAND + _RIGHT_HAND
"""Jin et al., "Whole-Body Human Pose Estimation in the Wild", ECCV 2020."""

COCO_18_IN_BODY_25 = (0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18)
"""BODY_25 index of each COCO-18 point; BODY_25 adds the mid-hip and the feet."""

COCO_18 = tuple(BODY_25[k] for k in COCO_18_IN_BODY_25)
"""OpenPose's order before BODY_25: COCO's points and the neck."""

MPI_15 = (
    "head_top", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
    "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle", "chest",
)  # fmt: skip
"""OpenPose's MPI model."""

BODY_25B = (*COCO_17, "upper_neck", "head_top", *_FEET)
"""OpenPose's BODY_25B: as many points as BODY_25 in another order."""

HALPE_26 = (
    *COCO_17, "head_top", "neck", "mid_hip", "left_big_toe", "right_big_toe", "left_small_toe", "right_small_toe",
    "left_heel", "right_heel",
)  # fmt: skip
"""Halpe's body (Fang et al., "AlphaPose", TPAMI 2022)."""

HALPE_136 = HALPE_26 + _FACE[:68] + _LEFT_HAND + _RIGHT_HAND
"""Halpe's whole body."""

EASY_VITPOSE_25 = (
    *COCO_17[:5], "neck", *COCO_17[5:13], "mid_hip", *COCO_17[13:], *_FEET,
)  # fmt: skip
"""The body of easy_ViTPose."""

MEDIAPIPE_33 = (
    "nose", "left_eye_inner", "left_eye", "left_eye_outer", "right_eye_inner", "right_eye", "right_eye_outer",
    "left_ear", "right_ear", "mouth_left", "mouth_right", "left_shoulder", "right_shoulder", "left_elbow",
    "right_elbow", "left_wrist", "right_wrist", "left_pinky", "right_pinky", "left_index", "right_index", "left_thumb",
    "right_thumb", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle", "left_heel",
    "right_heel", "left_big_toe", "right_big_toe",
)  # fmt: skip
"""MediaPipe's pose landmarks (BlazePose); its foot index is the big toe."""


def _sapiens_hand(side: str) -> tuple[str, ...]:
    """Return a hand's 21 points in Sapiens' order: every finger from its tip to its base, then the wrist."""
    fingers = (f"{side}_hand_{4 * finger + k}" for finger in range(5) for k in (4, 3, 2, 1))
    return (*fingers, f"{side}_wrist")


SAPIENS_308 = (
    *COCO_17[:9], *COCO_17[11:], *_FEET, *_sapiens_hand("right"), *_sapiens_hand("left"),
    "left_olecranon", "right_olecranon", "left_cubital_fossa", "right_cubital_fossa", "left_acromion",
    "right_acromion", "neck", *(f"sapiens_face_{k}" for k in range(70, 308)),
)  # fmt: skip
"""Sapiens' 308 points (Khirodkar et al., ECCV 2024); those of the face have no counterparts elsewhere."""

FACE_70, LEFT_HAND_21, RIGHT_HAND_21 = _FACE, _LEFT_HAND, _RIGHT_HAND
"""OpenPose's face and hands."""

FACE_68_IN_468 = (
    127, 234, 93, 132, 58, 136, 149, 148, 152, 377, 378, 365, 288, 361, 323, 454, 356,
    70, 63, 105, 66, 107, 336, 296, 334, 293, 300,
    168, 197, 5, 4, 98, 97, 2, 326, 327,
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,
    61, 39, 37, 0, 267, 269, 291, 321, 314, 17, 84, 91,
    78, 81, 13, 311, 308, 402, 14, 178,
)  # fmt: skip
"""Index among MediaPipe's 468 points of each of the 68 points of a face: jaw line, brows, nose, eyes, lips.

Chosen on the mesh: those of its vertices that lie where iBUG's annotation (Sagonas et al. 2013) puts the points, in
pairs of left and right. The mesh has no pupils, which are OpenPose's points 68 and 69."""


def _face_468() -> tuple[str, ...]:
    names = {vertex: f"face_{k}" for k, vertex in enumerate(FACE_68_IN_468)}
    return tuple(names.get(vertex, f"face_mesh_{vertex}") for vertex in range(468))


FACE_468 = _face_468()
"""MediaPipe's points of the face (Kartynnik et al. 2019); 68 of them have counterparts elsewhere."""

FACE_478 = (
    *FACE_468, "face_68", *(f"face_mesh_{k}" for k in range(469, 473)), "face_69",
    *(f"face_mesh_{k}" for k in range(474, 478)),
)  # fmt: skip
"""The same with attention to the irises: a centre and four points around it, right and left."""

POINT_SETS = {
    "body_25": BODY_25,
    "body_33": MEDIAPIPE_33,
    "face_70": FACE_70,
    "face_468": FACE_468,
    "left_hand_21": LEFT_HAND_21,
    "right_hand_21": RIGHT_HAND_21,
}
"""Names of the sets in which a capture keeps points, and of the points in each; ``body_33_world`` has those of
``body_33``."""


def _mirrored(name: str) -> str:
    for side, other in (("left", "right"), ("right", "left")):
        if name.startswith(f"{side}_") or name.endswith(f"_{side}"):
            return name.replace(side, other)
    return name


MEDIAPIPE_33_MIRROR = tuple(MEDIAPIPE_33.index(_mirrored(name)) for name in MEDIAPIPE_33)
"""Index of each of MediaPipe's points' left–right counterpart."""
