"""How often models that were trained by train()'s own recipes are right, beside PyTorch's on the same pictures in the same order.

    python tools/bench/training_accuracy.py FOLDER [--pictures 256,1024] [--methods vectors,full] [--seeds 3] [--steps 150] [--threads 1]

Scenes of the world of weights/training that no checkpoint was trained with, at 96 pixels; it begins with the embedded checkpoint of masked
images and a new head, the same in both. Crops and mirrors are drawn here and handed to both as pixels. FOLDER gets the pictures and
results.jsonl, a line a run; runs that stand there are not done again. Needs a release build, torch, transformers 4.46.3, numpy and pillow.
"""
import argparse, json, math, subprocess, sys, time
from multiprocessing import Pool
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from transformers import BeitForMaskedImageModeling

ROOT = Path(__file__).parents[2]
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "weights" / "training"))

import world  # noqa: E402
from train.models import classification, take  # noqa: E402
from world.names import SCENES  # noqa: E402

CHECKPOINT = ROOT / "weights" / "embedded" / "masked-image-modeling"
CHILD = [str(ROOT / "tools" / "bench" / "training-accuracy-child.mjs")]
SIZE, BATCH = 96, 32
TRAINED, TESTED = 1_000_000_000 + 4096, 2_000_000_000


def scene(seed):
    return np.asarray(world.draw(seed, 144).image)


def drawn(folder, name, first, count):
    """Pictures of that many seeds, the scene of each being its number modulo 16, drawn once."""
    path = folder / f"{name}-{count}.npy"
    if not path.exists():
        with Pool(1) as pool:
            np.save(path, np.stack(pool.map(scene, range(first, first + count), chunksize=16)))
    return np.load(path, mmap_mode="r")


def resized(picture, box=None):
    return np.asarray(Image.fromarray(picture).resize((SIZE, SIZE), Image.Resampling.BICUBIC, box=box)).transpose(2, 0, 1)


def batches(pictures, steps, seed):
    """Numbers and augmented pixels of each step: crops of three quarters and more, half of them mirrored."""
    random = np.random.default_rng([seed, len(pictures)])
    numbers = np.concatenate([random.permutation(len(pictures)) for _ in range(math.ceil(steps * BATCH / len(pictures)))])[: steps * BATCH]
    pixels = np.empty((len(numbers), 3, SIZE, SIZE), np.uint8)
    for i, number in enumerate(numbers):
        side = pictures.shape[1]
        while True:
            area, ratio = side * side * random.uniform(0.75, 1), math.exp(random.uniform(math.log(3 / 4), math.log(4 / 3)))
            width, height = math.sqrt(area * ratio), math.sqrt(area / ratio)
            if width <= side and height <= side: break
        left, top = random.uniform(0, side - width), random.uniform(0, side - height)
        pixels[i] = resized(np.asarray(pictures[number]), (left, top, left + width, top + height))
        if random.random() < 0.5: pixels[i] = pixels[i, :, :, ::-1]
    return numbers, pixels


def values(pixels):
    return torch.from_numpy(np.array(pixels)).float() / 127.5 - 1


def is_vector(name):
    return not name.startswith("beit.") or not name.endswith(".weight") or "layernorm" in name


def by_torch(start, settings, data, test):
    """The recipe once more, of PyTorch's parts."""
    model, warmup, total = start(), settings["warmup_steps"], settings["total_steps"]
    layers = model.config.num_hidden_layers
    groups = []
    for name, parameter in model.named_parameters():
        if settings["method"] == "vectors" and not is_vector(name):
            parameter.requires_grad_(False)
            continue
        layer = int(name.split(".")[3]) + 1 if name.startswith("beit.encoder.layer.") else 0 if name.startswith("beit.embeddings.") else layers + 1
        factor = settings["layer_decay"] ** (layers + 1 - layer) * (1 if name.startswith("beit.") else settings["head_rate_factor"])
        decayed = parameter.ndim > 1 and not name.endswith("cls_token")
        groups.append(dict(params=[parameter], lr=factor, weight_decay=settings["weight_decay"] if decayed else 0.0))
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.999), eps=1e-8)

    def rate(step):
        high, low = settings["rate"], settings["min_rate"]
        if step < warmup: return settings["warmup_rate"] + (high - settings["warmup_rate"]) * step / max(warmup - 1, 1)
        return low + (high - low) * 0.5 * (1 + math.cos(math.pi * (step - warmup) / (total - warmup)))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    entropy = torch.nn.CrossEntropyLoss(label_smoothing=settings["smoothing"])
    model.train()
    losses = []
    for step in range(total):
        at = slice(step * BATCH, (step + 1) * BATCH)
        loss = entropy(model(pixel_values=values(data["pixels"][at])).logits, torch.from_numpy(data["labels"][at]))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_([p for group in groups for p in group["params"]], settings["clip"])
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    model.eval()
    with torch.no_grad():
        answers = [model(pixel_values=values(test[i : i + BATCH])).logits.argmax(-1) for i in range(0, len(test), BATCH)]
    return losses, torch.cat(answers).numpy()


