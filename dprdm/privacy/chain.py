"""An append-only, hash-chained table in one SQLite file, safe across processes and against loss of power.

Each row carries the hash of the row before it, so an edit, an insertion or a deletion inside shows. What a chain alone
cannot show is that its end was cut off, or that all of it was written anew; whoever keeps a copy of a hash (a
certificate does) can.
"""

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dprdm.errors import LedgerError

# Seconds that a process waits for another one's charge, composition included.
WAIT = 120.0
# EXTRA also flushes the folder after the journal is deleted, so that a charge cannot come undone with the power.
DURABILITY = "EXTRA"
GENESIS = "0" * 64
SCHEMA = """
CREATE TABLE rows (
    id INTEGER PRIMARY KEY, time TEXT NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL,
    previous TEXT NOT NULL, hash TEXT NOT NULL);
CREATE TRIGGER no_update BEFORE UPDATE ON rows BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER no_delete BEFORE DELETE ON rows BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER no_gap BEFORE INSERT ON rows WHEN NEW.id IS NOT (SELECT COALESCE(MAX(id), 0) + 1 FROM rows)
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
"""


@dataclass(frozen=True)
class LedgerRow:
    """One entry. `hash` covers all the other fields; `previous` is the hash of the row before."""

    id: int
    time: str
    kind: str
    body: dict[str, Any]
    previous: str
    hash: str

    def expected_hash(self) -> str:
        """Return what `hash` must be."""
        content = json.dumps([self.id, self.time, self.kind, self.body, self.previous], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()


@dataclass(frozen=True)
class Chain:
    """The file. Connections are opened for each use and closed after it, so nothing is carried across a fork.

    Args:
        path: of the SQLite file. It is made by `writing(create=True)` and by nothing else.
    """

    path: Path

    def exists(self) -> bool:
        """Return whether there is a table: a file cut off while it was being made does not count."""
        return self.path.is_file() and bool(self._select("SELECT 1 FROM sqlite_master WHERE name = 'rows'"))

    def read(self) -> list[LedgerRow]:
        """Read all rows, unchecked, as of one instant."""
        return [_row(values) for values in self._select("SELECT * FROM rows ORDER BY id")]

    @contextmanager
    def writing(self, create: bool = False) -> Iterator["Writer"]:
        """Hold the write lock; what is appended inside is on the disk when the block ends without an error.

        Raises:
            LedgerError: if the file cannot be opened, or another process holds it for longer than `WAIT`.
        """
        with self._connection("rwc" if create else "rw") as connection:
            connection.execute(f"PRAGMA synchronous = {DURABILITY}")
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield Writer(connection)
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def _select(self, query: str) -> list[tuple[Any, ...]]:
        # Reading may have to finish the rollback of a process that was killed, so it opens for writing where it may.
        with self._connection("rw" if os.access(self.path, os.W_OK) else "ro") as connection:
            return connection.execute(query).fetchall()

    @contextmanager
    def _connection(self, mode: str) -> Iterator[sqlite3.Connection]:
        uri = f"{self.path.absolute().as_uri()}?mode={mode}"
        try:
            with closing(sqlite3.connect(uri, uri=True, timeout=WAIT, isolation_level=None)) as connection:
                yield connection
        except sqlite3.Error as error:
            raise LedgerError(f"The ledger {self.path} cannot be used: {error}.") from error


@dataclass(frozen=True)
class Writer:
    """What may be done under the write lock: look, and append."""

    connection: sqlite3.Connection

    def make_table(self) -> None:
        """Create the table and the triggers that forbid changing it."""
        if not self.connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'rows'").fetchall():
            for statement in SCHEMA.replace("END;", "END;\0").replace("NULL);", "NULL);\0").split("\0"):
                self.connection.execute(statement)

    def read(self) -> list[LedgerRow]:
        """Return all rows, unchecked."""
        return [_row(values) for values in self.connection.execute("SELECT * FROM rows ORDER BY id")]

    def append(self, kind: str, body: dict[str, Any], after: list[LedgerRow]) -> LedgerRow:
        """Add a row at the end; `after` are the rows that `read` gave."""
        previous = after[-1].hash if after else GENESIS
        row = LedgerRow(len(after) + 1, datetime.now(UTC).isoformat(timespec="seconds"), kind, body, previous, "")
        row = LedgerRow(row.id, row.time, kind, body, previous, row.expected_hash())
        values = (row.id, row.time, kind, json.dumps(body, sort_keys=True), previous, row.hash)
        self.connection.execute("INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?)", values)
        return row


def check_chain(rows: list[LedgerRow]) -> None:
    """Raise LedgerError at the first row that was changed, moved, added or removed after it was written."""
    previous = GENESIS
    for position, row in enumerate(rows, start=1):
        if (row.id, row.previous, row.hash) != (position, previous, row.expected_hash()):
            raise LedgerError(
                f"Row {row.id} of the ledger was changed after it was written. Restore the ledger from a copy."
            )
        previous = row.hash


def _row(values: tuple[Any, ...]) -> LedgerRow:
    try:
        return LedgerRow(values[0], values[1], values[2], json.loads(values[3]), values[4], values[5])
    except json.JSONDecodeError as error:
        raise LedgerError(f"Row {values[0]} of the ledger is not JSON. Restore the ledger from a copy.") from error
