"""The demo's own encoder: a CLIP of 2.1 million parameters, trained on public garments."""

from dprdm.demo import DEMO
from dprdm.encoders.clip import ClipEncoder


class DemoEncoder(ClipEncoder):
    """A CLIP for garments of 28 x 28 pixels and their class names; of nothing else does it know anything.

    Args:
        device: where it runs.
        batch_size: how many images or captions it takes at once.
    """

    def __init__(self, device: str = "cpu", batch_size: int = 32) -> None:
        super().__init__(str(DEMO / "dprdm_demo_clip.json"), str(DEMO / "encoder.safetensors"), device, batch_size)
