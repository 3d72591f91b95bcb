"""What the tensors of random models hold: the types that llama-quantize gives them, and values.

Speed depends on values in one place only: a mixture of experts reads those experts that its router
chooses. So that tokens choose as those of trained models do, each by itself and some experts far
more often than others,

* embeddings are large beside what layers add, so that what a router sees depends on the token;
* the rows of a router have different lengths, evenly spaced over ROUTER_ROWS, in another order in
  each layer: the longer a row, the wider its logits spread and the more often they are among the
  highest.

expert_use.py prints how often experts are chosen.
"""
import gguf
import numpy as np

import random_blocks

SEED = 1
EMBEDDING_STD = 4.0  # where there are experts
ROUTER_ROWS = (0.6, 1.6)  # standard deviations of an expert's logits
_Q = gguf.GGMLQuantizationType

# What takes the place of a type whose blocks do not fit a row.
_FALLBACK = {_Q.Q4_K: _Q.Q5_0, _Q.Q6_K: _Q.Q8_0}


def weight_type(tensor, shape, file_type):
    """What llama-quantize (src/llama-quant.cpp) makes of a tensor in a file of this type."""
    if len(tensor.shape) == 1 or tensor.part == "ffn_gate_inp":
        return _Q.F32
    kind = _preferred_type(tensor, shape, file_type)
    fits = tensor.shape[-1] % gguf.GGML_QUANT_SIZES[kind][0] == 0
    return kind if fits else _FALLBACK[kind]


def _preferred_type(tensor, shape, file_type):
    output = "token_embd.weight" if shape.tied else "output.weight"
    if file_type in ("Q4_K_M", "Q4_0") and tensor.name == output:
        return _Q.Q6_K
    if file_type != "Q4_K_M":
        return _Q[file_type]
    eighth = shape.layers // 8
    more_bits = (tensor.layer < eighth or tensor.layer >= 7 * shape.layers // 8 or
                 (tensor.layer - eighth) % 3 == 2)
    wide = tensor.part in ("attn_v", "attn_qkv") or tensor.part.startswith("ffn_down")
    return _Q.Q6_K if wide and more_bits else _Q.Q4_K


def brain_floats(tensor):
    return random_blocks.brain_floats(random_blocks.Random(tensor.name, SEED), *tensor.shape)


def router(tensor):
    """float32 [experts, hidden]."""
    experts, hidden = tensor.shape
    random = random_blocks.Random(tensor.name, SEED)
    order = random.bytes(8 * experts).view(np.uint64).argsort(kind="stable")
    low, high = ROUTER_ROWS
    widths = (low + (high - low) / (experts - 1) * order) / np.sqrt(hidden)
    return random_blocks.floats(random, experts, hidden) * widths.astype(np.float32)[:, None]


def gguf_data(tensor, kind, shape):
    """What GGUF keeps of a tensor of that type: float32, or bytes."""
    if tensor.part == "ffn_gate_inp":
        return router(tensor)
    if kind == _Q.F32:
        return np.ones(tensor.shape, np.float32)
    if kind != _Q.BF16:
        *matrices, columns = tensor.shape
        large = shape.experts is not None and tensor.name == "token_embd.weight"
        return random_blocks.quantized(kind, random_blocks.Random(tensor.name, SEED),
                                       int(np.prod(matrices)), columns,
                                       EMBEDDING_STD if large else random_blocks.STD)
    data = brain_floats(tensor)
    if tensor.part in ("attn_q", "attn_k"):
        # GGUF has the two halves of a head that RoPE turns together row by row.
        halves = data.reshape(-1, 2, shape.head_dim // 2, tensor.shape[1])
        data = np.ascontiguousarray(halves.swapaxes(1, 2)).reshape(tensor.shape)
    return data.view(np.uint8)
