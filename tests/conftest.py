"""What every test may ask for."""

import os

os.environ.setdefault("GOMP_SPINCOUNT", "3000")  # as the command line does, before PyTorch is loaded

import pytest
from toy_body import toy_body, turning_state

from fit_avatar.body.model import Body
from fit_avatar.body.state import BodyState


@pytest.fixture(scope="session")
def body() -> Body:
    """A tiny body with 24 joints."""
    return toy_body()


@pytest.fixture(scope="session")
def state(body: Body) -> BodyState:
    """Six poses of it, one turn."""
    return turning_state(body)
