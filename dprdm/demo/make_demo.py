"""Cut the demo's collections out of Fashion-MNIST: `python -m dprdm.demo.make_demo FOLDER` writes the demo's fashion.npz.xz.

FOLDER holds the four `*-ubyte.gz` files of Fashion-MNIST as published (Debian's `dataset-fashion-mnist` installs them in
/usr/share/datasets/fashion-mnist).

- private: a shop of dark garments. Of 43,000 training images, in each class the 35% whose garment pixels are darkest.
- public: the other 17,000 training images, 1,500 of each class: garments of every brightness, which the encoder may see.
- pool: the part of `public` that the generator may see. Three classes are rare in it: 30 images each.
- heldout: 7,000 test images; `heldout_dark` marks those the shop could have owned, by the same rule.
"""

import io
import lzma
import sys
from pathlib import Path

import numpy as np

from dprdm.data.readers.fashion_mnist import read_idx
from dprdm.demo import DEMO
from dprdm.demo.cutting import PRIVATE_CANDIDATES, darkest, owned_by_the_shop

RARE = (3, 8, 9)  # dress, bag, ankle boot
RARE_COUNT = 30
PUBLIC_PER_CLASS = 1_500
HELDOUT = 7_000


def first_of_each_class(labels: np.ndarray, counts: list[int]) -> np.ndarray:
    """Mark the first counts[c] members of each class c."""
    mark = np.zeros(len(labels), bool)
    for label, count in enumerate(counts):
        mark[np.flatnonzero(labels == label)[:count]] = True
    return mark


def main(folder: Path) -> None:
    """Write the demo's images, fashion.npz.xz."""
    images, labels = (read_idx(folder / f"train-{part}-ubyte.gz") for part in ("images-idx3", "labels-idx1"))
    test_images, test_labels = (read_idx(folder / f"t10k-{part}-ubyte.gz") for part in ("images-idx3", "labels-idx1"))
    private = owned_by_the_shop(images, labels)
    rest, rest_labels = images[PRIVATE_CANDIDATES:], labels[PRIVATE_CANDIDATES:]
    public = first_of_each_class(rest_labels, [PUBLIC_PER_CLASS] * 10)
    public_labels = rest_labels[public]
    pool = first_of_each_class(public_labels, [RARE_COUNT if c in RARE else PUBLIC_PER_CLASS for c in range(10)])
    buffer = io.BytesIO()
    np.savez(
        buffer,
        private_images=images[private],
        private_labels=labels[private],
        public_images=rest[public],
        public_labels=public_labels,
        pool=pool,
        heldout_images=test_images[:HELDOUT],
        heldout_labels=test_labels[:HELDOUT],
        heldout_dark=darkest(test_images, test_labels)[:HELDOUT],
    )
    (DEMO / "fashion.npz.xz").write_bytes(lzma.compress(buffer.getvalue(), preset=9))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
