"""Writes a checkpoint folder in the Hugging Face layout, weights in bfloat16.

python export.py TRAINED OUT
"""

import argparse
import json
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from tokenizers.processors import TemplateProcessing
from transformers import LlavaForConditionalGeneration, PreTrainedTokenizerFast

from draw import SIZE
from llava import ID, MEAN, PATCH, STD, load

CHAT = (
    "{% for message in messages %}"
    "{{ message['role'].upper() + ': ' }}"
    "{% for content in message['content']"
    " | selectattr('type', 'equalto', 'image') %}{{ '<image> ' }}{% endfor %}"
    "{% for content in message['content']"
    " | selectattr('type', 'equalto', 'text') %}"
    "{{ content['text'] + ' ' }}{% endfor %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"
)


def save(model: LlavaForConditionalGeneration, out: Path) -> None:
    """Writes weights (in the model's own dtype), configurations and tokenizer."""
    model.save_pretrained(out)
    tokenizer().save_pretrained(out)
    write(out / "preprocessor_config.json", preprocessing())
    write(out / "processor_config.json", processing())
    write(out / "chat_template.json", {"chat_template": CHAT})


def tokenizer() -> PreTrainedTokenizerFast:
    """Returns the tokenizer: one token a word, a start token put in front."""
    words = Tokenizer(models.WordLevel(ID, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    words.post_processor = TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", ID["<s>"])]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=words,
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        pad_token="<pad>",
        additional_special_tokens=["<image>"],
    )


def preprocessing() -> dict:
    """Returns CLIP's steps: shortest edge to SIZE, centre crop, scale, normalise."""
    return {
        "image_processor_type": "CLIPImageProcessor",
        "processor_class": "LlavaProcessor",
        "do_convert_rgb": True,
        "do_resize": True,
        "size": {"shortest_edge": SIZE},
        "resample": 3,
        "do_center_crop": True,
        "crop_size": {"height": SIZE, "width": SIZE},
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": MEAN.flatten().tolist(),
        "image_std": STD.flatten().tolist(),
    }


def processing() -> dict:
    """Returns how many tokens an image becomes, as LlavaProcessor counts them."""
    return {
        "processor_class": "LlavaProcessor",
        "image_token": "<image>",
        "num_additional_image_tokens": 1,
        "patch_size": PATCH,
        "vision_feature_select_strategy": "default",
    }


def write(path: Path, value: dict) -> None:
    path.write_text(json.dumps(value, indent=1), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("trained", help="a folder that train.py wrote")
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    save(load(args.trained).to(torch.bfloat16), args.out)


if __name__ == "__main__":
    main()
