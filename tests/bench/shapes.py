"""Shapes of published models of several families: their metadata and tensors in a GGUF file.

Sizes are those of the models' own config.json. Models with experts are scaled down to what fits a
small machine: fewer layers, and as many fewer tokens, so that the head keeps its share of a step;
the layers themselves, the experts and how many of them a token uses are the model's.
"""
import dataclasses
import math


@dataclasses.dataclass(frozen=True)
class Experts:
    count: int
    used: int
    ffn: int  # width of one
    shared: int = 0  # how many more every token uses
    dense_layers: int = 0  # leading layers that have none


@dataclasses.dataclass(frozen=True)
class Latent:
    """Latent attention as DeepSeek-V2-Lite has it, whose queries have no latent of their own."""
    rank: int
    rotated: int
    nope: int
    value: int


@dataclasses.dataclass(frozen=True)
class Shape:
    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    ffn: int
    tied: bool
    architecture: str = "llama"  # GGUF's name
    vocab: int = 128256
    rope_theta: float = 500000.0
    norm_epsilon: float = 1e-5
    context: int = 16384
    rotated: int = 0  # dimensions of a head that RoPE turns; 0: all
    qk_norm: bool = False  # norms over the heads of queries and keys
    fused: bool = False  # one matrix for q, k and v, one for gate and up
    post_norms: bool = False  # norms after attention and after the MLP as well
    long_rope: int = 0  # the context before LongRoPE, whose factors are 1 here
    latent: Latent | None = None
    experts: Experts | None = None
    more: tuple = ()  # further metadata: (key after the architecture's name, value)


LLAMA_1B = Shape(hidden=2048, layers=16, heads=32, kv_heads=8, head_dim=64, ffn=8192, tied=True)
LLAMA_8B = Shape(hidden=4096, layers=32, heads=32, kv_heads=8, head_dim=128, ffn=14336, tied=False)
QWEN3_600M = Shape(hidden=1024, layers=28, heads=16, kv_heads=8, head_dim=128, ffn=3072, tied=True,
                   architecture="qwen3", vocab=151936, rope_theta=1e6, norm_epsilon=1e-6,
                   qk_norm=True)
GEMMA3_1B = Shape(hidden=1152, layers=26, heads=4, kv_heads=1, head_dim=256, ffn=6912, tied=True,
                  architecture="gemma3", vocab=262144, rope_theta=1e6, norm_epsilon=1e-6,
                  qk_norm=True, post_norms=True, more=(("attention.sliding_window", 512),))
PHI4_MINI = Shape(hidden=3072, layers=32, heads=24, kv_heads=8, head_dim=128, ffn=8192, tied=True,
                  architecture="phi3", vocab=200064, rope_theta=10000.0, rotated=96, fused=True,
                  long_rope=4096, more=(("attention.sliding_window", 0),))
# Qwen3-30B-A3B: 48 layers, 151,936 tokens.
QWEN3_MOE = Shape(hidden=2048, layers=12, heads=32, kv_heads=4, head_dim=128, ffn=6144, tied=False,
                  architecture="qwen3moe", vocab=49152, rope_theta=1e6, norm_epsilon=1e-6,
                  qk_norm=True, experts=Experts(count=128, used=8, ffn=768))
# 27 layers, 102,400 tokens. llama.cpp takes an absent q_lora_rank for 0 where there are 27 only.
DEEPSEEK_V2_LITE = Shape(hidden=2048, layers=12, heads=16, kv_heads=1, head_dim=192, ffn=10944,
                         tied=False, architecture="deepseek2", vocab=49152, rope_theta=10000.0,
                         norm_epsilon=1e-6, rotated=64,
                         latent=Latent(rank=512, rotated=64, nope=128, value=128),
                         experts=Experts(count=64, used=6, ffn=1408, shared=2, dense_layers=1),
                         more=(("attention.q_lora_rank", 0), ("expert_weights_scale", 1.0),
                               ("rope.scaling.type", "yarn"),
                               ("rope.scaling.factor", 40.0),
                               ("rope.scaling.original_context_length", 4096),
                               ("rope.scaling.yarn_log_multiplier", 0.0707)))


# --------------------------------------------------------------------------------------- metadata


