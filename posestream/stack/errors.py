"""The errors of the local stack."""

from schemas.errors import PosestreamError


class StackError(PosestreamError):
    """The local stack cannot do what was asked; the message says why and what to do."""


class NewerData(StackError):
    """A server cannot read its data: a newer version of it wrote them."""
