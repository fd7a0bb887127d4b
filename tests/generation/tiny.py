"""Random pipelines of the smallest sizes, written as diffusers writes them."""

import string
from pathlib import Path

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    DDPMScheduler,
    StableDiffusionPipeline,
    StableUnCLIPImg2ImgPipeline,
    UNet2DConditionModel,
)
from diffusers.pipelines.stable_diffusion.stable_unclip_image_normalizer import StableUnCLIPImageNormalizer
from safetensors.torch import save_file
from transformers import (
    CLIPImageProcessor,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTokenizer,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
)

DIM, TEXT = 64, 16  # an embedding of the demo's encoder; a text token
SIZES = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}


def tiny_unclip(folder: Path, mean: float = 0.0, std: float = 1.0, seed: int = 0) -> Path:
    """A StableUnCLIPImg2ImgPipeline for embeddings of the demo's encoder, images of 16 x 16."""
    torch.manual_seed(seed)
    vision = CLIPVisionConfig(**SIZES, image_size=8, patch_size=4, projection_dim=DIM)
    normalizer = StableUnCLIPImageNormalizer(DIM)
    normalizer.mean.data.fill_(mean)
    normalizer.std.data.fill_(std)
    StableUnCLIPImg2ImgPipeline(
        feature_extractor=CLIPImageProcessor(size=8, crop_size=8),
        image_encoder=CLIPVisionModelWithProjection(vision),
        image_normalizer=normalizer,
        image_noising_scheduler=DDPMScheduler(beta_schedule="squaredcos_cap_v2"),
        unet=_unet(class_embed_type="projection", projection_class_embeddings_input_dim=2 * DIM),
        scheduler=DDIMScheduler(steps_offset=1, clip_sample=False),
        **_shared(),
    ).save_pretrained(str(folder))
    return folder


def tiny_stable_diffusion(folder: Path) -> Path:
    """A StableDiffusionPipeline, images of 16 x 16."""
    torch.manual_seed(0)
    StableDiffusionPipeline(
        unet=_unet(), scheduler=DDIMScheduler(steps_offset=1, clip_sample=False), safety_checker=None, feature_extractor=None,
        requires_safety_checker=False, **_shared(),
    ).save_pretrained(str(folder))  # fmt: skip
    return folder


def tiny_adapter(folder: Path) -> Path:
    """An IP-Adapter of the plain kind for that pipeline, in its published layout."""
    draw, tokens = torch.Generator().manual_seed(1), 4
    random = {
        "image_proj.proj.weight": (tokens * TEXT, DIM), "image_proj.proj.bias": (tokens * TEXT,),
        "image_proj.norm.weight": (TEXT,), "image_proj.norm.bias": (TEXT,),
    }  # fmt: skip
    # Cross-attention in the order of the network's attention processors: every second number.
    for place, width in enumerate([32, 32, 32, 32]):
        for letter in "kv":
            random[f"ip_adapter.{2 * place + 1}.to_{letter}_ip.weight"] = (width, TEXT)
    folder.mkdir(parents=True)
    tensors = {name: torch.randn(shape, generator=draw) for name, shape in random.items()}
    save_file(tensors, folder / "ip-adapter_sd15.safetensors")
    return folder


def _unet(**options: object) -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=8, in_channels=4, out_channels=4, block_out_channels=(16, 32), layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=TEXT, attention_head_dim=2, norm_num_groups=8, **options,
    )  # fmt: skip


def _shared() -> dict[str, object]:
    vae = AutoencoderKL(
        block_out_channels=(8, 8), norm_num_groups=4, latent_channels=4,
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
    )  # fmt: skip
    tokenizer = _tokenizer()
    text = CLIPTextConfig(
        **SIZES, vocab_size=len(tokenizer), max_position_embeddings=16,
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
    )  # fmt: skip
    return {"vae": vae, "tokenizer": tokenizer, "text_encoder": CLIPTextModel(text)}


def _tokenizer() -> CLIPTokenizer:
    """Letters alone."""
    letters = [*string.ascii_lowercase, *(f"{letter}</w>" for letter in string.ascii_lowercase)]
    vocabulary = {token: number for number, token in enumerate([*letters, "<|startoftext|>", "<|endoftext|>"])}
    return CLIPTokenizer(vocabulary, [], model_max_length=16)
