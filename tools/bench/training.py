"""What training takes of a processor, beside PyTorch on the CPU, in turn; the least of some rounds.

    python tools/bench/training.py BENCH [--threads 1] [--batch 4] [--rounds 3] [--passes 5] [--models small,base]
        [--methods full,vectors,last:2]

BENCH is beit_training_bench (ninja -C build/VARIANT beit_training_bench), which node runs if it ends with .cjs.
Needs torch and transformers 4.46.3. A pass is forward, loss and back, without an optimiser.
"""
import argparse, re, resource, subprocess, time
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


def torch_seconds(name, method, batch, passes):
    """The processor's seconds a picture forward, and forward and back."""
    config = BeitConfig(drop_path_rate=0.0, **MODELS[name])
    torch.manual_seed(0)
    model = BeitForImageClassification(config)
    for n, p in model.named_parameters(): p.requires_grad_(trained(n, method, config.num_hidden_layers))
    x, y = torch.randn(batch, 3, config.image_size, config.image_size), torch.full((batch,), 3)

    def forward():
        with torch.no_grad(): model(pixel_values=x, labels=y)

    def both():
        model(pixel_values=x, labels=y).loss.backward()

    seconds = []
    for run in (forward, both):
        run()
        begin = time.process_time()
        for _ in range(passes): run()
        seconds.append((time.process_time() - begin) / passes / batch)
    return seconds


def our_seconds(bench, name, method, batch, threads, passes):
    """The same: what more passes take more, so that a start counts for nothing."""
    command = [bench]
    if bench.endswith(".cjs"):
        old = int(subprocess.run(["node", "-p", "process.versions.node"], capture_output=True, text=True).stdout.split(".")[0]) < 22
        command = ["node"] + (["--experimental-wasm-relaxed-simd"] if old else []) + command  # as tools/node-flags.mjs

    def run(forward, both):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command + [name, method, str(batch), str(threads), str(forward), str(both)], check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    least = run(2, 2)
    return [(run(2 + passes, 2) - least) / passes / batch, (run(2, 2 + passes) - least) / passes / batch]


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("bench"); p.add_argument("--threads", type=int, default=1); p.add_argument("--batch", type=int, default=4)
    p.add_argument("--rounds", type=int, default=3); p.add_argument("--passes", type=int, default=5)
    p.add_argument("--models", default="small,base"); p.add_argument("--methods", default="full,vectors,last:2")
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    for name in a.models.split(","):
        for method in a.methods.split(","):
            ours, theirs = [9e9, 9e9], [9e9, 9e9]
            for _ in range(a.rounds):
                ours = list(map(min, ours, our_seconds(a.bench, name, method, a.batch, a.threads, a.passes)))
                theirs = list(map(min, theirs, torch_seconds(name, method, a.batch, a.passes)))
            print(f"{name} {method}: {1 / ours[1]:.2f} pictures a processor's second, PyTorch {1 / theirs[1]:.2f}: {theirs[1] / ours[1]:.2f} of it; "
                  f"forward {1 / ours[0]:.2f}, PyTorch {1 / theirs[0]:.2f}; way back {ours[1] / ours[0] - 1:.2f} x forward, "
                  f"PyTorch {theirs[1] / theirs[0] - 1:.2f}", flush=True)
