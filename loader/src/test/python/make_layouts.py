"""Makes what the tests of pictures of any resolution compare with.

Run from this folder with torch, transformers, numpy and pillow installed, after make_pictures.py:

    python make_layouts.py

`layouts.txt` says for some sizes of pictures which resolution the reference chooses and what tokens it makes of them.
A line that starts with `grids` names the side of a tile and of a patch, and the resolutions to choose from; each line
after it is a picture: width, height, the resolution, the size after resizing (these as height×width), how many tokens,
and the CRC-32 of where each comes from: the row of all crops' tokens one below the other, or the row behind them for
a newline, as little-endian 32-bit integers. `tiles.png` is what becomes of one picture, its crops one below the other.
"""

import pathlib
import zlib
from types import SimpleNamespace

import numpy as np
import torch
from PIL import Image
from transformers.image_processing_utils import get_patch_output_size, select_best_resolution
from transformers.image_utils import ChannelDimension
from transformers.models.llava_next.image_processing_pil_llava_next import LlavaNextImageProcessorPil
from transformers.models.llava_next.modeling_llava_next import LlavaNextModel, image_size_to_num_patches
from transformers.models.llava_next.processing_llava_next import LlavaNextProcessor

RESOURCES = pathlib.Path(__file__).parent.parent / "resources"
OUT = RESOURCES / "layouts"
RNG = np.random.default_rng(21)

NEXT = [[336, 672], [672, 336], [672, 672], [1008, 336], [336, 1008]]
GRIDS = [
    (336, 14, NEXT),
    (336, 14, [*NEXT, [1008, 1008]]),
    # A patch that doesn't divide the tile, and an odd number of them.
    (384, 14, [[384, 768], [768, 384], [768, 768], [384, 1152]]),
    (56, 14, [[112, 112], [56, 168], [168, 56]]),
]
SIZES = [(336, 336), (640, 480), (480, 640), (1920, 1080), (1000, 400), (1500, 500), (672, 672), (671, 673), (673, 336)]
EXTREME = [(1, 1), (1, 4000), (4000, 1), (3, 100), (100, 3), (2000, 27), (31, 3000)]


def sizes(count):
    drawn = np.exp(RNG.uniform(np.log(8), np.log(3000), (count, 2))).astype(int)
    return [*SIZES, *EXTREME, *((int(width), int(height)) for width, height in drawn)]


def tokens(size, tile, patch, pinpoints):
    """Where each of a picture's tokens comes from, by the model itself on numbered rows."""
    vision = SimpleNamespace(image_size=tile, patch_size=patch)
    model = SimpleNamespace(config=SimpleNamespace(vision_config=vision, image_grid_pinpoints=pinpoints))
    crops, a_crop = image_size_to_num_patches(size, pinpoints, tile), (tile // patch) ** 2
    rows = torch.arange(crops * a_crop, dtype=torch.int32).view(crops, a_crop, 1)
    newline = torch.tensor([crops * a_crop], dtype=torch.int32)
    packed, _ = LlavaNextModel.pack_image_features(model, [rows], [size], "default", newline)
    return packed[0].flatten().numpy().astype("<i4")


def counted(size, tile, patch, pinpoints):
    """How many tokens the processor writes into the prompt."""
    processor = SimpleNamespace(
        image_processor=SimpleNamespace(image_grid_pinpoints=pinpoints),
        patch_size=patch,
        num_additional_image_tokens=0,
        _get_unpadded_features=lambda *args: LlavaNextProcessor._get_unpadded_features(None, *args),
    )
    return LlavaNextProcessor._get_number_of_features(processor, *size, tile, tile)


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    with open(OUT / "layouts.txt", "w", encoding="ascii") as lines:
        for tile, patch, pinpoints in GRIDS:
            print("grids", tile, patch, *(f"{height}x{width}" for height, width in pinpoints), file=lines)
            for width, height in sizes(120):
                best = select_best_resolution((height, width), pinpoints)
                blank = np.broadcast_to(np.zeros(1, np.uint8), (3, height, width))
                resized = get_patch_output_size(blank, best, ChannelDimension.FIRST)
                sources = tokens((height, width), tile, patch, pinpoints)
                assert len(sources) == counted((height, width), tile, patch, pinpoints), (width, height)
                places = ("x".join(map(str, size)) for size in (best, resized))
                print(width, height, *places, len(sources), zlib.crc32(sources.tobytes()), file=lines)

    processor = LlavaNextImageProcessorPil(
        size={"shortest_edge": 56},
        crop_size={"height": 56, "width": 56},
        image_grid_pinpoints=GRIDS[-1][2],
        do_rescale=False,
        do_normalize=False,
    )
    crops = processor(Image.open(RESOURCES / "pictures" / "rgb.png"), return_tensors="np")["pixel_values"][0]
    stacked = crops.transpose(0, 2, 3, 1).reshape(-1, 56, 3).astype(np.uint8)
    Image.fromarray(stacked).save(OUT / "tiles.png", optimize=True)


if __name__ == "__main__":
    main()
