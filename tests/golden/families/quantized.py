"""Checkpoints in Hugging Face's quantisation schemes: GPTQ, AWQ, compressed-tensors, ModelOpt, FP8.

Each scheme is written from its definition in NumPy and gives, beside the tensors of a matrix, the
values that they stand for: the oracle is transformers in float32 with these. They are exact, but for
two roundings that loading is documented to do (grouped_codes.h, fp8.h): FP8 becomes bfloat16, and
codes whose neighbours do not share a scale become Q8_0, here by the gguf package.
"""
import json
import re
import shutil

import golden

golden.use_llama_cpp_gguf()
import gguf  # noqa: E402
import numpy as np  # noqa: E402
import safetensors.torch  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402

from families.spec import Spec  # noqa: E402
from quantized_hf import PLAIN, fp8_blocks  # noqa: E402

HALF, BRAIN = torch.float16, torch.bfloat16


# --- integers ---------------------------------------------------------------------------------


def to_groups(weight, bits, group, symmetric, kind, group_of=None):
    """Codes [out, in], scales and zero points [out, groups], and the values that they stand for."""
    columns = weight.shape[1]
    group = columns if group == -1 else group
    group_of = np.arange(columns) // group if group_of is None else group_of
    highest = 2**bits - 1
    members = [weight[:, group_of == g] for g in range(group_of.max() + 1)]
    if symmetric:
        scale = np.stack([2 * np.abs(m).max(1) / highest for m in members], 1)
        zero = np.full_like(scale, 2 ** (bits - 1))
    else:
        low = np.stack([m.min(1) for m in members], 1)
        scale = (np.stack([m.max(1) for m in members], 1) - low) / highest
        zero = np.clip(np.round(-low / scale), 1, highest)
    scale = torch.from_numpy(scale).to(kind).float().numpy()
    codes = np.clip(np.round(weight / scale[:, group_of]) + zero[:, group_of], 0, highest)
    values = (codes - zero[:, group_of]) * scale[:, group_of]
    return codes.astype(np.int64), scale, zero.astype(np.int64), values.astype(np.float32)


def as_words(bits_of):
    """int32 words from bits [32 * words, n], the lowest first."""
    weights = (1 << np.arange(32, dtype=np.int64))[None, :, None]
    words = (bits_of.reshape(-1, 32, bits_of.shape[-1]) * weights).sum(1)
    return torch.from_numpy(words.astype(np.uint32).view(np.int32).copy())


def pack(codes, bits):
    """Codes [n, m] of so many bits, one after another along the first axis."""
    n, m = codes.shape
    return as_words((codes[:, None] >> np.arange(bits)[None, :, None] & 1).reshape(n * bits, m))


def number(values, kind=torch.float32):
    return torch.from_numpy(np.ascontiguousarray(values)).to(kind)


def q8_0(values):
    kind = gguf.GGMLQuantizationType.Q8_0
    return gguf.quants.dequantize(gguf.quants.quantize(values, kind), kind)


def gptq(bits=4, group=32, symmetric=True, version=1, act_order=False, rounded=False):
    def write(weight, rng):
        columns, group_of = weight.shape[1], None
        if act_order:  # columns were taken in another order
            group_of = np.empty(columns, np.int64)
            group_of[rng.permutation(columns)] = np.arange(columns) // group
        codes, scale, zero, values = to_groups(weight, bits, group, symmetric, HALF, group_of)
        tensors = {"qweight": pack(codes.T, bits), "scales": number(scale.T, HALF),
                   "qzeros": pack(zero - (version == 1), bits).T.contiguous()}
        if version == 1:  # written for every matrix by AutoGPTQ
            sequence = np.arange(columns) // (columns if group == -1 else group)
            tensors["g_idx"] = number(sequence if group_of is None else group_of, torch.int32)
        return tensors, q8_0(values) if rounded else values

    config = {"quant_method": "gptq", "bits": bits, "group_size": group, "desc_act": act_order,
              "sym": symmetric, "true_sequential": True, "damp_percent": 0.01,
              "checkpoint_format": "gptq" if version == 1 else "gptq_v2"}
    return write, config


