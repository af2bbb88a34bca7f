"""What a database answers to one query, as columns."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Literal

import pyarrow as pa
from glasshouse import UserError, did_you_mean

from glasshouse_plugins.data.tables import cast

_ROWS_AT_A_TIME = 50_000
_READS = re.compile(r"\s*(--[^\n]*\n\s*)*(select|with|values|table)\b", re.IGNORECASE)


class SqlTable:
    """The rows of one query, read through SQLAlchemy.

    The URL may hold environment variables (``postgresql://reader:$PASSWORD@host/db``), which are looked up here and
    are thus in no configuration. The query only reads: it begins with SELECT, WITH, VALUES or TABLE, SQLite is
    told to refuse changes, and elsewhere the transaction is rolled back.

    Args:
        url: what SQLAlchemy connects to; the driver has to be installed.
        query: one statement.
        who: how error messages call the data.

    Raises:
        UserError: without SQLAlchemy, for another statement, and for a SQLite file that is not there.
    """

    def __init__(self, url: str, query: str, *, who: str) -> None:
        if not _READS.match(query):
            raise UserError(
                who, f"the query begins with '{query.split()[0] if query.split() else ''}'.", "It must be a SELECT."
            )
        try:
            import sqlalchemy
        except ImportError as error:
            raise UserError(
                who, "reads databases through SQLAlchemy, which is missing.", "pip install glasshouse-plugins[sql]"
            ) from error
        self.who = who
        self.query = query
        try:
            self._url = sqlalchemy.make_url(os.path.expandvars(url))
        except sqlalchemy.exc.ArgumentError as error:
            raise UserError(who, "the database's URL cannot be read.", "E.g. sqlite:///people.db") from error
        # SQLite would make an empty file of that name
        database = self._url.database
        if self._url.get_backend_name() == "sqlite" and not (database and os.path.isfile(database)):
            raise UserError(
                who,
                f"there is no file {database}.",
                "sqlite:///people.db is in this folder, sqlite:////data/people.db is not.",
            )

    @property
    def source(self) -> str:
        """The database without user and password."""
        from sqlalchemy import URL

        url = self._url
        return URL.create(url.drivername, host=url.host, port=url.port, database=url.database).render_as_string()

    def names(self) -> list[str]:
        """The columns of the answer.

        Raises:
            UserError: where the database cannot be asked, or two columns have one name.
        """
        return list(self._table.column_names)

    def require(self, asked: Iterable[tuple[str, str]], names: Sequence[str]) -> None:
        """Refuse an option that names a column which is not there."""
        for role, name in asked:
            if name not in names:
                raise UserError(
                    self.who, f"`{role}` names '{name}', which is no column of the query.", did_you_mean(name, names)
                )

    def read(
        self, needed: Sequence[str], types: Mapping[str, Literal["numeric", "categorical"]] | None = None
    ) -> pa.Table:
        """Some of the columns.

        Raises:
            UserError: where a column is not of the type that is asked for.
        """
        try:
            return cast(self._table.select(list(needed)), types or {})
        except pa.ArrowInvalid as error:
            raise UserError(self.who, f"the query's answer cannot be read: {str(error).splitlines()[0]}") from error

    @cached_property
    def _table(self) -> pa.Table:
        import sqlalchemy
        from sqlalchemy.exc import SQLAlchemyError

        try:
            engine = sqlalchemy.create_engine(self._url)
        except (SQLAlchemyError, ImportError) as error:
            raise self._refused(error) from error
        try:
            with engine.connect() as connection:  # left without a commit: what a query might change is undone
                if self._url.get_backend_name() == "sqlite":  # whose driver commits a change behind WITH at once
                    connection.exec_driver_sql("PRAGMA query_only = ON")
                answer = connection.execution_options(stream_results=True).execute(sqlalchemy.text(self.query))
                names = list(answer.keys())
                repeated = [name for name, count in Counter(names).items() if count > 1]
                if repeated:
                    raise UserError(
                        self.who, f"the query has several columns called '{repeated[0]}'.", "Rename them: AS."
                    )
                parts = [_columns(rows, names) for rows in answer.partitions(_ROWS_AT_A_TIME)]
        except SQLAlchemyError as error:
            raise self._refused(error) from error
        finally:
            engine.dispose()
        if not parts:
            raise UserError(self.who, "the query found no rows.")
        return pa.concat_tables(parts, promote_options="permissive")

    def _refused(self, error: Exception) -> UserError:
        said = str(getattr(error, "orig", None) or error).splitlines()[0]
        return UserError(self.who, f"{self.source} refuses the query: {said}.")


def _columns(rows: Sequence[Any], names: Sequence[str]) -> pa.Table:
    return pa.table([pa.array(column) for column in zip(*rows, strict=True)], names=list(names))
