"""Files that travel with the package: configs are known by bare name, the demo's files by their path in the project."""

from pathlib import Path

from dprdm.errors import UserError

PACKAGE = Path(__file__).resolve().parent
CONFIGS = PACKAGE / "configs"


def find_config(name: str) -> str:
    """Return the path of the config called `name`: in the working directory first, then among those of the project.

    Raises:
        UserError: if there is none; the sentence lists those of the project.
    """
    if Path(name).is_file():
        return name
    if (CONFIGS / name).is_file():
        return str(CONFIGS / name)
    known = ", ".join(sorted(path.name for path in CONFIGS.glob("*.yaml")))
    raise UserError(f"Expected a config file at {name}, here or among those of dprdm. Known there: {known}.")


def resolve_configs(arguments: list[str]) -> list[str]:
    """Return the arguments with every `--config NAME` and `--config=NAME` resolved to a path."""
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
    """Return whether a config is named on the command line."""
    return any(argument == "--config" or argument.startswith("--config=") for argument in arguments)


def find_packaged(path: Path) -> Path:
    """Return `path`, or the file of this package that it names.

    Configs name files of the package by `dprdm/...`; from any working directory these are the package's own, whatever a
    folder called dprdm there may hold.
    """
    packaged = PACKAGE.parent / path
    return packaged if path.parts[:1] == (PACKAGE.name,) and packaged.exists() else path
