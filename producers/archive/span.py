"""A span of capture times, as people write it."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime

from schemas import PosestreamError

CLOCKS_MS = 60_000
"""How far a camera's clock may run ahead of that of the machine that publishes, at most, to be found by time."""


class BadTime(PosestreamError):
    """A text is no time, or a span ends before it begins."""


@dataclass(frozen=True, slots=True)
class Span:
    """Times of capture from ``from_ns`` on and before ``to_ns``, nanoseconds since the Unix epoch; None is open."""

    from_ns: int | None = None
    to_ns: int | None = None

    def __post_init__(self) -> None:
        if self.from_ns is not None and self.to_ns is not None and self.from_ns >= self.to_ns:
            msg = f"span: expected a start before its end, got {self.from_ns} to {self.to_ns} ns"
            raise BadTime(msg)

    def holds(self, captured_ns: int) -> bool:
        """Whether a frame lies in it."""
        after = self.from_ns is None or captured_ns >= self.from_ns
        return after and (self.to_ns is None or captured_ns < self.to_ns)

    @property
    def published_from_ms(self) -> int | None:
        """No frame of the span was published before this, ms since the Unix epoch; None where it is open."""
        return None if self.from_ns is None else max(0, self.from_ns // 1_000_000 - CLOCKS_MS)


def time_ns(text: str) -> int:
    """A time in nanoseconds since the Unix epoch.

    Args:
        text: ISO 8601 (``2026-11-24T10:15:00.5``, UTC where it names no zone) or seconds since the Unix epoch.

    Raises:
        BadTime: Neither.
    """
    try:
        seconds = float(text)
    except ValueError:
        return _iso_ns(text)
    if not math.isfinite(seconds) or seconds < 0:
        msg = f"time: expected seconds since 1970 or ISO 8601, got {text!r}"
        raise BadTime(msg)
    whole, _, fraction = text.partition(".")
    if whole.isdecimal() and (fraction.isdecimal() or not fraction):  # a double holds no nanoseconds of today
        return int(whole) * 1_000_000_000 + int(fraction.ljust(9, "0")[:9] or "0")
    return round(seconds * 1e9)


def _iso_ns(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        msg = f"time: expected ISO 8601 such as 2026-11-24T10:15:00 or seconds since 1970, got {text!r}"
        raise BadTime(msg) from error
    since = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1_000
