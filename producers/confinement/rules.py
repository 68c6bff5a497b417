"""Looks through an address of a source and makes it one that leads nowhere else."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from producers.confinement.folders import FolderRules
from producers.confinement.hosts import HostRules, IPAddress
from producers.confinement.refused import SourceRefused
from producers.sources.options import Address, parse_address

_PATHS = frozenset({"intrinsics", "depth", "mesh", "mask"})
_PICTURES = frozenset({*_PATHS, "unit", "object"})
_CAMERA = frozenset({*_PICTURES, "timeout", "retry", "freeze", "black", "buffer", "query"}) - {"depth"}
# an option that is not here is refused: one that names a file must not slip through because it is new
_OPTIONS: Mapping[str, frozenset[str]] = {
    "bop": frozenset({"objects", "every", "loop", "rate"}),
    "images": _PICTURES | {"rate", "every"},
    "video": _PICTURES,
    "mcap": frozenset({"from", "to", "speed"}),
    "synthetic": frozenset({"frames", "seed", "level", "size", "rate"}),
    **dict.fromkeys(("rtsp", "http", "https"), _CAMERA),  # no rtsps: nobody could look at what it leads to
    "usb": (_CAMERA | {"size", "rate"}) - {"query"},
}
NETWORK = frozenset({"rtsp", "http", "https"})
_PLACE = re.compile(
    r"//(?P<user>[^@/\\]*@)?(?P<host>\[[0-9A-Fa-f:.]+\]|[^:/@\[\]\\]+)(?P<port>:\d{1,5})?(?P<path>/[^\\]*)?"
)
_PRINTABLE = re.compile(r"[!-~]*")
_DEVICE = re.compile(r"\d{1,3}|/dev/video\d{1,3}")


@dataclass(frozen=True, slots=True)
class Pinned:
    """Where to connect to.

    Attributes:
        url: With an address in place of the host's name.
        host: The name as it was given, with the port where one was.
    """

    url: str
    host: str


class SourceRules:
    """Which sources a service opens for its users.

    Args:
        schemes: Those that may be named.
        folders: Files below these may be read.
        hosts: Which may be connected to.
    """

    def __init__(self, schemes: Sequence[str], folders: Sequence[Path], hosts: HostRules) -> None:
        unknown = sorted(set(schemes) - _OPTIONS.keys())
        if unknown:
            msg = f"source schemes: expected some of {', '.join(_OPTIONS)}, got {', '.join(unknown)}"
            raise ValueError(msg)
        self._schemes, self._folders, self._hosts = tuple(schemes), FolderRules(folders), hosts

    def checked(self, text: str) -> str:
        """The same address with its files by their true and full paths.

        Raises:
            SourceRefused: The scheme, an option, a file or the host is not let through.
            SourceError: It is no address.
        """
        scheme, colon, _ = text.partition(":")
        if not colon or scheme not in self._schemes:
            named = ", ".join(self._schemes) or "none"
            msg = f"source: expected SCHEME:PLACE with a scheme that this service opens ({named}), got {scheme[:40]!r}"
            raise SourceRefused(msg)
        address = parse_address(text)
        address.only(*sorted(_OPTIONS[scheme]))
        options = {name: self._option(name, value) for name, value in address.options.items()}
        query = "&".join(f"{name}={quote(value, safe='/,:')}" for name, value in options.items())
        return f"{scheme}:{self._place(scheme, text)}{'?' if query else ''}{query}"

    def pinned(self, address: Address) -> Pinned:
        """Where to connect to for an address that was checked; to be asked again for every connection.

        Raises:
            SourceRefused: The host is not let through, any more.
        """
        found = _parts(address.scheme, address.place)
        pinned = self._pinned(address.scheme, found["host"] or "")
        host = f"[{pinned}]" if pinned.version == 6 else str(pinned)
        port, query = found["port"] or "", address.text_of("query")
        place = f"//{found['user'] or ''}{host}{port}{found['path'] or ''}"
        return Pinned(f"{address.scheme}:{place}{'?' + query if query else ''}", (found["host"] or "") + port)

    def _option(self, name: str, value: str) -> str:
        if name == "query" and (not _PRINTABLE.fullmatch(value) or set(value) & set("\\#")):
            msg = "source: query: expected printable ASCII without backslash and #"
            raise SourceRefused(msg)
        return str(self._folders.checked(value)) if name in _PATHS else value

    def _place(self, scheme: str, text: str) -> str:
        place = _place_of(text)
        if scheme == "synthetic":
            return ""
        if scheme == "usb":
            if not _DEVICE.fullmatch(place):
                msg = f"source: expected usb:NUMBER or usb:/dev/videoNUMBER, got {place[:80]!r}"
                raise SourceRefused(msg)
            return place
        if scheme in NETWORK:
            self._pinned(scheme, _parts(scheme, place)["host"] or "")
            return place
        path = str(self._folders.checked(place))
        if "?" in path:  # a link can lead to such a name; here it would end the place
            msg = f"source: expected a path without ?, got {path!r}"
            raise SourceRefused(msg)
        return path

    def _pinned(self, scheme: str, host: str) -> IPAddress:
        # FFmpeg goes wherever an RTSP server sends it: only one that was named by the service is trusted so far
        return self._hosts.pinned(host, trusted=scheme == "rtsp")


def _place_of(text: str) -> str:
    return text.partition(":")[2].partition("?")[0]


def _parts(scheme: str, place: str) -> Mapping[str, str | None]:
    """User, host, port and path; what two readers of addresses could read in two ways is refused."""
    found = _PLACE.fullmatch(place) if _PRINTABLE.fullmatch(place) and "#" not in place else None
    if found is None:
        msg = f"source: expected {scheme}://HOST/PATH in printable ASCII, without backslash and #"
        raise SourceRefused(msg)
    return found.groupdict()
