"""Tables of several measurements."""
