"""What every test may ask for."""

import fit_avatar  # noqa: F401, I001  (first: it sets what PyTorch reads when it is loaded)
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
