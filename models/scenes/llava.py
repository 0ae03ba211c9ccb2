"""The small LLaVA itself: its words, its dimensions, and pixels as it wants them."""

import numpy as np
import torch
from PIL import Image
from transformers import (
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
)

from draw import COLOURS, SHAPES, SIZE

PATCH = 14
SIDE = SIZE // PATCH  # patches along one edge
PATCHES = SIDE**2  # image tokens
WIDTH = 128  # of vision tower and decoder alike
MEAN = torch.tensor([0.48145466, 0.4578275, 0.40821073]).view(1, 3, 1, 1)  # CLIP's
STD = torch.tensor([0.26862954, 0.26130258, 0.27577711]).view(1, 3, 1, 1)

SPECIAL = ["<pad>", "<s>", "</s>", "<unk>", "<image>"]
ROLES = ["USER:", "ASSISTANT:"]
ASKING = "? what number is on the color shape with has how many s are there"
DIGITS = [str(i) for i in range(10)]
WORDS = SPECIAL + ROLES + ASKING.split() + list(COLOURS) + SHAPES + DIGITS
ID = {word: i for i, word in enumerate(WORDS)}


def ids(text: str) -> list[int]:
    """Returns the token ids of words set apart by spaces; unknown ones fail."""
    return [ID[word] for word in text.split()]


def pixels(images: list[Image.Image]) -> torch.Tensor:
    """Returns float32 [images, 3, SIZE, SIZE], normalised as CLIP's processor does."""
    values = torch.from_numpy(np.stack([np.asarray(i) for i in images]))
    return (values.permute(0, 3, 1, 2).float() / 255 - MEAN) / STD


def build() -> LlavaForConditionalGeneration:
    """Returns the untrained model, 2.4 M parameters, in float32."""
    vision = CLIPVisionConfig(
        hidden_size=WIDTH,
        intermediate_size=384,
        num_hidden_layers=4,
        num_attention_heads=4,
        image_size=SIZE,
        patch_size=PATCH,
        projection_dim=WIDTH,
    )
    text = LlamaConfig(
        hidden_size=WIDTH,
        intermediate_size=336,
        num_hidden_layers=8,
        num_attention_heads=4,
        num_key_value_heads=4,
        vocab_size=64,
        max_position_embeddings=512,
        initializer_range=0.05,
        bos_token_id=ID["<s>"],
        eos_token_id=ID["</s>"],
        pad_token_id=ID["<pad>"],
    )
    config = LlavaConfig(
        vision_config=vision,
        text_config=text,
        image_token_index=ID["<image>"],
        vision_feature_layer=-2,
        vision_feature_select_strategy="default",
        image_seq_length=PATCHES,
        projector_hidden_act="gelu",
    )
    return LlavaForConditionalGeneration(config)


def load(folder: str) -> LlavaForConditionalGeneration:
    """Returns a checkpoint's model in float32, whatever it was saved in."""
    return LlavaForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)


def features(model: LlavaForConditionalGeneration, seen: torch.Tensor) -> torch.Tensor:
    """Returns what the projector reads of each patch: [images, PATCHES, WIDTH]."""
    tower = model.model.vision_tower
    states = tower(pixel_values=seen, output_hidden_states=True).hidden_states
    return states[model.config.vision_feature_layer][:, 1:]
