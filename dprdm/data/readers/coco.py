"""MS-COCO in the layout its publisher ships: a folder of JPEG files and a captions JSON beside it."""

import json
from pathlib import Path
from typing import Any

from PIL import Image

from dprdm.data.readers.source import ImageSource, read_image
from dprdm.errors import UserError


class Coco(ImageSource):
    """One split of COCO captions.

    Args:
        root: the folder that holds `annotations/captions_{split}.json` and the image folder `{split}/`.
        split: `train2014`, `val2014`, `train2017` or `val2017`.
    """

    def __init__(self, root: Path, split: str = "train2014") -> None:
        self.root, self.split = Path(root), split
        table = self.root / "annotations" / f"captions_{split}.json"
        if not table.is_file() or not (self.root / split).is_dir():
            raise UserError(
                f"Expected MS-COCO in {root}; download {split}.zip and annotations_trainval{split[-4:]}.zip from "
                f"cocodataset.org/#download and unpack both there, so that {table} and {self.root / split}/ exist."
            )
        content = _read_json(table)
        self.files: list[str] = [entry["file_name"] for entry in content["images"]]
        self.captions = _first_captions(content)

    def __len__(self) -> int:
        return len(self.files)

    def image(self, index: int) -> Image.Image:
        """Return the decoded JPEG."""
        return read_image(self.root / self.split / self.files[index])

    def caption(self, index: int) -> str:
        """Return the first of the image's five captions."""
        return self.captions[index]

    def key(self, index: int) -> str:
        """Return the file's name, as in the annotations."""
        return self.files[index]


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        content["images"], content["annotations"]
    except (UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError) as error:
        raise UserError(
            f"Expected COCO captions in {path}, and reading it failed: {error!r}. Unpack it again."
        ) from error
    return content


def _first_captions(content: dict[str, Any]) -> list[str]:
    first: dict[int, str] = {}
    for annotation in content["annotations"]:
        first.setdefault(annotation["image_id"], annotation["caption"].strip())
    return [first.get(entry["id"], "") for entry in content["images"]]
