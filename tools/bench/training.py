"""Pictures a second of training, beside PyTorch on the CPU with the same threads, in turn.

    python tools/bench/training.py BENCH [--threads 2] [--batch 4] [--rounds 3] [--seconds 5] [--models small,base]
        [--methods full,vectors,last:2]

BENCH is beit_training_bench (ninja -C build/VARIANT beit_training_bench), which node runs if it ends with .cjs.
Needs torch and transformers 4.46.3. A pass is forward, loss and back, without an optimiser.
"""
import argparse, re, subprocess, time
import torch
from transformers import BeitConfig, BeitForImageClassification

MODELS = dict(
    base=dict(use_relative_position_bias=True, num_labels=16),
    small=dict(hidden_size=128, num_hidden_layers=6, num_attention_heads=4, intermediate_size=512, image_size=96, patch_size=8,
                    use_relative_position_bias=True, num_labels=16))


def trained(name, method, layers):
    if not name.startswith("beit.") or method == "full": return True
    if method == "vectors": return not (name.endswith(".weight") and "layernorm" not in name)
    if name.startswith(("beit.pooler.", "beit.layernorm.")): return True
    found = re.match(r"beit\.encoder\.layer\.(\d+)\.", name)
    return bool(found) and int(found.group(1)) >= layers - int(method.split(":")[1])


def torch_rates(name, method, batch, seconds):
    """Pictures a second forward, and forward and back."""
    change = MODELS[name]
    config = BeitConfig(drop_path_rate=0.0, **change)
    torch.manual_seed(0)
    model = BeitForImageClassification(config)
    for n, p in model.named_parameters(): p.requires_grad_(trained(n, method, config.num_hidden_layers))
    x, y = torch.randn(batch, 3, config.image_size, config.image_size), torch.full((batch,), 3)

    def forward():
        with torch.no_grad(): model(pixel_values=x, labels=y)

    def back():
        model(pixel_values=x, labels=y).loss.backward()

    rates = []
    for run in (forward, back):
        run()
        best, begin = 1e9, time.time()
        while time.time() - begin < seconds:
            at = time.time()
            run()
            best = min(best, time.time() - at)
        rates.append(batch / best)
    return rates


def our_rates(bench, name, method, batch, threads, seconds):
    # As tools/node-flags.mjs.
    old = bench.endswith(".cjs") and int(subprocess.run(["node", "-p", "process.versions.node"], capture_output=True, text=True).stdout.split(".")[0]) < 22
    command = (["node"] + (["--experimental-wasm-relaxed-simd"] if old else []) if bench.endswith(".cjs") else []) + [bench, name, method, str(batch), str(threads), str(seconds)]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [float(re.search(rf"^{kind} ([\d.]+) pictures", text, re.M).group(1)) for kind in ("forward", "gradients")]


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("bench"); p.add_argument("--threads", type=int, default=2); p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--seconds", type=float, default=5); p.add_argument("--models", default="small,base")
    p.add_argument("--batch", type=int, default=4)
    p.add_argument("--methods", default="full,vectors,last:2")
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    for name in a.models.split(","):
        for method in a.methods.split(","):
            ours, theirs = [0.0, 0.0], [0.0, 0.0]
            for _ in range(a.rounds):
                ours = list(map(max, ours, our_rates(a.bench, name, method, a.batch, a.threads, a.seconds)))
                theirs = list(map(max, theirs, torch_rates(name, method, a.batch, a.seconds)))
            print(f"{name} {method}: {ours[1]:.2f} pictures/s, PyTorch {theirs[1]:.2f}: {ours[1] / theirs[1]:.2f} of it; forward {ours[0]:.2f}, "
                  f"PyTorch {theirs[0]:.2f}; way back {ours[0] / ours[1] - 1:.2f} x forward, PyTorch {theirs[0] / theirs[1] - 1:.2f}", flush=True)
