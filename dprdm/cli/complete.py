"""Whether settings are complete: options without a default, files that must exist, and the checks that a body opens with."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dprdm import check
from dprdm.cli.kinds import Built, Existing, Kind, Scalar, Several
from dprdm.cli.settings import Settings
from dprdm.cli.signature import UNKNOWN, Signature, read_signature
from dprdm.errors import UserError


def require_complete(settings: Settings, positional: tuple[str, ...] = (), unused: tuple[str, ...] = ()) -> None:
    """Raise UserError if an option or a file is missing, or if a check that a signature opens with does not pass.

    Args:
        settings: of a command.
        positional: options that are shown as words of their own, not with dashes.
        unused: options that the command does not look at: what they name need not be on this machine.
    """
    tree = {name: value for name, value in settings.tree.items() if name not in unused}
    pending = [(settings.signature, tree, "")]
    while pending:
        signature, node, label = pending.pop()
        missing = [name for name, option in signature.options.items() if option.expression is None and name not in node]
        if missing and label:
            needs = f"{signature.path.rpartition('.')[2]} needs; {', '.join(missing)} is missing"
            raise UserError(f"Expected --{label} with all the options that {needs}.")
        if missing:
            name = missing[0].upper() if missing[0] in positional else f"--{missing[0]}"
            raise UserError(f"Expected {name}, which has no default; --help says what it is.")
        _check(signature, node)
        for name, value in node.items():
            kinds = signature.options[name].kinds if name in signature.options else ()
            for item in value if isinstance(value, list) else [value]:
                pending += _inside(item, kinds, f"{label}.{name}".strip("."))


def _check(signature: Signature, node: dict[str, Any]) -> None:
    """Raise UserError for a path that is not there, and what the checks of a signature raise."""
    for name, value in node.items():
        kinds = signature.options[name].kinds if name in signature.options else ()
        for kind in kinds if value is not None else ():
            item = kind.items[0] if isinstance(kind, Several) else kind
            if isinstance(item, Existing):
                for path in value if isinstance(value, list) else [value]:
                    getattr(check, item.check)(**{name: Path(path)})
    for call in signature.checks:
        option = signature.options[call.option]
        value = node.get(call.option, option.default)
        if value is not UNKNOWN and isinstance(value, str | int | float):
            if isinstance(value, str) and Scalar(Path) in option.kinds:
                value = Path(value)
            getattr(check, call.function)(*call.limits, **{call.keyword: value})


def _inside(value: Any, kinds: Iterable[Kind], label: str) -> list[tuple[Signature, dict[str, Any], str]]:
    """The object that a value is, with its signature; nothing if it is none."""
    if not isinstance(value, dict):
        return []
    if isinstance(value.get("class_path"), str) and "init_args" in value:
        return [(read_signature(value["class_path"]), value["init_args"], label)]
    groups = [kind.path for kind in kinds if isinstance(kind, Built) and kind.is_group]
    return [(read_signature(group), value, label) for group in groups[:1]]
