"""Access tokens: JSON Web Tokens (RFC 7519) signed with HMAC-SHA-256, short-lived."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import jwt

from sink.people.rights import Refused

ACCESS_S = 15 * 60.0
_ALGORITHM = "HS256"  # the only one that is ever accepted, whatever a token's header says
_ISSUER = "posestream"
_LONGEST = 4096
_CLAIMS = ("sub", "sid", "iat", "exp", "iss", "aud")


@dataclass(frozen=True, slots=True)
class AccessToken:
    """What a good token says.

    Attributes:
        user_id: Whose it is.
        session_id: Of which log-in.
        ends_s: Seconds since the Unix epoch.
    """

    user_id: str
    session_id: str
    ends_s: float


class Tokens:
    """Makes and checks access tokens; whether the session still stands is asked elsewhere.

    Args:
        secret: At least 32 bytes.
        now_s: Seconds since the Unix epoch.
    """

    def __init__(self, secret: bytes, now_s: Callable[[], float] = time.time) -> None:
        self._secret = secret
        self._now_s = now_s

    def make(self, user_id: str, session_id: str) -> str:
        """A token that is good for ``ACCESS_S``."""
        now_s = self._now_s()
        claims = {"sub": user_id, "sid": session_id, "iat": int(now_s), "exp": int(now_s + ACCESS_S)}
        return jwt.encode(claims | {"iss": _ISSUER, "aud": _ISSUER}, self._secret, _ALGORITHM)

    def read(self, token: str) -> AccessToken:
        """What a token says.

        Raises:
            Refused: 401: it is forged, expired, of another algorithm (``none`` too), or no token.
        """
        if len(token) > _LONGEST:
            raise Refused(401, "token: too long")
        options = {"require": list(_CLAIMS), "verify_exp": False, "verify_iat": False}
        try:
            claims = jwt.decode(
                token,
                self._secret,
                [_ALGORITHM],
                options=options,  # type: ignore[arg-type] - a TypedDict there
                audience=_ISSUER,
                issuer=_ISSUER,
            )
            found = AccessToken(str(claims["sub"]), str(claims["sid"]), float(claims["exp"]))
        except (jwt.InvalidTokenError, TypeError, ValueError) as error:
            reason = f"token: not one of ours: {error}"
            raise Refused(401, reason) from error
        if not self._now_s() < found.ends_s:  # by our clock, which tests move
            raise Refused(401, "token: expired")
        return found