def metadata(shape):
    """(key after the architecture's name, value) of all that describes a model's shape."""
    yield "vocab_size", shape.vocab
    yield "context_length", shape.context
    yield "embedding_length", shape.hidden
    yield "block_count", shape.layers
    yield "feed_forward_length", shape.ffn
    yield "attention.head_count", shape.heads
    yield "attention.head_count_kv", shape.kv_heads
    yield "rope.dimension_count", shape.rotated or shape.head_dim
    yield "rope.freq_base", shape.rope_theta
    yield "attention.layer_norm_rms_epsilon", shape.norm_epsilon
    if latent := shape.latent:
        yield "attention.kv_lora_rank", latent.rank
        yield "attention.key_length", latent.rank + latent.rotated
        yield "attention.value_length", latent.rank
        yield "attention.key_length_mla", latent.nope + latent.rotated
        yield "attention.value_length_mla", latent.value
    elif shape.heads * shape.head_dim != shape.hidden:
        yield "attention.key_length", shape.head_dim
        yield "attention.value_length", shape.head_dim
    if experts := shape.experts:
        yield "expert_count", experts.count
        yield "expert_used_count", experts.used
        yield "expert_feed_forward_length", experts.ffn
    if experts and experts.shared:
        yield "expert_shared_count", experts.shared
        yield "leading_dense_block_count", experts.dense_layers
    if shape.long_rope:
        yield "rope.scaling.original_context_length", shape.long_rope
        growth = math.log(shape.context / shape.long_rope) / math.log(shape.long_rope)
        yield "rope.scaling.attn_factor", math.sqrt(1 + growth)
    yield from shape.more


# ---------------------------------------------------------------------------------------- tensors


@dataclasses.dataclass(frozen=True)
class Tensor:
    name: str  # in GGUF
    shape: tuple  # outermost dimension first
    layer: int = -1

    @property
    def part(self):
        """The name without layer and suffix: attn_q."""
        return self.name.removesuffix(".weight").rpartition(".")[2]


def _attention(shape):
    hidden, q, kv = shape.hidden, shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    yield "attn_norm", (hidden,)
    if latent := shape.latent:
        yield "attn_q", (q, hidden)
        yield "attn_kv_a_mqa", (latent.rank + latent.rotated, hidden)
        yield "attn_kv_a_norm", (latent.rank,)
        yield "attn_k_b", (shape.heads, latent.rank, latent.nope)
        yield "attn_v_b", (shape.heads, latent.value, latent.rank)
        q = shape.heads * latent.value
    elif shape.fused:
        yield "attn_qkv", (q + 2 * kv, hidden)
    else:
        yield "attn_q", (q, hidden)
        yield "attn_k", (kv, hidden)
        yield "attn_v", (kv, hidden)
    if shape.qk_norm:
        yield "attn_q_norm", (shape.head_dim,)
        yield "attn_k_norm", (shape.head_dim,)
    yield "attn_output", (hidden, q)
    if shape.post_norms:
        yield "post_attention_norm", (hidden,)


def _mlp(hidden, ffn, fused=False, suffix="", copies=()):
    if not fused:
        yield f"ffn_gate{suffix}", (*copies, ffn, hidden)
    yield f"ffn_up{suffix}", (*copies, 2 * ffn if fused else ffn, hidden)
    yield f"ffn_down{suffix}", (*copies, hidden, ffn)


def _feed_forward(shape, layer):
    hidden, experts = shape.hidden, shape.experts
    yield "ffn_norm", (hidden,)
    if experts is None or layer < experts.dense_layers:
        yield from _mlp(hidden, shape.ffn, fused=shape.fused)
    else:
        yield "ffn_gate_inp", (experts.count, hidden)
        yield from _mlp(hidden, experts.ffn, suffix="_exps", copies=(experts.count,))
        if experts.shared:
            yield from _mlp(hidden, experts.shared * experts.ffn, suffix="_shexp")
    if shape.post_norms:
        yield "post_ffw_norm", (hidden,)


def tensors(shape):
    """All tensors, in the order in which they lie in the file."""
    yield Tensor("token_embd.weight", (shape.vocab, shape.hidden))
    for layer in range(shape.layers):
        for name, size in [*_attention(shape), *_feed_forward(shape, layer)]:
            yield Tensor(f"blk.{layer}.{name}.weight", size, layer)
    yield Tensor("output_norm.weight", (shape.hidden,))
    if not shape.tied:
        yield Tensor("output.weight", (shape.vocab, shape.hidden))
    if shape.long_rope:
        for name in ("rope_factors_long", "rope_factors_short"):
            yield Tensor(f"{name}.weight", (shape.rotated // 2,))