def awq(group=32):
    def nibbles(codes):  # [n, outputs]
        words = np.zeros((len(codes), codes.shape[1] // 8), np.int64)
        for place, output in enumerate((0, 2, 4, 6, 1, 3, 5, 7)):
            words |= codes[:, output::8] << 4 * place
        return torch.from_numpy(words.astype(np.uint32).view(np.int32).copy())

    def write(weight, rng):
        codes, scale, zero, values = to_groups(weight, 4, group, False, HALF)
        return {"qweight": nibbles(codes.T), "qzeros": nibbles(zero.T),
                "scales": number(scale.T, HALF)}, values

    return write, {"quant_method": "awq", "bits": 4, "group_size": group, "zero_point": True,
                   "version": "gemm", "modules_to_not_convert": None}


def compressed(form, weights):
    return {"quant_method": "compressed-tensors", "format": form, "ignore": ["lm_head"],
            "quantization_status": "compressed", "kv_cache_scheme": None,
            "config_groups": {"group_0": {"targets": ["Linear"], "input_activations": None,
                                          "output_activations": None, "weights": weights}}}


def packed_int(bits=4, group=32, symmetric=True):
    def write(weight, rng):
        codes, scale, zero, values = to_groups(weight, bits, group, symmetric, BRAIN)
        tensors = {"weight_packed": pack(codes.T, bits).T.contiguous(),
                   "weight_scale": number(scale, BRAIN),
                   "weight_shape": torch.tensor(weight.shape, dtype=torch.int64)}
        if not symmetric:
            tensors["weight_zero_point"] = pack(zero, bits)
        return tensors, values

    return write, compressed("pack-quantized", {"num_bits": bits, "type": "int",
                                                "symmetric": symmetric, "strategy": "group",
                                                "group_size": group})


def int8(weight, rng):
    codes, scale, zero, values = to_groups(weight, 8, -1, True, BRAIN)
    return {"weight": number(codes - 128, torch.int8), "weight_scale": number(scale, BRAIN)}, values


# --- floats -----------------------------------------------------------------------------------


def fp8(weight, scale, suffix="weight_scale"):
    """`scale` of each row or of all."""
    codes = (torch.from_numpy(weight) / scale).to(torch.float8_e4m3fn)
    values = (codes.float() * scale).to(torch.bfloat16).float().numpy()
    return {"weight": codes, suffix: scale, "input_scale": torch.tensor(0.5)}, values


def fp8_tensor(weight, rng):
    return fp8(weight, torch.tensor(np.abs(weight).max() / 448))


def mxfp8(kind):
    """Scales of 32 columns that are powers of two, as such or as the bytes that those are."""
    def write(weight, rng):
        rows, columns = weight.shape
        largest = np.abs(weight.reshape(rows, columns // 32, 32)).max(-1)
        exponents = np.ceil(np.log2(largest / 448))
        scale = number(np.repeat(2.0**exponents, 32, 1))
        codes = (torch.from_numpy(weight) / scale).to(torch.float8_e4m3fn)
        scales = number(exponents + 127, torch.uint8).view(kind)
        return {"weight": codes, "weight_scale_inv": scales}, (codes.float() * scale).numpy()

    return write, {"quant_method": "fp8", "fmt": "e4m3", "scale_fmt": "ue8m0",
                   "weight_block_size": [1, 32]}


def fp8_inverse(weight, rng):
    return fp8(weight, torch.tensor(np.abs(weight).max() / 448), "weight_scale_inv")


def fp8_channel(weight, rng):
    return fp8(weight, number(np.abs(weight).max(1, keepdims=True) / 448, BRAIN).float())


E2M1 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6], np.float32)


def to_fp4(weight, scales, group):
    """Nibbles in pairs, and the numbers that they are, of weight / scales."""
    scaled = weight / np.maximum(np.repeat(scales, group, 1), 1e-30)
    nearest = np.abs(np.abs(scaled)[..., None] - E2M1).argmin(-1)
    codes = (nearest + 8 * (scaled < 0)).astype(np.uint8)
    return torch.from_numpy(codes[:, ::2] | codes[:, 1::2] << 4), np.sign(scaled) * E2M1[nearest]


def nvfp4(weight, modelopt):
    """E4M3 scales of 16, and one for all; compressed-tensors keeps its inverse."""
    rows, columns = weight.shape
    largest = np.abs(weight.reshape(rows, columns // 16, 16)).max(-1)
    overall = np.float32(largest.max() / (6 * 448))
    if not modelopt:
        overall = 1 / np.float32(1 / overall)
    scales = number(largest / 6 / overall).to(torch.float8_e4m3fn)
    codes, numbers = to_fp4(weight, scales.float().numpy() * overall, 16)
    values = numbers * np.repeat(scales.float().numpy(), 16, 1) * overall
    if modelopt:
        tensors = {"weight": codes, "weight_scale_2": torch.tensor(overall)}
    else:
        tensors = {"weight_packed": codes, "weight_global_scale": torch.tensor([1 / overall]),
                   "input_global_scale": torch.tensor([3.0])}
    return tensors | {"weight_scale": scales}, values.astype(np.float32)


def mxfp4(weight, rng, kind=torch.uint8):
    rows, columns = weight.shape
    largest = np.abs(weight.reshape(rows, columns // 32, 32)).max(-1)
    exponents = np.ceil(np.log2(largest / 6))
    codes, numbers = to_fp4(weight, 2.0**exponents, 32)
    values = numbers * np.repeat(2.0**exponents, 32, 1)
    return {"weight_packed": codes,
            "weight_scale": number(exponents + 127, torch.uint8).view(kind)}, values.astype(np.float32)


NVFP4 = compressed("nvfp4-pack-quantized", {"num_bits": 4, "type": "float", "group_size": 16})
NVFP4_CT = (lambda weight, rng: nvfp4(weight, False), NVFP4)
NVFP4_MODELOPT = (lambda weight, rng: nvfp4(weight, True),
                  {"quant_method": "modelopt", "quant_algo": "NVFP4", "ignore": ["lm_head"]})
MXFP4 = (mxfp4, compressed("mxfp4-pack-quantized", {"num_bits": 4, "type": "float"}))
MXFP4_E8M0 = (lambda weight, rng: mxfp4(weight, rng, torch.float8_e8m0fnu), MXFP4[1])
INT8 = (int8, compressed("int-quantized", {"num_bits": 8, "type": "int", "strategy": "channel"}))
FP8_TENSOR = (fp8_tensor, {"quant_method": "fp8", "activation_scheme": "static"})
FP8_INVERSE = (fp8_inverse, {"quant_method": "fp8", "activation_scheme": "static",
                             "weight_block_size": None})
FP8_CHANNEL = (fp8_channel, compressed("float-quantized", {"num_bits": 8, "type": "float",
                                                           "strategy": "channel"}))


# --- folders ----------------------------------------------------------------------------------


def kept_as(name, kind, scheme, stacked=False):
    """Writes the checkpoint `name`; experts one by one, or stacked as transformers 5 holds them."""
    make, config = scheme

    def write(spec, model, folder, writer):
        out, plain = folder / name, folder / f"{name}-plain"
        model.save_pretrained(plain, save_original_format=not stacked)
        shutil.copytree(plain, out)
        state = safetensors.torch.load_file(plain / "model.safetensors")
        rng = np.random.default_rng(0)
        tensors, values = {}, {}
        for key, weight in state.items():
            tensors[key] = values[key] = weight
            if weight.dim() < 2 or re.search(PLAIN, key):
                continue
            matrices = weight if weight.dim() == 3 else weight[None]
            made = [make(matrix.contiguous().numpy(), rng) for matrix in matrices]
            del tensors[key]
            for suffix in made[0][0]:
                parts = [parts[suffix] for parts, _ in made]
                file_name = key.removesuffix("weight") + suffix
                if weight.dim() == 3:
                    file_name = key + suffix.removeprefix("weight")
                    if suffix == "input_scale":
                        file_name = key + "_activation_scale"
                tensors[file_name] = torch.stack(parts) if weight.dim() == 3 else parts[0]
            exact = torch.from_numpy(np.stack([value for _, value in made]))
            values[key] = exact if weight.dim() == 3 else exact[0]
        safetensors.torch.save_file(tensors, out / "model.safetensors", metadata={"format": "pt"})
        settings = json.loads((out / "config.json").read_text()) | {"quantization_config": config}
        (out / "config.json").write_text(json.dumps(settings, indent=2))

        safetensors.torch.save_file(values, plain / "model.safetensors", metadata={"format": "pt"})
        writer.reference(name, transformers.AutoModelForCausalLM.from_pretrained(
            plain, dtype=torch.float32, attn_implementation="eager").eval())
        writer.checkpoint(name, "safetensors", kind, name)
        shutil.rmtree(plain)

    return write


LLAMA = (
    kept_as("gptq", "GPTQ", gptq()),
    kept_as("gptq-v2-zeros", "GPTQ", gptq(group=64, symmetric=False, version=2)),
    kept_as("gptq-rows", "GPTQ", gptq(group=-1, symmetric=False)),
    kept_as("gptq-act-order", "GPTQ", gptq(act_order=True, rounded=True)),
    kept_as("gptq-8", "GPTQ", gptq(bits=8)),
    kept_as("gptq-3", "GPTQ", gptq(bits=3)),
    kept_as("gptq-2", "GPTQ", gptq(bits=2, symmetric=False)),
    kept_as("awq", "AWQ", awq()),
    kept_as("int4", "pack-quantized", packed_int()),
    kept_as("int4-zeros", "pack-quantized", packed_int(symmetric=False)),
    kept_as("int8-packed", "pack-quantized", packed_int(bits=8, group=64)),
    kept_as("int8", "int-quantized", INT8),
    kept_as("nvfp4", "NVFP4", NVFP4_CT),
    kept_as("nvfp4-modelopt", "NVFP4", NVFP4_MODELOPT),
    kept_as("mxfp4", "MXFP4", MXFP4),
    kept_as("mxfp4-e8m0", "MXFP4", MXFP4_E8M0),
    kept_as("fp8-tensor", "F8_E4M3", FP8_TENSOR),
    kept_as("fp8-inverse", "F8_E4M3", FP8_INVERSE),
    kept_as("fp8-channel", "F8_E4M3", FP8_CHANNEL),
    kept_as("fp8-e8m0", "F8_E4M3", mxfp8(torch.float8_e8m0fnu)),
    kept_as("fp8-e8m0-bytes", "F8_E4M3", mxfp8(torch.uint8)),
)
QWEN = dict(vocab_size=392)
MOE = QWEN | dict(head_dim=32, num_experts=4, num_experts_per_tok=2, moe_intermediate_size=64,
                  norm_topk_prob=True)

SPECS = [
    Spec("quantized_llama", "llama", {}, hf=(), gguf=(), more=LLAMA),
    # Biases, and a head tied to an embedding that is not quantised.
    Spec("quantized_qwen2", "qwen2", QWEN | dict(tie_word_embeddings=True), hf=(), gguf=(),
         more=(kept_as("gptq", "GPTQ", gptq()), kept_as("awq", "AWQ", awq(group=64)),
               kept_as("int8", "int-quantized", INT8), kept_as("nvfp4", "NVFP4", NVFP4_CT))),
    # q, k and v in one matrix, gate and up in another.
    Spec("quantized_phi3", "phi3", {}, hf=(), gguf=(),
         more=(kept_as("gptq", "GPTQ", gptq(symmetric=False)), kept_as("awq", "AWQ", awq()),
               kept_as("int4", "pack-quantized", packed_int()),
               kept_as("fp8-channel", "F8_E4M3", FP8_CHANNEL))),
    Spec("quantized_qwen3_moe", "qwen3_moe", MOE, hf=(), gguf=(),
         more=(kept_as("gptq", "GPTQ", gptq()), kept_as("awq", "AWQ", awq()),
               kept_as("nvfp4", "NVFP4", NVFP4_CT),
               kept_as("fp8-tensor", "F8_E4M3", FP8_TENSOR),
               kept_as("fp8-stacked", "F8_E4M3", FP8_CHANNEL, stacked=True))),
    Spec("quantized_minimax_m2", "minimax_m2",
         dict(head_dim=16, num_local_experts=4, num_experts_per_tok=2, rotary_dim=8,
              intermediate_size=64, scoring_func="sigmoid"),
         hf=(), gguf=(), more=(fp8_blocks((16, 24)),)),
]
