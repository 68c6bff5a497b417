"""The service's secret and people's passwords; never an option, never logged."""

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from schemas import PosestreamError

SECRET = "POSESTREAM_SECRET"  # noqa: S105 - the name of a variable
LEAST_SECRET_BYTES = 32
LEAST_PASSWORD, LONGEST_PASSWORD = 12, 1024

_HASHER = PasswordHasher()  # RFC 9106's second recommendation: 64 MiB, 3 passes
_NOBODY = _HASHER.hash(secrets.token_urlsafe(16))


class SecretMissing(PosestreamError):
    """Accounts need a secret to sign tokens with."""


class BadPassword(PosestreamError):
    """A password that may not be set."""


def signing_secret(file: Path | None) -> bytes:
    """The secret that tokens are signed with, from a file or from ``POSESTREAM_SECRET``.

    Raises:
        SecretMissing: There is none, or it is shorter than 32 bytes; the message says how to make one.
    """
    where = str(file) if file else SECRET
    try:
        found = file.read_bytes().strip() if file else os.environ.get(SECRET, "").encode()
    except OSError as error:
        msg = f"secret file {file}: {error.strerror}"
        raise SecretMissing(msg) from error
    if len(found) < LEAST_SECRET_BYTES:
        msg = (
            f"accounts: expected a secret of at least {LEAST_SECRET_BYTES} bytes in {where}, got {len(found)}; "
            "make one with: (umask 077; head -c 48 /dev/urandom | base64 > secret) and give it as --secret-file secret"
        )
        raise SecretMissing(msg)
    return found


def hash_password(password: str) -> str:
    """Argon2id with a salt of its own; takes some 50 ms and 64 MiB on purpose.

    Raises:
        BadPassword: It is shorter than 12 characters or longer than 1024.
    """
    if not LEAST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        msg = f"password: expected {LEAST_PASSWORD} to {LONGEST_PASSWORD} characters, got {len(password)}"
        raise BadPassword(msg)
    return _HASHER.hash(password)


def is_password(password_hash: str | None, password: str) -> bool:
    """Whether a password is the one; as slow where there is no account or no password as where there is one."""
    try:
        matches = _HASHER.verify(password_hash or _NOBODY, password[:LONGEST_PASSWORD])
    except (VerificationError, InvalidHashError):
        return False
    return matches and password_hash is not None


def new_secret() -> str:
    """256 random bits as text."""
    return secrets.token_urlsafe(32)


def hash_secret(secret: str) -> str:
    """SHA-256 in hex: of random secrets, which cannot be guessed."""
    return hashlib.sha256(secret.encode()).hexdigest()


def is_secret(secret_hash: str, secret: str) -> bool:
    """Whether a secret is the one, in constant time."""
    return hmac.compare_digest(secret_hash, hash_secret(secret))
