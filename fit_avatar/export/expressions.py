"""VRM's preset expressions, mixed from ARKit's shapes of the face."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType


def _both(**weights: float) -> dict[str, float]:
    """Return shapes that come in pairs, with the same weight on either side."""
    return {f"{name}{side}": weight for name, weight in weights.items() for side in ("Left", "Right")}


PRESETS: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "happy": _both(mouthSmile=0.8, cheekSquint=0.5, mouthDimple=0.2),
        "angry": _both(browDown=1.0, eyeSquint=0.5, noseSneer=0.5, mouthFrown=0.5, mouthPress=0.3),
        "sad": {"browInnerUp": 1.0, "mouthShrugLower": 0.4} | _both(mouthFrown=0.8, eyeSquint=0.2),
        "relaxed": _both(mouthSmile=0.3, eyeSquint=0.3),
        "surprised": {"browInnerUp": 0.8, "jawOpen": 0.3} | _both(browOuterUp=0.8, eyeWide=0.9),
        "aa": {"jawOpen": 0.6},
        "ih": {"jawOpen": 0.15} | _both(mouthStretch=0.5, mouthSmile=0.15),
        "ou": {"jawOpen": 0.15, "mouthPucker": 0.8, "mouthFunnel": 0.2},
        "ee": {"jawOpen": 0.3} | _both(mouthStretch=0.4, mouthSmile=0.2),
        "oh": {"jawOpen": 0.4, "mouthFunnel": 0.6},
        "blink": _both(eyeBlink=1.0),
        "blinkLeft": {"eyeBlinkLeft": 1.0},
        "blinkRight": {"eyeBlinkRight": 1.0},
        "lookUp": _both(eyeLookUp=1.0),
        "lookDown": _both(eyeLookDown=1.0),
        "lookLeft": {"eyeLookOutLeft": 1.0, "eyeLookInRight": 1.0},
        "lookRight": {"eyeLookInLeft": 1.0, "eyeLookOutRight": 1.0},
    }
)
"""Weights of shapes by VRM's names. Emotions and sounds are chosen by hand, by looking at them."""
