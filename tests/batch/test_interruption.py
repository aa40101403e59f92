import signal
import threading
from collections.abc import Iterator

import pytest

from fit_avatar.batch.interruption import INTERRUPTING, remembered_interruption

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


class Tidied:
    """Something that is being tidied away when a signal comes."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __del__(self) -> None:
        signal.raise_signal(self.number)


@pytest.fixture(autouse=True)
def _as_the_command_line_has_it() -> Iterator[None]:
    before = {number: signal.signal(number, signal.default_int_handler) for number in INTERRUPTING}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", INTERRUPTING)
def test_an_interruption_that_python_drops_comes_again(number: int) -> None:
    with remembered_interruption() as check:
        check()
        Tidied(number)  # raises where nobody hears it
        with pytest.raises(KeyboardInterrupt):
            check()


@pytest.mark.parametrize("number", INTERRUPTING)
def test_others_come_at_once(number: int) -> None:
    with pytest.raises(KeyboardInterrupt), remembered_interruption():
        signal.raise_signal(number)
    assert signal.getsignal(number) is signal.default_int_handler


def test_who_has_said_otherwise_is_left_alone() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with remembered_interruption() as check:
        signal.raise_signal(signal.SIGTERM)
        check()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN


def test_other_threads_leave_signals_alone() -> None:
    seen = []

    def work() -> None:
        with remembered_interruption() as check:
            check()
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler]
