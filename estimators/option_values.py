"""Values of a job's options, which are all text."""

from schemas import BadJob


def one_of(name: str, value: str, allowed: tuple[str, ...]) -> str:
    """The value of an option where it is one of those allowed.

    Raises:
        BadJob: It is not; option and values are named.
    """
    if value not in allowed:
        msg = f"option {name}: expected one of {', '.join(allowed)}, got {value!r}"
        raise BadJob(msg)
    return value


def whole_number(name: str, value: str, least: int, most: int) -> int:
    """The value of an option as a number from ``least`` to ``most``.

    Raises:
        BadJob: It is none; option and bounds are named.
    """
    if not value.isdecimal() or not least <= int(value) <= most:
        msg = f"option {name}: expected a whole number from {least} to {most}, got {value!r}"
        raise BadJob(msg)
    return int(value)
