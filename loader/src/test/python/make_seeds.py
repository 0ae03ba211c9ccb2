"""Makes the fuzzers' seeds: small files of each kind and format, of which fuzzers make others.

Run from anywhere with pillow installed:

    python make_seeds.py

They are named after what they hold and lie where Jazzer looks for them, a folder a fuzzer. Files whose names begin with
`found-` are inputs that a fuzzer once failed on; they stay. Where a fuzzer's input stands for two files, a zero byte
stands between them. Templates and tokenizers come from the tests' fixtures, the tokenizers with a vocabulary cut down
to what is needed.
"""

import io
import json
import pathlib
import random

from PIL import Image

RESOURCES = pathlib.Path(__file__).parent.parent / "resources"
OUT = RESOURCES / "org" / "pyramiddrop" / "loader" / "FuzzersInputs"
RANDOM = random.Random(20)


def write(fuzzer, name, content):
    folder = OUT / fuzzer
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def safetensors(entries, data):
    header = compact(entries).encode()
    return len(header).to_bytes(8, "little") + header + bytes(data)


def tensor(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def headers():
    three = {
        "__metadata__": {"format": "pt"},
        "a.weight": tensor("F32", [2, 2], 0, 16),
        "b": tensor("BF16", [], 16, 18),
        "c": tensor("I64", [0, 5], 18, 18),
    }
    write("header", "three", safetensors(three, 18))
    write("header", "none", safetensors({}, 0))


def indexes():
    index = {"metadata": {"total_size": 16}, "weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    write("index", "two", compact(index))


def configurations():
    config = {
        "model_type": "llava",
        "image_token_index": 7,
        "eos_token_id": [2, 3],
        "tie_word_embeddings": False,
        "vision_feature_layer": [-2, 3],
        "vision_feature_select_strategy": "full",
        "text_config": {
            "model_type": "mistral",
            "hidden_size": 64,
            "num_attention_heads": 4,
            "head_dim": 16,
            "num_key_value_heads": 2,
            "rms_norm_eps": 1e-05,
            "max_position_embeddings": 512,
            "vocab_size": 100,
            "sliding_window": None,
            "rope_parameters": {"rope_theta": 1e4, "rope_type": "linear", "factor": 1.0},
        },
        "vision_config": {"hidden_size": 32, "image_size": 336, "patch_size": 14, "num_attention_heads": 2},
    }
    generation = {"bos_token_id": 1, "eos_token_id": [2, 4], "pad_token_id": 0}
    write("configuration", "llava", compact(config) + "\0" + compact(generation))
    config |= {"model_type": "llava_next", "image_grid_pinpoints": [[672, 672], [336, 1008]]}
    del config["vision_feature_select_strategy"]
    config["text_config"]["model_type"] = "llama"
    config["text_config"]["rope_parameters"]["rope_type"] = "default"
    config["vision_config"] |= {"hidden_act": "quick_gelu", "num_hidden_layers": 3, "intermediate_size": 64}
    write("configuration", "llava-next", compact(config))
    original = {
        "model_type": "llava",
        "hidden_size": 64,
        "image_aspect_ratio": "anyres",
        "image_grid_pinpoints": [[672, 672], [336, 1008]],
        "intermediate_size": 96,
        "max_position_embeddings": 512,
        "mm_hidden_size": 1024,
        "mm_patch_merge_type": "spatial_unpad",
        "mm_projector_type": "mlp2x_gelu",
        "mm_use_im_start_end": False,
        "mm_vision_select_layer": -2,
        "mm_vision_tower": "openai/clip-vit-large-patch14-336",
        "num_attention_heads": 4,
        "num_hidden_layers": 2,
        "rms_norm_eps": 1e-05,
        "vocab_size": 100,
    }
    write("configuration", "original", compact(original))


def processors():
    settings = {
        "size": {"shortest_edge": 28},
        "crop_size": {"height": 28, "width": 28},
        "resample": 3,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.3, 0.3, 0.3],
        "rescale_factor": 0.004,
        "do_resize": True,
        "do_center_crop": True,
        "do_convert_rgb": True,
        "image_processor_type": "CLIPImageProcessor",
    }
    write("processor", "preprocessor", compact(settings))
    settings |= {"size": {"height": 28, "width": 28}, "do_center_crop": False}
    write("processor", "nested", "{}\0" + compact({"image_processor": settings, "patch_size": 14}))


def templates():
    for name, made in json.loads((RESOURCES / "chats" / "expected.json").read_text())["templates"].items():
        write("template", name, made["template"])
        write("template", name + "-json", compact({"chat_template": made["template"]}))


def renumbered(value, ids):
    """A post-processor with other ids: in pairs of a token and its id, and in lists of tokens and of ids."""
    if isinstance(value, dict):
        made = {key: renumbered(inner, ids) for key, inner in value.items()}
        return made | {"ids": [ids[token] for token in made["tokens"]]} if "tokens" in made else made
    if isinstance(value, list):
        pair = len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], int)
        return [value[0], ids[value[0]]] if pair else [renumbered(inner, ids) for inner in value]
    return value