def node(*arguments):
    flags = subprocess.run(["node", "-e", "import('./tools/node-flags.mjs').then((m) => console.log(m.nodeFlags.join(' ')))"],
                           cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()
    return json.loads(subprocess.run(["node", *flags, *CHILD, *map(str, arguments)], check=True, stdout=subprocess.PIPE, text=True).stdout)


def main(a):
    folder = Path(a.folder)
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(a.threads)
    sizes = [int(n) for n in a.pictures.split(",")]
    pool, tested = drawn(folder, "training", TRAINED, max(sizes)), drawn(folder, "test", TESTED, 1024)
    test = np.stack([resized(np.asarray(picture)) for picture in tested])
    truth = np.arange(len(test)) % len(SCENES)
    test.tofile(folder / "test.u8")
    log = folder / "results.jsonl"
    results = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    for seed in range(a.seeds):
        for size in sizes:
            # Sixteen follow each other of as many scenes.
            chosen = np.random.default_rng(seed).permutation(max(sizes) // len(SCENES))[: size // len(SCENES)]
            pictures = pool[(chosen[:, None] * len(SCENES) + np.arange(len(SCENES))).reshape(-1)]
            todo = [m for m in a.methods.split(",") if not any((r["seed"], r["pictures"], r["method"]) == (seed, size, m) for r in results)]
            if not todo: continue
            numbers, pixels = batches(pictures, a.steps, seed)
            data = dict(pixels=pixels, labels=(numbers % len(SCENES)).astype(np.int64))
            pixels.tofile(folder / "training.u8")
            (folder / "labels.json").write_text(json.dumps(data["labels"].tolist()))

            def start():
                torch.manual_seed(seed)
                model = classification()
                model.config.drop_path_rate = 0.0
                model = type(model)(model.config)
                take(model, BeitForMaskedImageModeling.from_pretrained(CHECKPOINT).state_dict())
                return model

            model = start()
            model.save_pretrained(folder / "start")
            (folder / "start" / "preprocessor_config.json").write_bytes((CHECKPOINT / "preprocessor_config.json").read_bytes())
            for method in todo:
                settings = node("settings", method, model.config.hidden_size, a.steps)
                begin = time.process_time()
                losses, answers = by_torch(start, settings, data, test)
                ours = node("train", method, folder, BATCH, a.steps, a.threads)
                result = dict(seed=seed, pictures=size, method=method, pytorch=float((answers == truth).mean()),
                              ours=float((np.array(ours["answers"]) == truth).mean()), same_answers=float((answers == np.array(ours["answers"])).mean()),
                              losses_pytorch=[losses[0], losses[-1]], losses=[ours["losses"][0], ours["losses"][-1]],
                              pytorch_seconds=time.process_time() - begin, seconds=ours["seconds"])
                results.append(result)
                with log.open("a") as file: file.write(json.dumps(result) + "\n")
                print(json.dumps(result), flush=True)
    for size in sizes:
        for method in a.methods.split(","):
            rows = [r for r in results if (r["pictures"], r["method"]) == (size, method)]
            ours, theirs = (100 * np.array([r[name] for r in rows]) for name in ("ours", "pytorch"))
            print(f"{size} pictures, {method}, {len(rows)} seeds: {ours.mean():.1f} % ({ours.min():.1f} to {ours.max():.1f}), "
                  f"PyTorch {theirs.mean():.1f} % ({theirs.min():.1f} to {theirs.max():.1f}): {ours.mean() - theirs.mean():+.1f} points")


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("folder"); p.add_argument("--pictures", default="256,1024"); p.add_argument("--methods", default="vectors,full")
    p.add_argument("--seeds", type=int, default=3); p.add_argument("--steps", type=int, default=150); p.add_argument("--threads", type=int, default=1)
    main(p.parse_args())
