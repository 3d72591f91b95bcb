"""GLM and ChatGLM."""
from families.spec import COMMON, Spec

WIDE = dict(hidden_size=256, intermediate_size=256, head_dim=64)
# What the converter reads of ChatGLM's configuration, which transformers' glm does not have.
CHATGLM = {"layernorm_epsilon": 1.5625e-7, "rope_ratio": 1, "seq_length": 256}
MOE = dict(head_dim=16, num_hidden_layers=3, n_routed_experts=4, num_experts_per_tok=2,
           moe_intermediate_size=32, first_k_dense_replace=1)

SPECS = [
    Spec("glm", "glm", dict(head_dim=16), hf=("float32", "chatglm"), gguf=("F32", "Q8_0"),
         for_converter=CHATGLM, plain_vocabulary=True),
    Spec("glm_plain", "glm", dict(head_dim=32, attention_bias=False, tie_word_embeddings=True),
         gguf=()),
    Spec("glm_wide", "glm", WIDE, hf=("chatglm",), gguf=COMMON, plain_vocabulary=True),
    Spec("glm4", "glm4", dict(head_dim=32), gguf=("F32", "Q8_0"), plain_vocabulary=True),
    Spec("glm4_plain", "glm4", dict(head_dim=32, attention_bias=False), plain_vocabulary=True),
    Spec("glm4_wide", "glm4", WIDE, hf=(), gguf=COMMON, plain_vocabulary=True),
    Spec("glm4_moe", "glm4_moe",
         MOE | dict(use_qk_norm=True, attention_bias=True, routed_scaling_factor=1.5,
                    n_shared_experts=2, num_mtp_layers=0),
         hf=("float32", "stacked"), gguf=("F32", "Q8_0"), plain_vocabulary=True),
    # A layer that predicts the token after the next one follows the others.
    Spec("glm4_moe_groups", "glm4_moe",
         MOE | dict(n_group=2, topk_group=1, norm_topk_prob=False, num_mtp_layers=1),
         hf=("float32", "mtp"), gguf=("F32",), plain_vocabulary=True),
    Spec("glm4_moe_wide", "glm4_moe",
         MOE | WIDE | dict(moe_intermediate_size=256, num_hidden_layers=2, num_mtp_layers=0),
         hf=(), gguf=COMMON, plain_vocabulary=True),
]