def small_tokenizer(tokenizer):
    """With few words and merges, and ids that are theirs."""
    model, added = tokenizer["model"], tokenizer["added_tokens"][:4]
    merges = model["merges"][:6]
    needed = {part for merge in merges for part in merge} | {"".join(merge) for merge in merges}
    needed |= {"<unk>", "<s>", "</s>"} | {token["content"] for token in added}
    needed |= {f"<0x{value:02X}>" for value in b"\n\t\xf0\x9f"} | set("USERWhat1")
    tokens = [token for token in sorted(model["vocab"], key=model["vocab"].get) if token in needed]
    ids = {token: id for id, token in enumerate(tokens)}
    model["merges"], model["vocab"] = merges, dict(ids)
    for token in added:
        token["id"] = ids.setdefault(token["content"], len(ids))
    tokenizer["added_tokens"] = added
    tokenizer["post_processor"] = renumbered(tokenizer["post_processor"], ids)
    return tokenizer


def tokenizers():
    for file in sorted(RESOURCES.glob("families/*/tokenizer.json")) + [RESOURCES / "tokenizer" / "tokenizer.json"]:
        write("tokenizer", file.parent.name, compact(small_tokenizer(json.loads(file.read_text()))))
    words = {"<unk>": 0, "What": 1, "on": 2}
    small = {
        "version": "1.0",
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": None,
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": words, "unk_token": "<unk>"},
    }
    write("tokenizer", "words", compact(small))


def picture(name, image, format, **options):
    file = io.BytesIO()
    image.save(file, format, **options)
    write("image", name, file.getvalue())


def pictures():
    colours = [tuple(RANDOM.randrange(256) for _ in range(4)) for _ in range(9 * 7)]
    full = Image.new("RGBA", (9, 7))
    full.putdata(colours)
    rgb = full.convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = 6
    picture("rgb.png", rgb, "PNG", exif=exif)
    picture("rgba.png", full, "PNG")
    picture("grey-alpha.png", full.convert("LA"), "PNG")
    picture("grey-16.png", rgb.convert("L").convert("I;16"), "PNG")
    picture("palette.png", rgb.quantize(5), "PNG", transparency=3)
    picture("one-bit.png", rgb.convert("1"), "PNG")
    picture("plain.jpg", rgb, "JPEG", exif=exif)
    picture("progressive.jpg", rgb, "JPEG", progressive=True, subsampling=0)
    picture("grey.jpg", rgb.convert("L"), "JPEG", restart_marker_blocks=1)
    picture("cmyk.jpg", rgb.convert("CMYK"), "JPEG")
    picture("lossy.webp", rgb, "WEBP")
    picture("lossless.webp", rgb, "WEBP", lossless=True, exif=exif)
    picture("alpha.webp", full, "WEBP", quality=50)
    picture("animated.webp", rgb, "WEBP", save_all=True, append_images=[rgb.rotate(180)])


def main():
    for old in OUT.glob("*/*"):
        if not old.name.startswith("found-"):
            old.unlink()
    for make in (headers, indexes, configurations, processors, templates, tokenizers, pictures):
        make()
    print(sum(file.stat().st_size for file in OUT.glob("*/*")), "bytes")


if __name__ == "__main__":
    main()
