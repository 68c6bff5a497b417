"""The one error of the local stack."""

from schemas.errors import PosestreamError


class StackError(PosestreamError):
    """The local stack cannot do what was asked; the message says why and what to do."""
