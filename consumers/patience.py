"""How long a transaction's end is waited for, and waiting that comes to an end whatever the client does."""

import math
import threading
import time
from collections.abc import Callable

_LEAST_S = 1.0
_TIMES = 8.0
_FADE = 0.9
_MOST_S = 10.0


class Patience:
    """How long to wait for the end of a transaction: a few times what those before took, as TCP waits for an answer.

    What is waited for in vain (see ``within``) ends soon after a cut, and a network that grew slow is waited for twice
    as long at each try.
    """

    def __init__(self) -> None:
        self._limit_s = math.inf

    def limit_s(self, most_s: float) -> float:
        """For the next one."""
        return min(self._limit_s, most_s)

    def took(self, seconds: float) -> None:
        """One came to its end."""
        self._limit_s = max(_LEAST_S, _TIMES * seconds, _FADE * min(self._limit_s, _MOST_S))

    def ended(self) -> None:
        """One was given up."""
        self._limit_s *= 2


def within(limit_s: float, call: Callable[[], None]) -> float:
    """Run a call in a thread that is left behind where the limit passes; returns the seconds it took.

    librdkafka 2.16 looks at no clock in ``send_offsets_to_transaction`` (its issue 5456): a connection that is cut
    then is waited for for ever.

    Raises:
        TimeoutError: The limit passed; the call may still be running.
        KafkaException: From the call.
    """
    failed: list[BaseException] = []
    began_s = time.monotonic()

    def guarded() -> None:
        try:
            call()
        except BaseException as error:  # noqa: BLE001 - raised again by whoever waits
            failed.append(error)

    thread = threading.Thread(target=guarded, name="transaction", daemon=True)
    thread.start()
    thread.join(limit_s)
    if thread.is_alive():
        msg = f"Kafka's client did not end the transaction in {limit_s:.1f} s"
        raise TimeoutError(msg)
    if failed:
        raise failed[0]
    return time.monotonic() - began_s
