"""What pictures during training are drawn from: prompts of the public data, and the means of their nearest rows."""

import numpy as np
import pytest
from PIL import Image

from dprdm.data.readers.source import ImageSource
from dprdm.demo.fashion import FashionDemo
from dprdm.workflows import samples as progress
from dprdm.workflows.samples import nearest_means, suggested_prompts
from tests.fakes import public_store, unit_rows


class Captioned(ImageSource):
    """Four images, two captions."""

    def __len__(self) -> int:
        return 4

    def image(self, index: int) -> Image.Image:
        return Image.new("L", (1, 1))

    def caption(self, index: int) -> str:
        return ("", "a cat", "a dog", "a cat")[index]

    def key(self, index: int) -> str:
        return str(index)


def test_prompts_are_suggested_or_captions() -> None:
    assert suggested_prompts(FashionDemo("heldout_dark"))[:2] == ("t-shirt", "trouser")
    assert len(suggested_prompts(FashionDemo("heldout_dark"))) == progress.MOST_PROMPTS
    assert suggested_prompts(Captioned()) == ("a cat", "a dog")


@pytest.mark.parametrize("block", [7, 1000])
def test_means_are_of_the_nearest_rows(tmp_path, monkeypatch, block):
    monkeypatch.setattr(progress, "BLOCK", block)
    rows, queries = unit_rows(50, 8), unit_rows(3, 8, seed=1)
    means = nearest_means(queries, public_store(tmp_path / "public", rows), 4)
    expected = np.stack([rows[np.argsort(-(rows @ query))[:4]].mean(0) for query in queries])
    np.testing.assert_allclose(means, expected, rtol=1e-5)
