"""Draws what few-shot.mjs teaches with:  python few_shot_pictures.py OUT

Scenes and light: pictures of the world of weights/training, of seeds that no checkpoint was trained with, at 96 pixels. Digits:
scikit-learn's, 8 pixels enlarged to 96. OUT/NAME.rgb are the pictures, OUT/facts.json their labels and which of them each draw takes.
Needs numpy, pillow and scikit-learn.
"""

import json
import sys
from multiprocessing import Pool
from pathlib import Path

import numpy as np
from PIL import Image

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parents[2] / "weights" / "training"))

import world  # noqa: E402
from world.light import KINDS as LIGHT  # noqa: E402
from world.light import make_light  # noqa: E402
from world.names import SCENES  # noqa: E402
from world.scenes import KINDS  # noqa: E402

SIZE = 96
SHOTS = (5, 10, 20)
DRAWS = 5


def scene(seed):
    kind = KINDS[SCENES[seed % len(SCENES)]]
    rng = np.random.default_rng(seed)
    winter = rng.random() < kind.winter
    light = make_light(rng, kind.light, winter).kind  # the first that world.draw() draws, too
    image = world.draw(seed, 144).image.resize((SIZE, SIZE), Image.Resampling.BICUBIC)
    return np.asarray(image), seed % len(SCENES), LIGHT.index(light)


def chosen(labels, pool):
    """The pictures of each draw, by shots: so many of each class."""
    draws = {}
    for shots in SHOTS:
        draws[shots] = []
        for seed in range(DRAWS):
            rng = np.random.default_rng(seed)
            picked = [rng.choice(pool[labels[pool] == k], shots, replace=False) for k in range(labels.max() + 1)]
            draws[shots].append(np.concatenate(picked).tolist())
    return draws


def main(out):
    out.mkdir(parents=True, exist_ok=True)
    taught = range(1_000_000_000 + 4096, 1_000_000_000 + 4096 + 16 * 40)
    tested = range(2_000_000_000, 2_000_000_000 + 16 * 64)
    with Pool() as pool:
        drawn = pool.map(scene, [*taught, *tested], chunksize=16)
    np.stack([image for image, _, _ in drawn]).tofile(out / "world.rgb")
    scenes, lights = (np.array([row[i] for row in drawn]) for i in (1, 2))
    first, rest = np.arange(len(taught)), np.arange(len(taught), len(drawn))

    from sklearn.datasets import load_digits

    digits = load_digits()
    enlarged = [
        np.repeat(np.asarray(Image.fromarray((image * 15.9).astype(np.uint8)).resize((SIZE, SIZE), Image.Resampling.BICUBIC))[..., None], 3, 2)
        for image in digits.images
    ]
    np.stack(enlarged).tofile(out / "digits.rgb")
    order = np.random.default_rng(0).permutation(len(digits.target))

    facts = {
        name: {"pictures": pictures, "labels": labels.tolist(), "test": test.tolist(), "draws": chosen(labels, pool)}
        for name, pictures, labels, pool, test in (
            ("scenes", "world", scenes, first, rest),
            ("light", "world", lights, first, rest),
            ("digits", "digits", digits.target, order[:900], order[900:]),
        )
    }
    (out / "facts.json").write_text(json.dumps({"size": SIZE, "tasks": facts}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
