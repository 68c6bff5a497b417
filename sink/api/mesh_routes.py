"""Routes about meshes: announced, sent in pieces, finished."""

from typing import Annotated, Any, Literal

from fastapi import FastAPI, HTTPException, Path, Query, Request, Response
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from sink.api.mesh_store import MOST_BYTES, Mesh, MeshStore
from sink.api.people_models import Strict
from sink.api.problems import refusals
from sink.api.services import about, who_of

_V1 = "/api/v1/meshes"
CHUNK_BYTES = 4 << 20
MeshId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]


class MeshIn(Strict):
    """An upload that is to come."""

    name: str = Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]*$")
    format: Literal["ply", "obj", "glb"]
    size_bytes: int = Field(ge=1, le=MOST_BYTES)
    sha256: str = Field(pattern=r"^[0-9a-fA-F]{64}$")
    unit_m: float = Field(1.0, gt=0, le=1000, allow_inf_nan=False, description="metres in one unit of the file")


class MeshOut(Strict):
    """A mesh; ``faces`` and ``extent_m`` are null until it is finished."""

    id: str
    name: str
    size_bytes: int
    received_bytes: int
    sha256: str
    unit_m: float
    faces: int | None
    extent_m: float | None


def add_mesh_routes(app: FastAPI, store: MeshStore) -> None:
    """Announce, send, finish, list and remove."""

    @app.get(_V1, responses=refusals(401, 403, 404))
    def list_meshes(request: Request) -> list[MeshOut]:
        return [_shown(store, mesh) for mesh in store.all(who_of(request))]

    @app.post(_V1, status_code=201, responses=refusals(401, 403, 404, 409))
    def begin_mesh(request: Request, body: MeshIn) -> MeshOut:
        what = (body.name, f".{body.format}", body.size_bytes, body.sha256, body.unit_m)
        made = store.begin(who_of(request), *what)
        about(request, f"mesh:{made.id}")
        return _shown(store, made)

    @app.get(_V1 + "/{mesh}", responses=refusals(401, 403, 404))
    def show_mesh(request: Request, mesh: MeshId) -> MeshOut:
        return _shown(store, store.get(who_of(request), mesh))

    @app.post(_V1 + "/{mesh}/finish", responses=refusals(401, 403, 404, 409))
    def finish_mesh(request: Request, mesh: MeshId) -> MeshOut:
        about(request, f"mesh:{mesh}")
        return _shown(store, store.finish(store.get(who_of(request), mesh)))

    @app.delete(_V1 + "/{mesh}", status_code=204, responses=refusals(401, 403, 404))
    def remove_mesh(request: Request, mesh: MeshId) -> Response:
        about(request, f"mesh:{mesh}")
        store.remove(store.get(who_of(request), mesh))
        return Response(status_code=204)

    _add_bytes_route(app, store)


def _add_bytes_route(app: FastAPI, store: MeshStore) -> None:
    binary = {
        "requestBody": {"content": {"application/octet-stream": {"schema": {"type": "string"}}}, "required": True}
    }

    @app.put(_V1 + "/{mesh}/bytes", openapi_extra=binary, responses=refusals(401, 403, 404, 409, 413))
    async def add_bytes(request: Request, mesh: MeshId, offset: Annotated[int, Query(ge=0, le=MOST_BYTES)]) -> MeshOut:
        known = await run_in_threadpool(store.get, who_of(request), mesh)
        data = await request.body()
        if len(data) > CHUNK_BYTES:
            raise HTTPException(413, f"bytes: expected at most {CHUNK_BYTES} at once, got {len(data)}")
        await run_in_threadpool(store.add, known, offset, data)
        return await run_in_threadpool(_shown, store, known)


def _shown(store: MeshStore, mesh: Mesh) -> MeshOut:
    names = ("id", "name", "size_bytes", "sha256", "unit_m", "faces", "extent_m")
    same: dict[str, Any] = {name: getattr(mesh, name) for name in names}
    return MeshOut(received_bytes=store.received(mesh), **same)
