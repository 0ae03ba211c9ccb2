"""Makes the pictures of the preprocessing tests, and what the reference processor makes of them.

Run from this folder with transformers, numpy and pillow installed:

    python make_pictures.py

Each picture `NAME.EXT` gets `NAME.reference.png`: the reference's 8-bit picture after resizing and cutting. It comes
from transformers' CLIPImageProcessor on Pillow, and the script checks that plain Pillow calls give the same. The
reference does not look at EXIF orientation, so pictures are first turned by ImageOps.exif_transpose.
`normalised.txt` holds some normalised values, to check the arithmetic after the 8-bit picture.
"""

import io
import pathlib

import numpy as np
from PIL import Image, ImageOps
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

OUT = pathlib.Path(__file__).parent.parent / "resources" / "pictures"
SIDE = 56
RNG = np.random.default_rng(20)


def drawing(height, width):
    """Smooth colours, hard edges and noise, so that a wrong filter, phase or channel shows."""
    y, x = np.mgrid[0:height, 0:width]
    red = 128 + 120 * np.sin(x / 5.0) * np.cos(y / 9.0)
    green = 255.0 * ((x // 7 + y // 5) % 2)
    blue = 255.0 * y / max(height - 1, 1)
    picture = np.stack([red, green, blue], axis=-1) + RNG.normal(0, 12, (height, width, 3))
    return np.clip(np.round(picture), 0, 255).astype(np.uint8)


def rgb(height, width):
    return Image.fromarray(drawing(height, width))


def with_alpha(image):
    """The image with a transparency that hides a good part of it."""
    alpha = Image.fromarray(RNG.integers(0, 256, (image.height, image.width), dtype=np.uint8))
    image = image.copy()
    image.putalpha(alpha)
    return image


def without_marks(jpeg, ids):
    """A JPEG file with other component ids and without the segments that say what its components mean."""
    made, at = bytearray(jpeg[:2]), 2
    while jpeg[at + 1] != 0xDA:
        segment = bytearray(jpeg[at : at + 2 + int.from_bytes(jpeg[at + 2 : at + 4])])
        if segment[1] == 0xC0:
            segment[10::3] = ids
        if not 0xE0 <= segment[1] <= 0xEF:
            made += segment
        at += len(segment)
    scan = bytearray(jpeg[at:])
    scan[5:11:2] = ids
    return bytes(made + scan)


def processor(**settings):
    return CLIPImageProcessorPil(
        size=settings.pop("size", {"shortest_edge": SIDE}),
        crop_size={"height": SIDE, "width": SIDE},
        **settings,
    )


def reference(file, resample=Image.Resampling.BICUBIC, size=None):
    """The reference's 8-bit picture of a file: height, width, channel."""
    upright = ImageOps.exif_transpose(Image.open(file))
    size = size or {"shortest_edge": SIDE}
    made = processor(resample=resample, size=size, do_rescale=False, do_normalize=False)(upright, return_tensors="np")
    made = made["pixel_values"][0].transpose(1, 2, 0).astype(np.uint8)
    plain = upright.convert("RGB")
    if "shortest_edge" in size:
        short, long = sorted(plain.size)
        longer = int(SIDE * long / short)
        new = (longer, SIDE) if plain.width > plain.height else (SIDE, longer)
    else:
        new = (size["width"], size["height"])
    plain = plain.resize(new, resample)
    if min(new) >= SIDE:
        left, top = (new[0] - SIDE) // 2, (new[1] - SIDE) // 2
        plain = np.asarray(plain.crop((left, top, left + SIDE, top + SIDE)))
        assert np.array_equal(plain, made), file
    return made


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    for old in OUT.iterdir():
        old.unlink()

    rgb(61, 97).save(OUT / "rgb.png")
    rgb(56, 56).save(OUT / "exact.png")
    rgb(211, 157).save(OUT / "shrunk.png")
    rgb(19, 23).save(OUT / "enlarged.png")
    rgb(1, 1).save(OUT / "one-pixel.png")
    rgb(3, 400).save(OUT / "very-wide.png")
    rgb(401, 5).save(OUT / "very-tall.png")
    rgb(63, 59).convert("L").save(OUT / "grey.png")
    with_alpha(rgb(63, 59).convert("L")).save(OUT / "grey-alpha.png")
    with_alpha(rgb(66, 81)).save(OUT / "rgb-alpha.png")
    rgb(70, 67).quantize(37).save(OUT / "palette.png")
    rgb(70, 67).quantize(50).save(OUT / "palette-transparent.png", transparency=3)
    rgb(70, 67).quantize(5).save(OUT / "palette-small.png")
    rgb(75, 64).convert("1").save(OUT / "one-bit.png")
    Image.fromarray((RNG.integers(0, 65536, (60, 62))).astype(np.uint16)).save(OUT / "grey-16.png")

    photo = rgb(75, 101)
    photo.save(OUT / "jpeg-420.jpg", quality=90, subsampling=2)
    photo.save(OUT / "jpeg-422.jpg", quality=90, subsampling=1)
    photo.save(OUT / "jpeg-444.jpg", quality=75, subsampling=0)
    photo.save(OUT / "jpeg-progressive.jpg", quality=85, progressive=True)
    photo.convert("L").save(OUT / "jpeg-grey.jpg", quality=85)
    photo.convert("CMYK").save(OUT / "jpeg-cmyk.jpg", quality=85)
    # Strong colour edges come out otherwise in the decoder used; it doesn't smooth between colour samples.
    y, x = np.mgrid[0:75, 0:101]
    mild = np.stack([60 + x + y / 3, 80 + y, 140 - x / 2 + y / 4], axis=-1)
    Image.fromarray(mild.astype(np.uint8)).save(OUT / "webp.webp", quality=90)
    photo.save(OUT / "webp-lossless.webp", lossless=True)
    with_alpha(photo).save(OUT / "webp-alpha.webp", lossless=True, exact=True)
    small = rgb(47, 71)
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        small.save(OUT / f"exif-{orientation}.jpg", quality=85, exif=exif.tobytes())
        if orientation == 6:
            small.save(OUT / "exif-6.png", exif=exif.tobytes())
            small.save(OUT / "exif-6.webp", lossless=True, exif=exif.tobytes())

    # More than a hundred times as high as wide: Pillow shrinks such a picture's rows first.
    rgb(700, 3).save(OUT / "tall.png")
    Image.fromarray(np.repeat(drawing(58, 58), 101, axis=0)).save(OUT / "taller.png")
    bare = io.BytesIO()
    photo.save(bare, "JPEG", quality=90, subsampling=0)
    for name, ids in (("rgb", b"RGB"), ("other", b"\0\1\2")):
        (OUT / f"jpeg-{name}-ids.jpg").write_bytes(without_marks(bare.getvalue(), ids))
    frames = [rgb(61, 59) for _ in range(2)]
    frames[0].save(OUT / "animated.webp", save_all=True, append_images=frames[1:], lossless=True)

    broken = ("grey-16", "jpeg-cmyk")
    for file in sorted(OUT.iterdir()):
        if file.stem not in broken:
            Image.fromarray(reference(file)).save(OUT / f"{file.name}.reference.png", optimize=True)
    for name, resample, size in (
        ("shrunk.png.bilinear", Image.Resampling.BILINEAR, None),
        ("enlarged.png.bilinear", Image.Resampling.BILINEAR, None),
        ("rgb.png.square", Image.Resampling.BICUBIC, {"height": SIDE, "width": SIDE}),
        ("rgb.png.small", Image.Resampling.BICUBIC, {"height": 31, "width": 40}),
        ("rgb.png.odd", Image.Resampling.BICUBIC, {"height": 77, "width": 33}),
        ("tall.png.square", Image.Resampling.BICUBIC, {"height": SIDE, "width": SIDE}),
    ):
        made = reference(OUT / name.rsplit(".", 1)[0], resample, size)
        Image.fromarray(made).save(OUT / f"{name}.reference.png", optimize=True)

    values = processor()(Image.open(OUT / "rgb.png"), return_tensors="np")["pixel_values"][0]
    with open(OUT / "normalised.txt", "w", encoding="ascii") as lines:
        for channel, y, x in np.ndindex(3, 7, 7):
            print(channel, y * 8, x * 8, float(values[channel, y * 8, x * 8]), file=lines)
    print(sum(file.stat().st_size for file in OUT.iterdir()), "bytes")


if __name__ == "__main__":
    main()
