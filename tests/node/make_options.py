"""Fills in what transformers answers to the cases of options.json, each of which sets one option.

    python make_options.py options.json

Needs transformers 4.46.3 and, for the resized biases, timm 1.0.31 and scipy 1.13 (interp2d). Weights and
inputs are not stored: both sides make them from their names (see values() here and in options.test.mjs).
"""
import functools, importlib, importlib.util, json, math, pathlib, sys, types, warnings

warnings.filterwarnings("ignore")
import numpy as np
import torch
import transformers
from transformers import BeitConfig

BASE = dict(hidden_size=12, num_hidden_layers=2, num_attention_heads=3, intermediate_size=20, image_size=8, patch_size=2)
POSITIONS = 5  # of an output's values, how many are stored; as in options.test.mjs


def values(name, shape):
    """The same pseudo-random numbers as in options.test.mjs, of a size that keeps states near 1."""
    state = 0
    for character in name:
        state = (state * 31 + ord(character)) % 2147483647
    state = state or 1
    count, out = math.prod(shape), []
    for _ in range(count):
        state = state * 48271 % 2147483647
        out.append(state / 2147483647 - 0.5)
    u = np.array(out, dtype=np.float64)
    if "relative_position_bias_table" in name or "token" in name or "position_embeddings" in name: v = 2 * u
    elif "lambda_" in name: v = 0.6 + 0.6 * u
    elif name.endswith("running_var"): v = 1 + u
    elif name.startswith("in."): v = 4 * u
    elif len(shape) == 1: v = 1 + 0.8 * u if name.endswith("weight") else 0.6 * u
    else: v = 3.4 / math.sqrt(count / shape[0]) * u
    return torch.tensor(v.astype(np.float32)).reshape(shape)


def project_name(name):
    return "beit." + name if name.split(".")[0] in ("embeddings", "encoder", "pooler") else name


@functools.cache
def timm_function():
    base = pathlib.Path(importlib.util.find_spec("timm").origin).parent
    for name, path in (("timm", base), ("timm.layers", base / "layers")):  # the package asks for torchvision
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name].__path__ = [str(path)]
    return importlib.import_module("timm.layers.pos_embed_rel").resize_rel_pos_bias_table


