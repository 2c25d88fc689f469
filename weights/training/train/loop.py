"""The training loop that all stages share: seeded, logged to RUN/log.jsonl, resumable from RUN/state.pt."""

import argparse
import copy
import json
import math
import time
from pathlib import Path

import numpy as np
import torch


def stage_parser(doc, steps, batch, rate, pictures=12288):
    """The options of every stage, with its own defaults."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--cache", required=True, help="where train.pictures has drawn to")
    parser.add_argument("--run", required=True, help="folder for the log, the state and the best")
    parser.add_argument("--pictures", type=int, default=pictures, help="training pictures")
    parser.add_argument("--validation", type=int, default=1024)
    parser.add_argument("--steps", type=int, default=steps)
    parser.add_argument("--batch", type=int, default=batch)
    parser.add_argument("--rate", type=float, default=rate, help="peak learning rate")
    parser.add_argument("--warmup", type=int, default=steps // 12)
    parser.add_argument("--decay", type=float, default=0.05, help="weight decay")
    parser.add_argument("--average", type=float, default=0.998, help="decay of averaged weights")
    parser.add_argument("--every", type=int, default=steps // 8, help="steps between validations")
    parser.add_argument("--precision", choices=("bfloat16", "float32"), default="bfloat16")
    parser.add_argument("--threads", type=int, default=2, help="1 where other work runs: threads that wait for each other lose more")
    parser.add_argument("--seed", type=int, default=0)
    return parser


def batches(count, batch, seed, step):
    """Endless batches of indices from `step` on; each epoch has an order of its own."""
    per_epoch = count // batch
    while True:
        order = np.random.default_rng([seed, step // per_epoch]).permutation(count)
        for i in range(step % per_epoch, per_epoch):
            yield order[i * batch:(i + 1) * batch]
            step += 1


def encoder_decay(name, layers, decay):
    """Layer-wise decay of the learning rate, as BEiT fine-tunes: decay ** (distance from the head)."""
    if "embeddings" in name:
        return decay ** (layers + 1)
    if ".layer." in name:
        return decay ** (layers - int(name.split(".layer.")[1].split(".")[0]))
    return 1.0


class Loop:
    """Weights and optimizer in float32 (`master`); forward and backward in `work`'s precision.

    Pure bfloat16 passes are 1.4 times as fast as autocast on a CPU: autocast goes back to float32
    between matrix products. Batch normalisation stays in float32.
    """

    def __init__(self, args, module, scale=lambda name: 1.0):
        """`scale`: factor of the learning rate for a parameter's name."""
        self.args, self.step, self.best = args, 0, -math.inf
        self.generator = torch.Generator().manual_seed(args.seed)
        self.master = module.train()
        self.averaged = copy.deepcopy(module).eval()
        self.dtype = getattr(torch, args.precision)
        self.work = _lowered(copy.deepcopy(module), self.dtype)
        groups = [{"params": [p], "weight_decay": args.decay if p.ndim >= 2 and "bias_table" not in name else 0.0,
                   "scale": scale(name)} for name, p in module.named_parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(groups, lr=args.rate, betas=(0.9, 0.98), foreach=True)
        Path(args.run).mkdir(parents=True, exist_ok=True)
        self.path = Path(args.run) / "state.pt"

    def save(self):
        state = {
            "step": self.step, "best": self.best, "master": self.master.state_dict(),
            "averaged": self.averaged.state_dict(), "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(), "torch": torch.get_rng_state(),
        }
        part = self.path.with_suffix(".part")
        torch.save(state, part)
        part.rename(self.path)

    def resume(self):
        if not self.path.exists():
            return
        state = torch.load(self.path, weights_only=True)
        self.step, self.best = state["step"], state["best"]
        self.master.load_state_dict(state["master"])
        self.averaged.load_state_dict(state["averaged"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.generator.set_state(state["generator"])
        torch.set_rng_state(state["torch"])
        self.work.load_state_dict(self.master.state_dict())

    def rate(self):
        args = self.args
        if self.step < args.warmup:
            return args.rate * (self.step + 1) / args.warmup
        t = (self.step - args.warmup) / max(1, args.steps - args.warmup)
        return args.rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * t)))

    def _update(self, loss):
        self.work.zero_grad(set_to_none=True)
        loss.backward()
        for work, master in zip(self.work.parameters(), self.master.parameters()):
            master.grad = None if work.grad is None else work.grad.float()
        torch.nn.utils.clip_grad_norm_(self.master.parameters(), 1.0, foreach=True)
        rate = self.rate()
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["scale"]
        self.optimizer.step()
        keep = min(self.args.average, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            torch._foreach_copy_(list(self.work.parameters()), list(self.master.parameters()))
            torch._foreach_lerp_(list(self.averaged.parameters()), list(self.master.parameters()), 1 - keep)
            # Statistics are made by the passes, that is by `work`.
            for work, master, mean in zip(self.work.buffers(), self.master.buffers(), self.averaged.buffers()):
                master.copy_(work)
                mean.copy_(work)
        self.step += 1

    def run(self, batch_losses, validate, keep):
        """Trains to the end.

        batch_losses(work, indices, generator, progress) -> {name: loss}, whose sum is made smaller;
        validate(averaged) -> {name: figure}, the first being the one that is to grow;
        keep(averaged) saves the best so far.
        """
        args = self.args
        torch.set_num_threads(args.threads)
        torch.manual_seed(args.seed)
        self.resume()
        start, rows = time.time(), []
        with open(Path(args.run) / "log.jsonl", "a") as log:
            for chosen in batches(args.pictures, args.batch, args.seed, self.step):
                if self.step >= args.steps:
                    break
                losses = batch_losses(self.work, chosen, self.generator, self.step / args.steps)
                self._update(sum(losses.values()))
                rows.append([loss.item() for loss in losses.values()])
                if self.step % args.every and self.step != args.steps:
                    continue
                seconds = time.time() - start
                with torch.no_grad():
                    figures = validate(_lowered(copy.deepcopy(self.averaged), self.dtype).eval())
                means = dict(zip(losses, np.mean(rows, axis=0)))
                row = {"step": self.step, **{k: round(float(v), 4) for k, v in {**means, **figures}.items()},
                       "pictures_per_s": round(len(rows) * args.batch / seconds, 1)}
                print(json.dumps(row), flush=True)
                log.write(json.dumps(row) + "\n")
                log.flush()
                figure = next(iter(figures.values()))
                if figure >= self.best:
                    self.best = figure
                    keep(self.averaged)
                self.save()
                start, rows = time.time(), []
        print(f"best {self.best:.4f}, in {args.run}", flush=True)


def _lowered(module, dtype):
    """The module in `dtype`, except for batch normalisation: its statistics would not move in 8 bits of mantissa."""
    module = module.to(memory_format=torch.channels_last)
    for part in module.modules():
        if not isinstance(part, torch.nn.BatchNorm2d):
            for parameter in part.parameters(recurse=False):
                parameter.data = parameter.data.to(dtype)
    return module
