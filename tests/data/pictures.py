"""Real files on disk, small and all different, for readers and indexers."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from dprdm.data.readers.source import ImageSource, UnreadableImage
from dprdm.demo.encoder import DemoEncoder


class Pictures(ImageSource):
    """`count` small random pictures in memory.

    Args:
        count: how many.
        broken: positions of those that cannot be read.
        stop_at: position at which the user interrupts. None: never.
        groups: whose each picture is.
        keys: what each picture is called.
    """

    def __init__(
        self,
        count: int,
        broken: Sequence[int] = (),
        stop_at: int | None = None,
        groups: Sequence[str] | None = None,
        keys: Sequence[str] | None = None,
    ) -> None:
        self.pixels = np.random.default_rng(0).integers(0, 256, (count, 28, 28), dtype=np.uint8)
        self.broken, self.stop_at, self.groups, self.keys = broken, stop_at, groups, keys

    def __len__(self) -> int:
        return len(self.pixels)

    def image(self, index: int) -> Image.Image:
        if index == self.stop_at:
            raise KeyboardInterrupt
        if index in self.broken:
            raise UnreadableImage(self.key(index))
        return Image.fromarray(self.pixels[index])

    def caption(self, index: int) -> str:
        return f"picture {index}"

    def key(self, index: int) -> str:
        return self.keys[index] if self.keys else f"{index}.png"

    def group(self, index: int) -> str | None:
        return self.groups[index] if self.groups else None


class Count:
    """A progress bar that only counts."""

    def __init__(self) -> None:
        self.total = 0

    def update(self, n: int, /) -> None:
        self.total += n


def picture(path: Path, size: tuple[int, int] = (8, 6), seed: int = 0) -> Path:
    """Write a random RGB picture to `path`, in the format of its suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def demo_encoder() -> DemoEncoder:
    """The demo's own."""
    return DemoEncoder()