def unilm_resize(table, src_size, dst_size):
    """unilm, beit/run_class_finetuning.py, for one square table without its last three rows."""
    from scipy import interpolate
    left, right = 1.01, 1.5
    while right - left > 1e-6:
        q = (left + right) / 2.0
        if (1.0 - q ** (src_size // 2)) / (1.0 - q) > dst_size // 2: right = q
        else: left = q
    distances, current = [], 1
    for i in range(src_size // 2):
        distances.append(current)
        current += q ** (i + 1)
    x = [-d for d in reversed(distances)] + [0] + distances
    t = dst_size // 2.0
    d = np.arange(-t, t + 0.1, 1.0)
    heads = [interpolate.interp2d(x, x, table[:, i].view(src_size, src_size).numpy(), kind="cubic")(d, d) for i in range(table.shape[1])]
    return torch.stack([torch.Tensor(h).reshape(-1) for h in heads], -1)


def resized(way, table, old, new):
    if way == "timm":
        return timm_function()(table, new, ((2 * new[0] - 1) * (2 * new[1] - 1) + 3, table.shape[1]), old)
    return torch.cat([unilm_resize(table[:-3], 2 * old[0] - 1, 2 * new[0] - 1), table[-3:]])


def inputs_of(case, config):
    given = case.get("inputs", {})
    batch, (height, width) = given.get("batch", 1), given.get("size", [8, 8])
    inputs = {"pixel_values": values("in.pixel_values", (batch, config.num_channels, height, width))}
    patch = config.patch_size if isinstance(config.patch_size, (list, tuple)) else (config.patch_size,) * 2
    patches = height // patch[0] * (width // patch[1])
    mask = values("in.mask", (batch, patches)) > 0
    if given.get("mask"): inputs["bool_masked_pos"] = mask
    labels = given.get("labels")
    if labels == "class": inputs["labels"] = torch.arange(batch) % config.num_labels
    if labels == "float": inputs["labels"] = values("in.labels", (batch, config.num_labels))
    if labels == "multi": inputs["labels"] = (values("in.labels", (batch, config.num_labels)) > 0).float()
    if labels == "tokens": inputs["labels"] = torch.arange(int(mask.sum())) * 5 % config.vocab_size
    if labels in ("map", "ones"):
        inputs["labels"] = (torch.arange(batch * height * width).reshape(batch, height, width) * 7 // 3) % config.num_labels
        if labels == "map": inputs["labels"][:, 0] = 255
        inputs["labels"][:, 1] = 1
    return inputs


def answer(case):
    reference = case.get("reference", {})
    fields = {**BASE, **case.get("base", {}), **case.get("config", {}), **reference.get("config", {})}
    if "segmentation_indices" in fields: fields["out_indices"] = fields.pop("segmentation_indices")
    if "semantic_out_indices" in fields: fields["out_indices"] = fields.pop("semantic_out_indices")
    if "id2label" in fields: fields["id2label"] = {int(k): v for k, v in fields["id2label"].items()}
    config = BeitConfig(**fields)
    config.batch_norm_eps = 1e-5  # BeitBackbone asks for a field that BeitConfig lacks
    cls = getattr(transformers, case["class"])
    options = case.get("options", {})
    model = cls(config, add_pooling_layer=options.get("addPoolingLayer", True)) if cls.__name__ == "BeitModel" else cls(config)
    state = {}
    for name, tensor in model.state_dict().items():
        if name.endswith("num_batches_tracked"): continue
        full = project_name(name) if cls.__name__ in ("BeitModel", "BeitBackbone") or name.startswith("beit.") else name
        if cls.__name__ == "BeitModel" and name.startswith("layernorm."): full = "beit." + name
        if "relative_position_bias_table" in name and "resize" in reference:
            old, new = reference["windows"]
            state[name] = resized(reference["resize"], values(full, ((2 * old[0] - 1) * (2 * old[1] - 1) + 3, tensor.shape[1])), old, new)
        else:
            state[name] = values(full, tuple(tensor.shape))
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert not unexpected and all(m.endswith("num_batches_tracked") for m in missing), (missing, unexpected)
    inputs = inputs_of(case, config)
    # The encoder divides by the patch size, for a window that only relative biases need.
    if isinstance(config.patch_size, list): config.patch_size = config.patch_size[0]
    call = case.get("call", {})
    names = {"outputHiddenStates": "output_hidden_states", "outputAttentions": "output_attentions"}
    with torch.no_grad():
        outputs = model.eval()(**inputs, **{names[k]: v for k, v in call.items()})
    found = {}
    for ours, theirs in (("lastHiddenState", "last_hidden_state"), ("poolerOutput", "pooler_output"), ("logits", "logits"), ("loss", "loss")):
        if getattr(outputs, theirs, None) is not None: found[ours] = getattr(outputs, theirs)
    for ours, theirs in (("featureMaps", "feature_maps"), ("hiddenStates", "hidden_states"), ("attentions", "attentions")):
        if ours == "hiddenStates" and not call.get("outputHiddenStates"): continue
        if ours == "attentions" and not call.get("outputAttentions"): continue
        for i, tensor in enumerate(getattr(outputs, theirs, None) or ()): found[f"{ours}.{i}"] = tensor
    result = {}
    for name, tensor in found.items():
        flat = tensor.reshape(-1)
        n = flat.numel()
        picked = [(2 * k + 1) * n // (2 * POSITIONS) for k in range(POSITIONS)]
        result[name] = {"dims": list(tensor.shape) or [1], "at": [float("%.7g" % flat[i].item()) for i in picked]}
    return result


def main(path):
    cases = json.loads(pathlib.Path(path).read_text())
    lines = []
    for case in cases:
        if "refused" not in case and not case.get("same"): case["expected"] = answer(case)
        lines.append(json.dumps(case))
    pathlib.Path(path).write_text("[\n" + ",\n".join(lines) + "\n]\n")


main(sys.argv[1])
