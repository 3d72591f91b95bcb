"""Qwen."""
from families.spec import COMMON, Spec

# transformers' tokeniser of these models adds a token of its own.
QWEN = dict(vocab_size=392)
WIDE = dict(hidden_size=256, intermediate_size=256)
QWEN2_MOE = QWEN | dict(num_hidden_layers=3, num_experts=4, num_experts_per_tok=2,
                 moe_intermediate_size=32, shared_expert_intermediate_size=48)
QWEN3_MOE = QWEN | dict(head_dim=32, num_hidden_layers=3, num_experts=4, num_experts_per_tok=2,
                 moe_intermediate_size=32, norm_topk_prob=True)

SPECS = [
    Spec("qwen2", "qwen2", QWEN | dict(tie_word_embeddings=True), gguf=("F32", "Q8_0")),
    Spec("qwen2_window", "qwen2", QWEN | dict(use_sliding_window=True, sliding_window=8,
                                       max_window_layers=1, num_hidden_layers=3), gguf=()),
    Spec("qwen2_wide", "qwen2", QWEN | WIDE, hf=(), gguf=COMMON),
    Spec("qwen3", "qwen3", QWEN | dict(head_dim=32), gguf=("F32", "Q4_0")),
    Spec("qwen3_biases", "qwen3", QWEN | dict(head_dim=32, attention_bias=True,
                                       tie_word_embeddings=True), gguf=()),
    Spec("qwen3_wide", "qwen3", QWEN | WIDE | dict(head_dim=64), hf=("bfloat16",), gguf=COMMON),
    Spec("qwen2_moe", "qwen2_moe", QWEN2_MOE | dict(mlp_only_layers=[0]), hf=("float32", "stacked"),
         gguf=()),
    Spec("qwen2_moe_sparse", "qwen2_moe", QWEN2_MOE | dict(intermediate_size=256),
         gguf=("F32", "Q8_0")),
    Spec("qwen3_moe", "qwen3_moe", QWEN3_MOE, hf=("float32", "stacked"), gguf=("F32", "Q8_0")),
    Spec("qwen3_moe_raw", "qwen3_moe", QWEN3_MOE | dict(norm_topk_prob=False, mlp_only_layers=[1],
                                                        decoder_sparse_step=1), gguf=()),
    Spec("qwen3_moe_wide", "qwen3_moe", QWEN3_MOE | WIDE | dict(moe_intermediate_size=256),
         hf=(), gguf=COMMON),
]
