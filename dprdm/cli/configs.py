"""Configs are found by bare name: in the working directory first, then among those that come with the project."""

from pathlib import Path

from dprdm.errors import UserError

CONFIGS = Path(__file__).resolve().parents[2] / "configs"


def find_config(name: str) -> str:
    """The path of the config called `name`. Raises UserError with the known names if there is none."""
    if Path(name).is_file():
        return name
    if (CONFIGS / name).is_file():
        return str(CONFIGS / name)
    known = ", ".join(sorted(path.name for path in CONFIGS.glob("*.yaml")))
    raise UserError(f"Expected a config file at {name}, here or in {CONFIGS}. Known there: {known}.")


def resolve_configs(arguments: list[str]) -> list[str]:
    """The same arguments, with every `--config NAME` and `--config=NAME` resolved to a path."""
    resolved: list[str] = []
    for argument in arguments:
        if resolved and resolved[-1] == "--config":
            resolved.append(find_config(argument))
        elif argument.startswith("--config="):
            resolved.append("--config=" + find_config(argument.removeprefix("--config=")))
        else:
            resolved.append(argument)
    return resolved


def has_config(arguments: list[str]) -> bool:
    """Whether a config is named on the command line."""
    return any(argument == "--config" or argument.startswith("--config=") for argument in arguments)


def find_beside_project(path: Path) -> Path:
    """`path` if it exists or is absolute, else the same below the project's folder, where the demo's weights are."""
    beside = CONFIGS.parent / path
    return path if path.is_absolute() or path.exists() or not beside.exists() else beside
