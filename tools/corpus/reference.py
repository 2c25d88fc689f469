"""Writes what Pillow makes of image files: python reference.py OUT FILE...

OUT/reference.json lists for each file {"format", "width", "height"}, with its samples in OUT/N.rgb, N counted from 0, as
exif_transpose and convert("RGB") give them; or {"error"}. A decompression bomb is an error, a warning of one included.
"""
import json, os, sys, warnings
from PIL import Image, ImageOps

warnings.simplefilter("ignore")
warnings.simplefilter("error", Image.DecompressionBombWarning)
out, *files = sys.argv[1:]
lines = []
for i, name in enumerate(files):
    line = {}
    try:
        with Image.open(name) as image:
            line["format"] = image.format
            rgb = ImageOps.exif_transpose(image).convert("RGB")
        line["width"], line["height"] = rgb.size
        with open(os.path.join(out, f"{i}.rgb"), "wb") as file: file.write(rgb.tobytes())
    except Exception as error:
        line["error"] = f"{type(error).__name__}: {error}"
    lines.append(line)
with open(os.path.join(out, "reference.json"), "w") as file: json.dump(lines, file)
