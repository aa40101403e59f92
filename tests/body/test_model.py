"""What a body is besides its arrays."""

from toy_body import toy_body


def test_bodies_are_equal_if_they_are_the_same_object():
    body, other = toy_body(8, 12), toy_body(8, 12)
    assert body == body and body != other
    assert {body: 1}[body] == 1 and other not in {body: 1}
