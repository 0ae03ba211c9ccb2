"""Shows that PEFT reads the adapters that AdapterWriter writes, and that they mean what the merged model is.

Needs peft beside what src/test/fixtures/requirements.txt has. The Java side writes, for each checkpoint, a folder with an
adapter and the same LoRA merged into a whole model (AdapterForPeft, in this module's tests):

    java -cp … org.pyramiddrop.training.files.AdapterForPeft FIXTURES OUT
    python check_adapter.py OUT

Every parameter of the loaded adapter has to be in the file and the other way round, and its logits must be the merged
model's.
"""

import json
import pathlib
import sys
import warnings

import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForImageTextToText


def load(folder):
    # In float32, as the merged folder was written: nothing is rounded on the way.
    return AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()


def inputs(config):
    side = config.vision_config.image_size
    generator = torch.Generator().manual_seed(1)
    if config.model_type == "llava_next":
        return {"input_ids": torch.arange(3, 20)[None]}
    tokens = (side // config.vision_config.patch_size) ** 2 + (config.vision_feature_select_strategy == "full")
    ids = [1, 5] + [config.image_token_id] * tokens + [6, 7, 8, 9]
    return {"input_ids": torch.tensor([ids]), "pixel_values": torch.randn(1, 3, side, side, generator=generator)}


def check(folder):
    settings = json.loads((folder / "adapter/adapter_config.json").read_text())
    stored = load_file(folder / "adapter/adapter_model.safetensors")
    base, merged = load(settings["base_model_name_or_path"]), load(folder / "merged")
    given = inputs(merged.config)
    with torch.no_grad():
        plain = base(**given).logits
        wanted = merged(**given).logits
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        adapted = PeftModel.from_pretrained(base, folder / "adapter").eval()
    told = [str(each.message) for each in told if "key" in str(each.message) or "target" in str(each.message)]
    assert not told, told
    # What PEFT made room for, by the names under which it saves.
    made = {}
    for name, value in adapted.named_parameters():
        if ".default" in name:
            made[name.replace(".modules_to_save.default", "").replace(".default", "")] = value
    assert made.keys() == stored.keys(), (made.keys() ^ stored.keys())
    for name, value in stored.items():
        assert torch.equal(made[name].float(), value.float()), name
    assert not any("vision_tower" in name for name in made)
    with torch.no_grad():
        got = adapted(**given).logits
    scale = wanted.abs().max().item()
    worst = (got - wanted).abs().max().item()
    moved = (wanted - plain).abs().max().item()
    assert worst <= 1e-4 * scale, (worst, scale)
    assert moved > 100 * worst, "the adapter changes nothing"
    print(f"{folder.name}: {len(stored)} tensors, logits up to {scale:.3f}, moved by {moved:.3f}, apart {worst:.1e}")


def main():
    for folder in sorted(pathlib.Path(sys.argv[1]).iterdir()):
        check(folder)


if __name__ == "__main__":
    main()
