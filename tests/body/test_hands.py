"""Vertices that lie denser at hands."""

import pytest
import torch

from fit_avatar.body import load_body
from fit_avatar.body.hands import of_hands, spread_denser_at_hands


@pytest.fixture(scope="module", params=[None, "anny-hands"])
def body(request):
    return load_body() if request.param is None else load_body(path=request.param)


def test_hands_end_at_the_wrists(body):
    hands = of_hands(body)
    wrists = body.joint_template[[body.joint_names.index(f"{side}_wrist") for side in ("left", "right")]]
    assert torch.equal(hands, hands[body.mirror])
    assert torch.cdist(body.template[hands], wrists).amin(1).max() < 0.25
    assert not hands[body.part("face") > 0].any() and hands[body.part("hands") == 1].all()


def test_vertices_are_denser_at_hands_alone(body):
    hands, usual = of_hands(body), body.spread_vertices(0.015)
    chosen = spread_denser_at_hands(body, 0.015, 0.004)
    assert torch.equal(chosen, chosen.unique()) and body.skin[chosen].all()
    assert torch.equal(chosen[~hands[chosen]], usual[~hands[usual]].sort().values)
    assert hands[chosen].sum() > 3 * hands[usual].sum()


def test_the_same_spacing_everywhere_is_the_usual_one(body):
    assert torch.equal(spread_denser_at_hands(body, 0.015, 0.015), body.spread_vertices(0.015).sort().values)
