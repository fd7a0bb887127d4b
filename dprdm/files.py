"""Files are whole or absent: written beside their place, flushed, then moved there in one step."""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from dprdm.errors import UserError


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary file beside `path`, then move it to `path` in one step; on failure leave nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tmp_path = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write(tmp_path)
        with tmp_path.open("rb+") as stream:
            os.fsync(stream.fileno())
        tmp_path.replace(path)
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(
            f"Expected to write {path}, and it failed ({reason}). Is the disk full? Nothing half written was left."
        ) from error
    finally:
        tmp_path.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    write_whole(path, lambda tmp_path: tmp_path.write_text(text, encoding="utf-8"))


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all."""
    write_whole(path, lambda tmp_path: tmp_path.write_bytes(content))


def fill_folder(path: Path, fill: Callable[[Path], object]) -> None:
    """Let `fill` write files into a new folder beside `path`, then move it there in one step; on failure leave nothing.

    Raises:
        UserError: if there is something at `path` already.
    """
    if path.exists():
        raise UserError(f"Expected nothing at {path} yet. Name another folder, or remove that one.")
    tmp_path = path.with_name(f".{path.name}.{os.getpid()}")
    tmp_path.mkdir(parents=True)
    try:
        fill(tmp_path)
        tmp_path.rename(path)
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(
            f"Expected to write {path}, and it failed ({reason}). Is the disk full? Nothing half written was left."
        ) from error
    finally:
        shutil.rmtree(tmp_path, ignore_errors=True)


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold a lock on `path`, an empty file that is left there, so that two processes do not make the same thing at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def hash_file(path: Path) -> str:
    """Return SHA-256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_json(path: Path, error: type[UserError] = UserError) -> Any:
    """Return the JSON in `path`. Raises `error` with one sentence if it is missing or damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as missing:
        raise error(f"Expected a file at {path}, and there is none.") from missing
    except (UnicodeDecodeError, json.JSONDecodeError) as damaged:
        raise error(f"Expected JSON in {path}; the file is damaged ({damaged}).") from damaged
