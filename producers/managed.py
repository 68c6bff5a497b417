"""A producer that a service started: it ends with the service, however that ends."""

import os
import sys
import threading
from threading import Event

NOT_AT_ITS_END = 75
"""Exit code of one that was told to stop before its source's end: EX_TEMPFAIL of BSD's sysexits."""
_GRACE_S = 20.0


def end_with_parent(stop: Event) -> None:
    """Set ``stop`` when standard input ends, which is when the process that holds its other end does.

    Where the producer has not ended 20 s later (a read hangs in a driver), the process ends at once.
    """

    def watch() -> None:
        while sys.stdin.buffer.read(4096):
            pass
        stop.set()
        threading.Event().wait(_GRACE_S)
        os._exit(NOT_AT_ITS_END)

    threading.Thread(target=watch, name="parent", daemon=True).start()
