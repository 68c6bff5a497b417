"""Tickets for websockets: browsers cannot send a header with them, and a token in an address ends up in logs."""

import time
from collections import OrderedDict
from collections.abc import Callable

from sink.people.rights import Refused
from sink.people.secret import new_secret

TICKET_S = 30.0
_MOST = 10_000


class Tickets:
    """Made with a token, good once and for 30 s, in this process only. May be used by several threads.

    Args:
        clock_s: Seconds, monotonic.
    """

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._clock_s = clock_s
        self._tickets: OrderedDict[str, tuple[float, str]] = OrderedDict()

    def make(self, bearer: str) -> str:
        """A ticket that stands for a token or API key."""
        while len(self._tickets) >= _MOST:
            self._tickets.popitem(last=False)
        ticket = new_secret()
        self._tickets[ticket] = (self._clock_s() + TICKET_S, bearer)
        return ticket

    def redeem(self, ticket: str) -> str:
        """What it stands for; it is gone afterwards.

        Raises:
            Refused: 401: used, too old or not one of ours.
        """
        until_s, bearer = self._tickets.pop(ticket, (0.0, ""))
        if not bearer or self._clock_s() > until_s:
            raise Refused(401, "ticket: used, older than 30 s or not one of ours")
        return bearer
