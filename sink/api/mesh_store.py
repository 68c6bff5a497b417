"""Uploads that may be interrupted, and the meshes they become: rows in Postgres, bytes in one folder."""

import hashlib
import shutil
import threading
import uuid
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fastapi import HTTPException
from sqlalchemy import Engine, delete, insert, select, update

from sink.api.mesh_check import BadMesh, measure
from sink.api.models import MeshRow
from sink.people.rights import Principal, Role
from sink.people.transactions import begun

MOST_BYTES = 256 << 20
MOST_BYTES_OF_A_USER = 2 << 30


@dataclass(frozen=True, slots=True)
class Mesh:
    """An upload; fields as in ``sink.api.models.MeshRow``."""

    id: str
    user_id: str
    name: str
    suffix: str
    size_bytes: int
    sha256: str
    unit_m: float
    faces: int | None
    extent_m: float | None


class MeshStore:
    """Keeps meshes; may be used by several threads.

    Every method raises ``Overloaded`` while Postgres does not answer, and ``HTTPException`` for what cannot be.

    Args:
        engine: Of a migrated database.
        folder: Where the bytes go, under names of ours only; None for a service that keeps no meshes.
    """

    def __init__(self, engine: Engine, folder: Path | None) -> None:
        self._engine = engine
        self._folder = folder
        self._adding = threading.Lock()

    def begin(self, who: Principal, name: str, suffix: str, size_bytes: int, sha256: str, unit_m: float) -> Mesh:
        """Announce an upload, within the quota of its user."""
        self._need_folder().mkdir(parents=True, exist_ok=True)
        held = sum(mesh.size_bytes for mesh in self.all(who) if mesh.user_id == who.user_id)
        if held + size_bytes > MOST_BYTES_OF_A_USER:
            raise HTTPException(409, f"meshes: expected at most {MOST_BYTES_OF_A_USER} bytes of a user")
        made = Mesh(uuid.uuid4().hex, who.user_id, name, suffix, size_bytes, sha256.lower(), unit_m, None, None)
        with begun(self._engine) as connection:
            values = {field: getattr(made, field) for field in Mesh.__dataclass_fields__}
            connection.execute(insert(MeshRow).values(values))
        return made

    def all(self, who: Principal) -> list[Mesh]:
        """Those of somebody; all for an admin."""
        query = select(*_columns()).order_by(MeshRow.created_at, MeshRow.id)
        if who.role is not Role.ADMIN:
            query = query.where(MeshRow.user_id == who.user_id)
        with begun(self._engine) as connection:
            return [Mesh(**row) for row in connection.execute(query).mappings()]

    def get(self, who: Principal, mesh_id: str) -> Mesh:
        """One of somebody's; 404 for another's."""
        with begun(self._engine) as connection:
            row = connection.execute(select(*_columns()).where(MeshRow.id == mesh_id)).mappings().first()
        if row is None or (who.role is not Role.ADMIN and row["user_id"] != who.user_id):
            raise HTTPException(404, f"expected a known mesh, got {mesh_id[:80]!r}")
        return Mesh(**row)

    def received(self, mesh: Mesh) -> int:
        """Bytes that are there."""
        path = self.path(mesh) if mesh.faces is not None else self._part(mesh)
        return path.stat().st_size if path.exists() else 0

    def add(self, mesh: Mesh, offset: int, data: bytes) -> int:
        """Put bytes behind those that are there; 409 where they do not fit there. Returns how many are there now."""
        with self._adding:  # two of the same piece: the second one is refused
            have = self.received(mesh)
            if mesh.faces is not None or offset != have or have + len(data) > mesh.size_bytes:
                detail = f"mesh {mesh.id}: expected bytes from {have} on, at most {mesh.size_bytes} in all"
                raise HTTPException(409, f"{detail}, got {len(data)} from {offset} on")
            with self._part(mesh).open("ab") as file:
                file.write(data)
            return have + len(data)

    def finish(self, mesh: Mesh) -> Mesh:
        """Check size, digest and what is in it; 422 where it is no good mesh: then it begins anew."""
        if mesh.faces is not None:
            return mesh
        part, have = self._part(mesh), self.received(mesh)
        if have != mesh.size_bytes:
            raise HTTPException(409, f"mesh {mesh.id}: expected {mesh.size_bytes} bytes, got {have} until now")
        try:
            _check_digest(part, mesh.sha256)
            found = measure(part, mesh.unit_m)
        except BadMesh as error:
            part.unlink()
            raise HTTPException(422, str(error)) from error
        self.path(mesh).parent.mkdir(exist_ok=True)
        part.rename(self.path(mesh))
        with begun(self._engine) as connection:
            values = {"faces": found.faces, "extent_m": found.extent_m}
            connection.execute(update(MeshRow).where(MeshRow.id == mesh.id).values(values))
        return replace(mesh, faces=found.faces, extent_m=found.extent_m)

    def remove(self, mesh: Mesh) -> None:
        """Forget a mesh and its bytes; jobs that use it cannot be begun anew."""
        with begun(self._engine) as connection:
            connection.execute(delete(MeshRow).where(MeshRow.id == mesh.id))
        self._part(mesh).unlink(missing_ok=True)
        shutil.rmtree(self.path(mesh).parent, ignore_errors=True)

    def path(self, mesh: Mesh) -> Path:
        """Where a finished mesh lies: alone in a folder, so that a file which it names is never another's.

        The name is ours, nothing of the user's is in it.
        """
        return self._need_folder() / mesh.id / f"mesh{mesh.suffix}"

    def _part(self, mesh: Mesh) -> Path:
        return self._need_folder() / f"part-{mesh.id}{mesh.suffix}"

    def _need_folder(self) -> Path:
        if self._folder is None:
            raise HTTPException(404, "this service keeps no meshes: it was started without --mesh-folder")
        return self._folder


def _columns() -> list[Any]:
    return [getattr(MeshRow, name) for name in Mesh.__dataclass_fields__]


def _check_digest(path: Path, sha256: str) -> None:
    with path.open("rb") as file:
        came = hashlib.file_digest(file, "sha256").hexdigest()
    if came != sha256:
        msg = f"mesh: expected sha256 {sha256}, got {came}"
        raise BadMesh(msg)
