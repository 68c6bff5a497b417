"""Tokens, passwords, limits of rate and tickets, with clocks that the test moves."""

import base64
import json
from pathlib import Path

import jwt
import pytest

from sink.people.limits import RateLimit
from sink.people.rights import Refused, Role
from sink.people.secret import BadPassword, SecretMissing, hash_password, is_password, signing_secret
from sink.people.tickets import TICKET_S, Tickets
from sink.people.tokens import ACCESS_S, Tokens
from sink.settings import SinkSettings

SECRET = b"one of at least sixty-four bytes, so that it is good for HS512 too"
EVERYWHERE = "0.0.0.0"  # noqa: S104 - that it may not be bound is what is tested
GOOD = {"sub": "u", "sid": "s", "iat": 1000, "exp": 5000, "iss": "posestream", "aud": "posestream"}


class Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def test_a_token_says_whose_it_is_until_it_ends() -> None:
    clock = Clock()
    tokens = Tokens(SECRET, clock)
    made = tokens.make("u", "s")
    assert (tokens.read(made).user_id, tokens.read(made).ends_s) == ("u", 1000 + ACCESS_S)
    clock.now_s += ACCESS_S
    with pytest.raises(Refused, match="expired"):
        tokens.read(made)


@pytest.mark.parametrize(
    "token",
    [
        jwt.encode(GOOD, SECRET[::-1], "HS256"),
        jwt.encode(GOOD, SECRET, "HS512"),
        f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(GOOD)}.",
        f"{part({'alg': 'None'})}.{part(GOOD)}.{part('x')}",
        jwt.encode(GOOD | {"aud": "another"}, SECRET, "HS256"),
        jwt.encode(GOOD | {"iss": "another"}, SECRET, "HS256"),
        jwt.encode({name: value for name, value in GOOD.items() if name != "exp"}, SECRET, "HS256"),
        jwt.encode(GOOD | {"exp": "soon"}, SECRET, "HS256"),
        "no token",
        "a.b.c",
        "x" * 5000,
        "",
    ],
    ids=range(12),
)
def test_what_we_did_not_sign_so_is_refused(token: str) -> None:
    with pytest.raises(Refused) as caught:
        Tokens(SECRET, Clock()).read(token)
    assert caught.value.status == 401


def test_the_same_claims_signed_by_us_are_good() -> None:
    assert Tokens(SECRET, Clock()).read(jwt.encode(GOOD, SECRET, "HS256")).session_id == "s"


def test_a_password_is_hashed_with_argon2id_and_its_own_salt() -> None:
    first, second = hash_password("a good password"), hash_password("a good password")
    assert first.startswith("$argon2id$")
    assert first != second
    assert is_password(first, "a good password")
    assert not is_password(first, "a good passwore")
    assert not is_password(None, "a good password")
    assert not is_password("no hash", "a good password")


def test_a_short_password_is_refused() -> None:
    with pytest.raises(BadPassword, match="expected 12 to 1024 characters, got 5"):
        hash_password("short")


def test_the_secret_comes_from_a_file_or_the_environment_and_is_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "secret"
    file.write_bytes(SECRET + b"\n")
    assert signing_secret(file) == SECRET
    monkeypatch.setenv("POSESTREAM_SECRET", SECRET.decode())
    assert signing_secret(None) == SECRET
    monkeypatch.setenv("POSESTREAM_SECRET", "short")
    with pytest.raises(SecretMissing, match="at least 32 bytes in POSESTREAM_SECRET, got 5"):
        signing_secret(None)
    with pytest.raises(SecretMissing, match="No such file"):
        signing_secret(tmp_path / "none")


def test_a_bucket_lets_so_many_through_and_fills_again() -> None:
    clock = Clock()
    limit = RateLimit("tries", 6, clock)
    for _ in range(6):
        limit.take("a")
    with pytest.raises(Refused, match="tries: expected at most 6 a minute") as caught:
        limit.take("a")
    assert (caught.value.status, caught.value.retry_after_s) == (429, pytest.approx(10.0))
    limit.take("b")
    clock.now_s += 10.0
    limit.take("a")
    with pytest.raises(Refused):
        limit.take("a")


def test_a_ticket_is_good_once_and_not_for_long() -> None:
    clock = Clock()
    tickets = Tickets(clock)
    ticket = tickets.make("token")
    assert tickets.redeem(ticket) == "token"
    late = tickets.make("token")
    clock.now_s += TICKET_S + 1
    for bad in (ticket, late, "made up"):
        with pytest.raises(Refused, match="ticket"):
            tickets.redeem(bad)


def test_roles_are_known_by_their_words() -> None:
    assert [Role.of(role.word) for role in Role] == [Role.VIEWER, Role.OPERATOR, Role.ADMIN]
    with pytest.raises(ValueError, match="expected viewer, operator, admin, got 'root'"):
        Role.of("root")


def test_another_address_than_loopback_needs_accounts_and_a_name() -> None:
    with pytest.raises(ValueError, match="expected a loopback address, since this service has no --accounts"):
        SinkSettings(host=EVERYWHERE)
    with pytest.raises(ValueError, match="public: expected the name:port"):
        SinkSettings(host=EVERYWHERE, accounts=True)
    assert SinkSettings(host=EVERYWHERE, accounts=True, public="a:1, B:2").hosts() == {"a:1", "b:2"}
    assert SinkSettings(host="::1").host == "::1"
