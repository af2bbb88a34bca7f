"""The result of an SQL query as columns."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Literal

import pyarrow as pa
from glasshouse import UserError, did_you_mean
from glasshouse.data import level_name

from glasshouse_plugins.data.tables import TableColumns, cast

_ROWS_AT_A_TIME = 50_000
_SELECT = re.compile(r"\s*(--[^\n]*\n\s*)*(select|with|values|table)\b", re.IGNORECASE)


class SqlTable:
    """The rows of one query, read with SQLAlchemy.

    The URL may contain environment variables (``postgresql://reader:$PASSWORD@host/db``), which are expanded here, so
    that their values are not in any configuration. The query is read-only: it must begin with SELECT, WITH, VALUES or
    TABLE; SQLite runs in query-only mode; other databases roll the transaction back.

    Args:
        url: URL of the database for SQLAlchemy; the database driver must be installed.
        query: one SQL statement.
        who: name of the data in error messages.

    Raises:
        UserError: without SQLAlchemy, for another statement, or for a SQLite file that does not exist.
    """

    def __init__(self, url: str, query: str, *, who: str) -> None:
        if not _SELECT.match(query):
            raise UserError(
                who,
                f"the query begins with '{query.split()[0] if query.split() else ''}'; expected SELECT, WITH, VALUES "
                "or TABLE.",
            )
        try:
            import sqlalchemy
        except ImportError as error:
            raise UserError(
                who, "databases require SQLAlchemy, which is not installed.", "pip install glasshouse-plugins[sql]"
            ) from error
        self.who = who
        self.query = query
        try:
            self._url = sqlalchemy.make_url(os.path.expandvars(url))
        except sqlalchemy.exc.ArgumentError as error:
            raise UserError(
                who, "the database's URL is malformed.", "Expected a URL such as sqlite:///people.db."
            ) from error
        # SQLite would create an empty file
        database = self._url.database
        if self._url.get_backend_name() == "sqlite" and not (database and os.path.isfile(database)):
            raise UserError(
                who,
                f"there is no file {database}.",
                "sqlite:///people.db is relative to the current folder; sqlite:////data/people.db is absolute.",
            )

    @property
    def source(self) -> str:
        """The database without user and password."""
        from sqlalchemy import URL

        url = self._url
        return URL.create(url.drivername, host=url.host, port=url.port, database=url.database).render_as_string()

    def names(self) -> list[str]:
        """Names of the columns.

        Raises:
            UserError: if the query fails, or two columns have the same name.
        """
        return list(self._table.column_names)

    def require(self, used: Iterable[tuple[str, str]], names: Sequence[str]) -> None:
        """Refuse an option that names a column which does not exist.

        Args:
            used: pairs of an option and a column that it names.
            names: the columns that exist.
        """
        for option, name in used:
            if name not in names:
                raise UserError(
                    self.who,
                    f"`{option}` names '{name}', which is not a column of the query.",
                    did_you_mean(name, names),
                )

    def read(
        self, needed: Sequence[str], types: Mapping[str, Literal["numeric", "categorical"]] | None = None
    ) -> pa.Table:
        """The columns `needed`, cast to `types`.

        Raises:
            UserError: if a column cannot be cast.
        """
        return cast(self._table.select(list(needed)), types or {}, who=self.who)

    def read_columns(
        self, needed: Sequence[str], types: Mapping[str, Literal["numeric", "categorical"]] | None = None
    ) -> TableColumns:
        """As `read`: values of a database have types."""
        return TableColumns(self.read(needed, types))

    @cached_property
    def _table(self) -> pa.Table:
        import sqlalchemy
        from sqlalchemy.exc import SQLAlchemyError

        try:
            engine = sqlalchemy.create_engine(self._url)
        except (SQLAlchemyError, ImportError) as error:
            raise self._query_error(error) from error
        try:
            with engine.connect() as connection:  # never committed: changes by a query are rolled back
                if self._url.get_backend_name() == "sqlite":  # whose driver commits changes after WITH at once
                    connection.exec_driver_sql("PRAGMA query_only = ON")
                result = connection.execution_options(stream_results=True).execute(sqlalchemy.text(self.query))
                names = list(result.keys())
                repeated = [name for name, count in Counter(names).items() if count > 1]
                if repeated:
                    raise UserError(
                        self.who, f"the query has several columns called '{repeated[0]}'.", "Rename them with AS."
                    )
                parts = [list(zip(*rows, strict=True)) for rows in result.partitions(_ROWS_AT_A_TIME)]
        except SQLAlchemyError as error:
            raise self._query_error(error) from error
        finally:
            engine.dispose()
        if not parts:
            raise UserError(self.who, "the query returns no rows.")
        return pa.table({name: _joined([part[k] for part in parts]) for k, name in enumerate(names)})

    def _query_error(self, error: Exception) -> UserError:
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        return UserError(self.who, f"the query of {self.source} fails: {reason}.")


def _joined(parts: Sequence[Sequence[Any]]) -> pa.ChunkedArray:
    """The values of one column; those of several types, as SQLite has them, are text."""
    values = [value for part in parts for value in part]
    try:
        return pa.chunked_array([pa.array(values)])
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.chunked_array([pa.array([level_name(value) for value in values], pa.string())])
