"""The demo's encoder: a tiny CLIP of grey garments."""

from dprdm.demo import DEMO
from dprdm.encoders.clip import DEMO_MODEL, ClipEncoder


class DemoEncoder(ClipEncoder):
    """The CLIP that the demo's store and generator were made with. For other images than the demo's it is of no use.

    Args:
        device: where it runs.
        batch_size: how many images or captions it takes at once.
    """

    def __init__(self, device: str = "cpu", batch_size: int = 32) -> None:
        super().__init__(DEMO_MODEL, str(DEMO / "encoder.safetensors"), device, batch_size)
