"""The one error of what is not let through."""

from producers.sources.base import SourceError


class SourceRefused(SourceError):
    """An address names what a service does not open for its users; the message does not tell what is there."""
