"""Exports a checkpoint for the peers: python export.py onnx|onnx-segmentation|tflite CHECKPOINT OUT

onnx writes OUT/model.onnx, its dynamic int8 forms (QInt8 and QUInt8 weights), and the reference:
input.f32 (1, 3, S, S) and logits.f32, PyTorch's answer in float32. tflite (a second environment:
the two want different versions of their dependencies) writes OUT/model.tflite and its dynamic-range
int8 form. Both export the transformers model as it is, with eager attention. onnx-segmentation writes
OUT/model.onnx, input.f32 and logits.f32 of a segmentation model.
"""

import sys
from pathlib import Path

import torch
from transformers import BeitForImageClassification, BeitForSemanticSegmentation


class Logits(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, pixel_values):
        return self.model(pixel_values, return_dict=False)[0]


class Constant(torch.nn.Module):
    """A relative position bias that was computed beforehand: its gather does not convert to tflite."""

    def __init__(self, value):
        super().__init__()
        self.register_buffer("value", value)

    def forward(self, *args, **kwargs):
        return self.value


class AveragePool(torch.nn.Module):
    """Adaptive average pooling of n x n to k x k as two matrix products: sizes that do not divide
    cannot be exported otherwise."""

    def __init__(self, n, k):
        super().__init__()
        share = torch.zeros(k, n)
        for i in range(k):
            start, end = i * n // k, -(-(i + 1) * n // k)
            share[i, start:end] = 1 / (end - start)
        self.register_buffer("share", share)

    def forward(self, x):
        return self.share @ x @ self.share.T


def load(folder, kind=BeitForImageClassification):
    return kind.from_pretrained(folder, attn_implementation="eager").eval()


def example(model):
    side = model.config.image_size
    count = 3 * side * side
    return torch.sin(torch.arange(count, dtype=torch.float32) / 97).reshape(1, 3, side, side)


def write_onnx(model, reference, out):
    """Writes the exported `model`, and `reference`'s answer in PyTorch."""
    pixels = example(reference)
    pixels.numpy().tofile(out / "input.f32")
    reference(pixels).logits.numpy().tofile(out / "logits.f32")
    torch.onnx.export(
        Logits(model), (pixels,), out / "model.onnx", dynamo=False, opset_version=17,
        input_names=["pixel_values"], output_names=["logits"], do_constant_folding=True)


@torch.no_grad()
def export_segmentation(folder, out):
    model = load(folder, BeitForSemanticSegmentation)
    exported = load(folder, BeitForSemanticSegmentation)
    top = model.config.image_size // model.config.patch_size // 2  # the pyramid's last level
    for block, scale in zip(exported.decode_head.psp_modules.blocks, exported.decode_head.pool_scales):
        # The block has its layers in a list, and each again as a submodule.
        block.layers[0] = AveragePool(top, scale)
        setattr(block, "0", block.layers[0])
    write_onnx(exported, model, out)


@torch.no_grad()
def export_onnx(folder, out):
    from onnxruntime.quantization import QuantType, quantize_dynamic

    model = load(folder)
    write_onnx(model, model, out)
    for kind in (QuantType.QInt8, QuantType.QUInt8):
        quantize_dynamic(out / "model.onnx", out / f"model-{kind.name}.onnx", weight_type=kind)


@torch.no_grad()
def export_tflite(folder, out):
    import litert_torch
    from ai_edge_quantizer import quantizer, recipe

    model = load(folder)
    pixels = example(model)
    grid = model.config.image_size // model.config.patch_size
    for layer in model.beit.encoder.layer:
        attention = layer.attention.attention
        bias = attention.relative_position_bias((grid, grid), False, None)
        attention.relative_position_bias = Constant(bias.reshape(1, *bias.shape[-3:]).clone())
    path = out / "model.tflite"
    litert_torch.convert(Logits(model).eval(), (pixels,)).export(str(path))
    quantize = quantizer.Quantizer(str(path))
    quantize.load_quantization_recipe(recipe.dynamic_wi8_afp32())
    quantize.quantize().export_model(str(out / "model-int8.tflite"), overwrite=True)


if __name__ == "__main__":
    what, checkpoint, out = sys.argv[1:]
    Path(out).mkdir(parents=True, exist_ok=True)
    exports = {"onnx": export_onnx, "onnx-segmentation": export_segmentation, "tflite": export_tflite}
    exports[what](checkpoint, Path(out))
