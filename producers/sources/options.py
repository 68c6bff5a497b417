"""Addresses of sources: ``scheme:place?option=value&option=value``."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from producers.sources.base import SourceError

_PASSWORD = re.compile(r"(//[^/@:\s]*:)[^/\s]*@")


@dataclass(frozen=True, slots=True)
class Address:
    """A parsed address.

    Attributes:
        text: As it was given, with *** for a password: it is told on topics and in logs.
        scheme: Before the first colon.
        place: A path, or what follows ``http:``; "" where the scheme needs none.
        options: After the question mark.
    """

    text: str
    scheme: str
    place: str
    options: Mapping[str, str]

    def only(self, *known: str) -> None:
        """Raise SourceError where an option is not among ``known``."""
        for name in self.options:
            if name not in known:
                msg = f"{self.text}: expected options among {', '.join(known)}, got {name!r}"
                raise SourceError(msg)

    def text_of(self, name: str) -> str | None:
        """An option as it stands; None where it was not given."""
        return self.options.get(name)

    def whole(self, name: str, default: int, least: int = 0) -> int:
        """An option that is a whole number of at least ``least``."""
        value = self.options.get(name)
        if value is None:
            return default
        if not value.isdecimal() or int(value) < least:
            msg = f"{self.text}: expected {name} to be a whole number of at least {least}, got {value!r}"
            raise SourceError(msg)
        return int(value)

    def number(self, name: str, default: float) -> float:
        """An option that is a number above 0."""
        value = self.options.get(name)
        try:
            found = default if value is None else float(value)
        except ValueError:
            found = 0.0
        if not 0.0 < found < float("inf"):
            msg = f"{self.text}: expected {name} to be a number above 0, got {value!r}"
            raise SourceError(msg)
        return found


def without_password(text: str) -> str:
    """An address as it may be told: *** in place of a password."""
    return _PASSWORD.sub(r"\1***@", text)


def parse_address(text: str) -> Address:
    """Take an address apart; a folder's path alone is a recording.

    Values of options may carry ``%26`` for an ampersand.

    Raises:
        SourceError: No scheme before a colon, or an option without a value.
    """
    shown = without_password(text)
    scheme, colon, rest = text.partition(":")
    if not colon and Path(text.partition("?")[0]).is_dir():
        scheme, colon, rest = "bop", ":", text
    if not colon or not scheme.isalnum():
        msg = f"source {shown!r}: expected SCHEME:PLACE, for example bop:recordings/desk or synthetic:"
        raise SourceError(msg)
    place, _, query = rest.partition("?")
    options: dict[str, str] = {}
    for pair in query.split("&") if query else []:
        name, equals, value = pair.partition("=")
        if not name or not equals or name in options:
            msg = f"source {shown!r}: expected options as name=value&name=value, each once"
            raise SourceError(msg)
        options[name] = unquote(value)
    return Address(shown, scheme, place, options)
