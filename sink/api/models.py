"""The table of uploaded meshes, as a SQLAlchemy model; ``sink/migrations`` makes it."""

from datetime import datetime

from sqlalchemy import Index, func
from sqlalchemy.orm import Mapped, mapped_column

from sink.models import Base


class MeshRow(Base):
    """An upload, and the mesh that it became; its bytes lie in the service's mesh folder.

    Attributes:
        user_id: Whose it is; empty where there are no accounts.
        name: For people.
        suffix: .ply, .obj or .glb.
        size_bytes: As it was announced.
        sha256: The same, in hex.
        unit_m: Metres in one unit of the file.
        faces: Triangles; null until it is finished and was found good.
        extent_m: Longest side of its box, in metres; null as ``faces``.
    """

    __tablename__ = "meshes"
    __table_args__ = (Index(None, "user_id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str]
    name: Mapped[str]
    suffix: Mapped[str]
    size_bytes: Mapped[int]
    sha256: Mapped[str]
    unit_m: Mapped[float]
    faces: Mapped[int | None]
    extent_m: Mapped[float | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
