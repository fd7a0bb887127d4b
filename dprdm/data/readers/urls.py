"""Files on disk or behind any URL that fsspec knows (s3://, gs://, https://, hf://), several of them by one pattern."""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from dprdm.data.readers.optional import load
from dprdm.errors import UserError

ATTEMPTS = 3
PAUSE = 1.0  # seconds before the second attempt; longer before each further one

T = TypeVar("T")


def expand(patterns: str | Sequence[str], suffix: str) -> list[str]:
    """Return the files that `patterns` mean, each once, in order.

    Args:
        patterns: paths or URLs: with numbers and words in braces (`{000..122}`, `{train,val}`), with wildcards, or of a
            folder, which means all its files with this suffix.
        suffix: such as `.tar`.
    """
    texts = [patterns] if isinstance(patterns, str) else list(patterns)
    names = [name for pattern in texts for name in (_braces(pattern) if "{" in pattern else [pattern])]
    files = [file for name in names for file in _files(name, suffix)]
    if not files:
        raise UserError(f"Expected {suffix} files at {', '.join(texts)}, and found none.")
    return list(dict.fromkeys(files))


def open_stream(url: str) -> Any:
    """Open a file for reading, at any position: a binary stream of the file system's own class."""
    return _attempted(url, lambda system, path: system.open(path, "rb"))


def read_range(url: str, start: int, stop: int) -> bytes:
    """Return bytes `start` to `stop` of a file; fewer where it ends earlier. Nothing stays open, so processes may fork."""
    content: bytes = _attempted(url, lambda system, path: system.cat_file(path, start=start, end=stop))
    if len(content) > stop - start:
        raise UserError(f"Expected the server of {url} to serve parts of a file, and it sends all. Copy the file here.")
    return content


@contextlib.contextmanager
def reading(url: str) -> Iterator[None]:
    """Turn errors of a file system, and of a library that reads through it, into one UserError that names the file."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # each file system, and each library, has errors of its own
        raise UserError(f"Expected to read {url}, and it failed: {type(error).__name__}: {error}.") from error


def is_local(url: str) -> bool:
    """Return whether it is a file on this machine."""
    return _system(url)[0].protocol in {"file", "local", ("file", "local")}


def short_names(urls: Sequence[str]) -> list[str]:
    """Return file names where they tell the files apart, else the whole URLs."""
    names = [url.rpartition("/")[2] for url in urls]
    return names if len(set(names)) == len(names) else list(urls)


def _braces(pattern: str) -> list[str]:
    return list(load("braceexpand").braceexpand(pattern))


def _files(name: str, suffix: str) -> list[str]:
    system, path = _system(name)
    if any(letter in path for letter in "*?["):
        return [system.unstrip_protocol(file) for file in sorted(_attempted(name, lambda s, p: s.glob(p)))]
    if not path.endswith(suffix) and _attempted(name, lambda s, p: s.isdir(p)):
        inside = _attempted(name, lambda s, p: s.glob(f"{p.rstrip('/')}/**/*{suffix}"))
        return [system.unstrip_protocol(file) for file in sorted(inside)]
    return [name]


def _attempted(url: str, act: Callable[[Any, str], T]) -> T:
    """What `act` returns; a network may fail twice. Raises UserError with the reason if it fails for good."""
    system, path = _system(url)
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return act(system, path)
        except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
            raise UserError(f"Expected a file at {url} that can be read, and there is none ({error}).") from error
        except Exception as error:  # each file system has errors of its own
            if attempt == ATTEMPTS or is_local(url):
                raise UserError(f"Expected to read {url}, and it failed: {type(error).__name__}: {error}.") from error
            time.sleep(PAUSE * attempt)
    raise AssertionError("unreachable")


def _system(url: str) -> tuple[Any, str]:
    try:
        system: tuple[Any, str] = load("fsspec.core").url_to_fs(url)
        return system
    except (ValueError, ImportError) as error:
        raise UserError(f"Expected a path or a URL that fsspec can open, not {url}: {error}.") from error
