"""Plugins as plain values: for ledgers, certificates and the names of stored releases."""

import dataclasses
from pathlib import Path
from typing import Any

from dprdm.guarantee.mechanism import READING


def describe(plugin: Any) -> dict[str, Any]:
    """Return a plugin (a frozen dataclass with a `name`) as plain values: short name, class, fields.

    Of a file whose hash is a field as well (`partition`, `partition_sha256`), only the name remains: what it is, not where
    it lies, makes a request the same.
    """
    return _described(plugin, [field.name for field in dataclasses.fields(plugin)])


def describe_release(plugin: Any) -> dict[str, Any]:
    """Return the same without the fields that only say how a release is read (`dprdm.guarantee.mechanism.READING`)."""
    fields = dataclasses.fields(plugin)
    return _described(plugin, [field.name for field in fields if READING.items() - field.metadata.items()])


def as_version_0_4(description: dict[str, Any]) -> dict[str, Any]:
    """Return a description as version 0.4 wrote it, into ledgers and into the names of stored releases.

    The plugins lay in a package of their own: `plugins.mechanisms.gaussian.Gaussian`.
    """
    path = description["class"]
    return {**description, "class": path.removeprefix("dprdm.") if path.startswith("dprdm.plugins.") else path}


def _described(plugin: Any, names: list[str]) -> dict[str, Any]:
    kind, every = type(plugin), dataclasses.asdict(plugin)
    fields = {name: str(every[name]) if isinstance(every[name], Path) else every[name] for name in names}
    hashed = {name: Path(value).name for name, value in fields.items() if value and f"{name}_sha256" in every}
    return {"name": kind.name, "class": f"{kind.__module__}.{kind.__qualname__}", "fields": {**fields, **hashed}}
