"""Whose a job is, and who else may read it."""

from sqlalchemy import Engine, delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError

from sink.people.models import JobPersonRow, UserRow
from sink.people.rights import Principal, Right, Role
from sink.people.transactions import begun


class Ownership:
    """Reads and changes rights on jobs; may be used by several threads.

    Every method raises ``Overloaded`` while Postgres does not answer.

    Args:
        engine: Of a migrated database.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def may(self, who: Principal, job_id: str, right: Right) -> bool:
        """Whether somebody has a right on a job; an owner may read, an admin everything."""
        if who.role is Role.ADMIN:
            return True
        if "\0" in job_id:
            return False
        query = select(JobPersonRow.right).where(JobPersonRow.job_id == job_id, JobPersonRow.user_id == who.user_id)
        with begun(self._engine) as connection:
            found = connection.execute(query).scalar()
        return found == Right.OWNER or (found is not None and right is Right.READER)

    def readable(self, who: Principal) -> frozenset[str] | None:
        """The jobs that somebody may read; None for all."""
        if who.role is Role.ADMIN:
            return None
        query = select(JobPersonRow.job_id).where(JobPersonRow.user_id == who.user_id)
        with begun(self._engine) as connection:
            return frozenset(connection.execute(query).scalars())

    def owned(self, user_id: str) -> frozenset[str]:
        """The jobs that are somebody's."""
        query = select(JobPersonRow.job_id).where(JobPersonRow.user_id == user_id, JobPersonRow.right == Right.OWNER)
        with begun(self._engine) as connection:
            return frozenset(connection.execute(query).scalars())

    def claim(self, job_id: str, user_id: str) -> bool:
        """Make a job somebody's; False where it is another's, or was: results under its name are not given away."""
        try:
            with begun(self._engine) as connection:
                row = {"job_id": job_id, "user_id": user_id, "right": Right.OWNER.value}
                owned = insert(JobPersonRow).values(row)
                set_ = {"right": Right.OWNER.value}
                connection.execute(owned.on_conflict_do_update(index_elements=["job_id", "user_id"], set_=set_))
        except IntegrityError:
            return False
        return True

    def disown(self, job_id: str, user_id: str) -> None:
        """Undo ``claim``."""
        mine = (JobPersonRow.job_id == job_id, JobPersonRow.user_id == user_id)
        with begun(self._engine) as connection:
            connection.execute(delete(JobPersonRow).where(*mine, JobPersonRow.right == Right.OWNER))

    def let_read(self, job_id: str, user_id: str) -> None:
        """Let somebody read a job; an owner stays one."""
        row = {"job_id": job_id, "user_id": user_id, "right": Right.READER.value}
        with begun(self._engine) as connection:
            connection.execute(insert(JobPersonRow).values(row).on_conflict_do_nothing())

    def stop_reading(self, job_id: str, user_id: str) -> None:
        """Undo ``let_read``."""
        mine = (JobPersonRow.job_id == job_id, JobPersonRow.user_id == user_id)
        with begun(self._engine) as connection:
            connection.execute(delete(JobPersonRow).where(*mine, JobPersonRow.right == Right.READER))

    def readers(self, job_id: str) -> dict[str, Right]:
        """Name -> right of everybody who has one on a job."""
        query = select(UserRow.name, JobPersonRow.right).join(JobPersonRow, JobPersonRow.user_id == UserRow.id)
        with begun(self._engine) as connection:
            rows = connection.execute(query.where(JobPersonRow.job_id == job_id).order_by(UserRow.name))
            return {name: Right(right) for name, right in rows}
