"""StableLM."""
from families.spec import COMMON, Spec

SPECS = [
    Spec("stablelm", "stablelm", dict(use_qkv_bias=True), hf=("float32", "released"),
         gguf=("F32", "Q8_0"),
         released={"architectures": ["StableLMEpochForCausalLM"], "model_type": "stablelm_epoch",
                   "norm_eps": 1e-5, "layer_norm_eps": None, "rope_pct": 0.25}),
    Spec("stablelm_norms", "stablelm", dict(qk_layernorm=True)),
    Spec("stablelm_parallel", "stablelm", dict(qk_layernorm=True, use_parallel_residual=True)),
    Spec("stablelm_wide", "stablelm", dict(hidden_size=256, intermediate_size=256), hf=(),
         gguf=COMMON),
]
