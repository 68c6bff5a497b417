"""Limits of rate: a bucket of tokens for each user and each address, in this process's memory."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from sink.people.rights import Refused

_KEPT = 100_000


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at_s: float


class RateLimit:
    """So many a minute, with bursts of as many; for one thread.

    Args:
        name: Of what, for the message.
        per_minute: How many.
        clock_s: Seconds, monotonic.
    """

    def __init__(self, name: str, per_minute: int, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._most = float(per_minute)
        self._clock_s = clock_s
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, key: str) -> None:
        """Count one of somebody.

        Raises:
            Refused: 429: too many.
        """
        now_s = self._clock_s()
        bucket = self._buckets.setdefault(key, _Bucket(self._most, now_s))
        self._buckets.move_to_end(key)
        while len(self._buckets) > _KEPT:  # the one that was quiet for longest, whose bucket is full by now
            self._buckets.popitem(last=False)
        bucket.tokens = min(self._most, bucket.tokens + (now_s - bucket.at_s) * self._most / 60.0)
        bucket.at_s = now_s
        if bucket.tokens < 1.0:
            wait_s = (1.0 - bucket.tokens) * 60.0 / self._most
            reason = f"{self._name}: expected at most {self._most:.0f} a minute"
            raise Refused(429, reason, wait_s)
        bucket.tokens -= 1.0
