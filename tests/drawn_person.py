"""A person drawn from the front, with a hat, hair beside the neck or a ponytail."""

import cv2
import numpy as np

from fit_avatar.body.keypoint_sets import BODY_25

PLACES = {"neck": (100, 100), "mid_hip": (100, 200), "left_shoulder": (138, 105), "right_shoulder": (62, 105)}
FACE = [BODY_25.index(name) for name in ("left_eye", "right_eye", "left_ear", "right_ear")]


def drawn_person(frames, brim_px=0, hair_px=0, ponytail=False):
    """Return keypoints [T, 25, 3] and masks [T, H, W] of frames that are alike, with the eyes at row 60."""
    mask = np.zeros((300, 200), np.uint8)
    cv2.ellipse(mask, (100, 60), (20, 30), 0, 0, 360, 1, -1)
    mask[80:220, 88:112] = 1
    mask[105:220, 60:140] = 1
    if brim_px:
        mask[44:50, 78 - brim_px : 122 + brim_px] = 1
    if hair_px:
        mask[60:130, 88 - hair_px : 112 + hair_px] = 1
    if ponytail:
        mask[52:60, 116:140], mask[52:150, 132:140] = 1, 1
    keypoints = np.zeros((25, 3), np.float32)
    keypoints[FACE] = (100, 60, 1)
    for name, place in PLACES.items():
        keypoints[BODY_25.index(name)] = (*place, 1)
    return keypoints[None].repeat(frames, 0), mask[None].astype(bool).repeat(frames, 0)
