"""The whole web application on a real Postgres, with the book of jobs in memory and clocks that the test moves."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from httpx2 import Response
from sqlalchemy import Engine
from starlette.routing import BaseRoute
from starlette.testclient import TestClient

from consumers.book import JobBook
from consumers.memory import MemoryBroker
from posestream.stack import Addresses
from schemas import Job, JobObject
from schemas.codec import Codec
from schemas.topics import specs
from sink.api.job_making import JobMaker
from sink.api.mesh_store import MeshStore
from sink.api.places import ModelFolders
from sink.api.services import Services
from sink.database import connect, migrate
from sink.people.rights import Role
from sink.people.sessions import Sessions
from sink.people.tokens import Tokens
from sink.queries import Queries
from sink.web import make_web
from tests.integration.databases import new_database

HOST = "127.0.0.1:8080"
SECRET = b"a secret of tests, longer than 32 bytes"
PASSWORD = "correct horse battery"  # noqa: S105 - of tests


@contextmanager
def database(stack: Addresses) -> Iterator[Engine]:
    """A migrated database of its own."""
    with new_database(stack, "api") as address:
        engine = connect(address)
        migrate(engine)
        yield engine
        engine.dispose()


class ApiWorld:
    """Ann owns job ``a``, Bob may make jobs, Vic may only look, Root is the admin."""

    def __init__(
        self,
        engine: Engine,
        *,
        accounts: bool = True,
        routes: tuple[BaseRoute, ...] = (),
        models: Path | None = None,
        meshes: Path | None = None,
    ) -> None:
        self.now_s = 1_800_000_000.0
        self.engine = engine
        self.broker, self.codec = MemoryBroker(), Codec("mock://api")
        self.broker.ensure_topics(specs(["default"], 2))
        self.book = JobBook(self.broker, self.codec, 2)
        self.services = Services(engine, Queries(engine), lambda: self.book, SECRET if accounts else None)
        self.services.sessions = Sessions(engine, Tokens(SECRET, lambda: self.now_s), lambda: self.now_s)
        self.maker = JobMaker(self.services, ModelFolders([models] if models else []), MeshStore(engine, meshes))
        self.app = make_web(self.services, routes, None, {HOST}, maker=self.maker)
        self.client = TestClient(self.app, base_url=f"http://{HOST}", raise_server_exceptions=True)
        self.roles = {"root": Role.ADMIN, "ann": Role.OPERATOR, "bob": Role.OPERATOR, "vic": Role.VIEWER}
        self.tokens: dict[str, str] = {}
        if accounts:
            self._add_people()
        self.book.create(Job("a", (JobObject("cube", "cube.ply"),)))

    def ask(self, method: str, path: str, who: str | None = None, **fields: object) -> Response:
        headers = {"authorization": f"Bearer {self.tokens.get(who, who)}"} if who else {}
        return self.client.request(method, path, headers=headers, **fields)  # type: ignore[arg-type]

    def log_in(self, name: str, password: str = PASSWORD) -> dict[str, str]:
        answer = self.ask("POST", "/api/v1/login", json={"name": name, "password": password})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def _add_people(self) -> None:
        for name, role in self.roles.items():
            user = self.services.accounts.add(name, role)
            _, self.tokens[name] = self.services.sessions.make_key(user.id, "tests", None)
            if name == "ann":
                assert self.services.ownership.claim("a", user.id)
