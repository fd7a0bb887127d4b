"""A feature network that is none: the pixels themselves, made small."""

from torch.nn.functional import adaptive_avg_pool2d

from dprdm.diffusion.shapes import Pixels as Images
from dprdm.metrics.features import FeatureExtractor, Features


class Pixels(FeatureExtractor):
    """The mean of each of the squares that an image is cut into.

    Args:
        side: squares along each side.
    """

    def __init__(self, side: int = 4) -> None:
        self.side = side

    @property
    def name(self) -> str:
        """What stands beneath a number that is computed from it."""
        return f"{self.side} x {self.side} pixels"

    @property
    def weights_sha256(self) -> str:
        """Empty: there are no weights."""
        return ""

    @property
    def resize(self) -> str:
        """What is done to an image's size."""
        return f"mean over areas, to {self.side} x {self.side}"

    def features(self, images: Images) -> Features:
        """Return one vector an image, float32."""
        return adaptive_avg_pool2d(images.float() / 255, self.side).flatten(1)
