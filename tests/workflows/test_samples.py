"""What pictures during training are drawn from: prompts of the public data, and the means of their nearest rows."""

from PIL import Image

from dprdm.data.readers.source import ImageSource
from dprdm.demo.fashion import FashionDemo
from dprdm.workflows import samples as progress
from dprdm.workflows.samples import suggested_prompts


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
