"""Opens sources for a service's users."""

from producers.confinement.ffmpeg import restrict_ffmpeg
from producers.confinement.rules import NETWORK, SourceRules
from producers.sources.base import Source
from producers.sources.open import open_source
from producers.sources.options import parse_address


def open_confined(text: str, rules: SourceRules) -> Source:
    """As ``open_source``, for what the rules let through; restricts FFmpeg in the whole process.

    A network camera is connected to by the address that was found good, looked up anew for each connection.

    Raises:
        SourceRefused: The rules do not let it through.
        SourceError: As ``open_source``.
    """
    checked = rules.checked(text)
    address = parse_address(checked)
    restrict_ffmpeg(address.scheme)
    if address.scheme not in NETWORK:
        return open_source(checked)

    def url() -> str:
        pinned = rules.pinned(address)
        restrict_ffmpeg(address.scheme, pinned.host)
        return pinned.url

    from producers.sources.camera.device import connector
    from producers.sources.camera.source import TIMEOUT_S, CameraSource

    return CameraSource(address, connector(address, address.number("timeout", TIMEOUT_S), url))
