"""What training takes of a processor, beside PyTorch on the CPU, in turn; the least of some rounds.

    python tools/bench/training.py BENCH [--threads 1,2] [--batch 4] [--rounds 2] [--passes 2] [--models small,base]
        [--methods full,vectors,last:2]

BENCH is beit_training_bench (ninja -C build/VARIANT beit_training_bench), which node runs if it ends with .cjs.
Needs torch and transformers 4.46.3. A pass is forward, loss and back, without an optimiser; its time is the processor's, of all threads.
"""
import argparse, os, re, resource, subprocess, time
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # else its threads' waiting counts, most of all beside other processes
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


def torch_run(name, method, batch, passes):
    """The processor's seconds a picture: forward alone, where no method is named, or forward and back."""
    config = BeitConfig(drop_path_rate=0.0, **MODELS[name])
    torch.manual_seed(0)
    model = BeitForImageClassification(config)
    for n, p in model.named_parameters(): p.requires_grad_(method is not None and trained(n, method, config.num_hidden_layers))
    x, y = torch.randn(batch, 3, config.image_size, config.image_size), torch.full((batch,), 3)

    def run():
        if method is None:
            with torch.no_grad(): model(pixel_values=x, labels=y)
        else:
            model(pixel_values=x, labels=y).loss.backward()

    run()
    begin = time.process_time()
    for _ in range(passes): run()
    return (time.process_time() - begin) / passes / batch


def our_run(bench, name, method, batch, threads, passes):
    """The same: what more passes take more, so that a start counts for nothing."""
    command = [bench]
    if bench.endswith(".cjs"):
        old = int(subprocess.run(["node", "-p", "process.versions.node"], capture_output=True, text=True).stdout.split(".")[0]) < 22
        command = ["node"] + (["--experimental-wasm-relaxed-simd"] if old else []) + command  # as tools/node-flags.mjs

    def run(passes):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        counts = [passes, 0] if method is None else [0, passes]
        subprocess.run(command + [name, method or "full", str(batch), str(threads), *map(str, counts)], check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    return (run(1 + passes) - run(1)) / passes / batch


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("bench"); p.add_argument("--threads", default="1,2"); p.add_argument("--batch", type=int, default=4)
    p.add_argument("--rounds", type=int, default=2); p.add_argument("--passes", type=int, default=2)
    p.add_argument("--models", default="small,base"); p.add_argument("--methods", default="full,vectors,last:2")
    a = p.parse_args()
    for threads in map(int, a.threads.split(",")):
        torch.set_num_threads(threads)
        for name in a.models.split(","):
            forward = None
            for method in [None, *a.methods.split(",")]:
                ours, theirs = 9e9, 9e9
                for _ in range(a.rounds):
                    ours = min(ours, our_run(a.bench, name, method, a.batch, threads, a.passes))
                    theirs = min(theirs, torch_run(name, method, a.batch, a.passes))
                forward = forward or (ours, theirs)
                print(f"{threads} threads, {name}, {method or 'forward'}: {1 / ours:.2f} pictures a processor's second, PyTorch {1 / theirs:.2f}: "
                      f"{theirs / ours:.2f} of it" + (f"; way back {ours / forward[0] - 1:.2f} x forward, PyTorch {theirs / forward[1] - 1:.2f}"
                                                      if method else "") + f" (load {os.getloadavg()[0]:.0f})", flush=True)
