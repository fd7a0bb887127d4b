"""Files that travel with the package: configs are known by bare name, the demo's files by their path in the project."""

from pathlib import Path

from dprdm.errors import UserError

PACKAGE = Path(__file__).resolve().parent
CONFIGS = PACKAGE / "configs"
# Where the demo's files were in version 0.4, whose configs name them so, and where they are.
MOVED_ASSETS, ASSETS = ("dprdm", "assets", "demo"), ("dprdm", "demo", "assets")


def find_config(name: str) -> str:
    """Return the path of the config called `name`: in the working directory first, then among those of the project.

    Raises:
        UserError: if there is none; the sentence lists those of the project.
    """
    if Path(name).is_file():
        return name
    if (CONFIGS / name).is_file():
        return str(CONFIGS / name)
    names = ", ".join(sorted(path.name for path in CONFIGS.glob("*.yaml")))
    raise UserError(f"Expected a config file at {name}, here or among those of dprdm. Known there: {names}.")


def find_packaged(path: Path) -> Path:
    """Return `path`, or the file of this package that it names.

    Configs name files of the package by `dprdm/...`; from any working directory these are the package's own, whatever a
    folder called dprdm there may hold.
    """
    if path.parts[:3] == MOVED_ASSETS:
        path = Path(*ASSETS, *path.parts[3:])
    packaged = PACKAGE.parent / path
    return packaged if path.parts[:1] == (PACKAGE.name,) and packaged.exists() else path


def find_weights(path: Path) -> Path:
    """Return where the weights are: a file or folder, found as `find_packaged` does, or the id of a model hub.

    Raises:
        UserError: if nothing is there, and the path can be no `owner/name` of a hub.
    """
    local = find_packaged(path)
    if not local.exists() and (path.is_absolute() or len(path.parts) != 2 or path.suffix):
        raise UserError(f"Expected weights at {path}, and there are none. Train them with `fit`, or name another file.")
    return local
