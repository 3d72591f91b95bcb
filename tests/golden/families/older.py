"""The older families: Phi, Falcon, GPT-2, BigCode, GPT-NeoX, GPT-J, MPT."""
import json

from safetensors.torch import load_file, save_file

from families.spec import BASE, COMMON, Spec

VOCAB, SPECIAL = BASE["vocab_size"], ("bos_token_id", "eos_token_id", "pad_token_id")
TOKENS = dict(vocab_size=VOCAB, **{key: BASE[key] for key in SPECIAL})


def gpt(width=64, heads=4, **more):
    """Of the classes with GPT-2's names for everything."""
    return TOKENS | dict(n_embd=width, n_layer=2, n_head=heads, n_positions=256) | more


def dense(width=64, heads=4, **more):
    """Of the classes whose MLP is four times as wide by default."""
    return TOKENS | dict(hidden_size=width, num_hidden_layers=2, num_attention_heads=heads,
                         max_position_embeddings=256) | more


def save_bare_gpt2(spec, model, folder, quantizer):
    """As the first releases: no "transformer." before the names, with the mask buffers."""
    model.save_pretrained(folder)
    path = folder / "model.safetensors"
    state = load_file(path)
    bare = {name.removeprefix("transformer."): value for name, value in state.items()}
    for layer in range(model.config.n_layer):
        bare[f"h.{layer}.attn.bias"] = bare["wpe.weight"].new_ones(1, 1, 8, 8)
    save_file(bare, path, metadata={"format": "pt"})


def save_released_falcon(spec, model, folder, quantizer):
    """As RefinedWeb: older keys, and those of the other variants left out."""
    model.save_pretrained(folder)
    path = folder / "config.json"
    config = json.loads(path.read_text())
    kept = {key: config[key] for key in ("vocab_size", "hidden_size", "layer_norm_epsilon", *SPECIAL)}
    path.write_text(json.dumps(kept | {
        "architectures": ["RWForCausalLM"], "model_type": "RefinedWeb", "torch_dtype": "float32",
        "n_head": config["num_attention_heads"], "n_layer": config["num_hidden_layers"],
        "n_head_kv": config["num_kv_heads"], "alibi": False, "bias": False, "parallel_attn": True}))


def save_released_neox(spec, model, folder, quantizer):
    """As Pythia: older keys, with the buffers of masks and angles."""
    model.save_pretrained(folder)
    path = folder / "config.json"
    config = json.loads(path.read_text())
    del config["rope_parameters"], config["attention_bias"], config["use_parallel_residual"]
    path.write_text(json.dumps(config | {"rotary_pct": 0.25, "rotary_emb_base": 10000}))
    path = folder / "model.safetensors"
    state = load_file(path)
    ones = state["embed_out.weight"].new_ones
    for layer in range(model.config.num_hidden_layers):
        attention = f"gpt_neox.layers.{layer}.attention."
        state |= {attention + "bias": ones(1, 1, 8, 8).bool(), attention + "masked_bias": ones(1),
                  attention + "rotary_emb.inv_freq": ones(2)}
    save_file(state, path, metadata={"format": "pt"})


PHI = dict(intermediate_size=256, num_key_value_heads=4)
ONE_GROUP = dict(num_kv_heads=1)  # as the converter takes released files, which lack it
GROUPED = dict(new_decoder_architecture=True, num_kv_heads=2)
NEOX = dict(intermediate_size=256, rope_parameters={
    "rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.25})
# transformers knows no model_type of this name and does not take rotary_pct out of the file.
NEOX_KEYS = dict(rotary_pct=0.25, model_type="gptneox")
MPT_NAME = dict(architectures=["MPTForCausalLM"])
CONV1D = (r"attn\.c_(attn|proj)\.weight$", r"mlp\.c_(fc|proj)\.weight$")

SPECS = [
    Spec("phi", "phi", PHI, hf=("float32", "released"), gguf=("F32", "Q8_0"),
         released=dict(partial_rotary_factor=0.5, num_key_value_heads=None)),
    Spec("phi_qk_norm", "phi", dict(qk_layernorm=True, num_key_value_heads=2), gguf=()),
    Spec("phi_wide", "phi", PHI | dict(hidden_size=256, intermediate_size=1024,
                                       num_hidden_layers=1), hf=(), gguf=COMMON),

    Spec("falcon_7b", "falcon", dense(), base=False, gguf=("F32", "Q8_0"), for_converter=ONE_GROUP),
    Spec("falcon_40b", "falcon", dense() | GROUPED, base=False, hf=("float32", "released"),
         custom={"released": save_released_falcon}, gguf=("F32",)),
    Spec("falcon_11b", "falcon", dense() | GROUPED | dict(num_ln_in_parallel_attn=1,
                                                          tie_word_embeddings=False,
                                                          ffn_hidden_size=192),
         base=False, gguf=()),
    Spec("falcon_rw", "falcon", dense(96, 6, alibi=True, parallel_attn=False, bias=True,
                                      multi_query=False), base=False, gguf=(),
         attention="sdpa"),  # transformers' eager attention adds ALiBi twice
    Spec("falcon_wide", "falcon", dense(256, num_hidden_layers=1) | GROUPED, base=False, hf=(),
         gguf=COMMON),

    Spec("gpt2", "gpt2", gpt(), base=False, hf=("float32", "bare"),
         custom={"bare": save_bare_gpt2}, gguf=("F32", "Q8_0"), for_converter=dict(n_ctx=256),
         transposed=CONV1D),
    Spec("gpt2_scaled", "gpt2", gpt(n_inner=96, scale_attn_by_inverse_layer_idx=True,
                                    tie_word_embeddings=False), base=False, gguf=()),
    Spec("gpt2_wide", "gpt2", gpt(256, n_layer=1), base=False, hf=(), gguf=COMMON,
         for_converter=dict(n_ctx=256), transposed=CONV1D),

    Spec("bigcode", "gpt_bigcode", gpt(), base=False, gguf=("F32", "Q8_0")),
    Spec("bigcode_heads", "gpt_bigcode", gpt(multi_query=False, n_inner=96,
                                             scale_attn_weights=False), base=False, gguf=()),
    Spec("bigcode_wide", "gpt_bigcode", gpt(256, n_layer=1), base=False, hf=(), gguf=COMMON),

    Spec("gpt_neox", "gpt_neox", dense() | NEOX, base=False, hf=("float32", "released"),
         custom={"released": save_released_neox}, gguf=("F32", "Q8_0"), for_converter=NEOX_KEYS),
    Spec("gpt_neox_sequential", "gpt_neox", dense(use_parallel_residual=False) | NEOX, base=False,
         gguf=("F32",), for_converter=NEOX_KEYS),
    Spec("gpt_neox_bare", "gpt_neox", dense(attention_bias=False, tie_word_embeddings=True) | NEOX,
         base=False, gguf=()),
    Spec("gpt_neox_wide", "gpt_neox", dense(256, num_hidden_layers=1) | NEOX, base=False, hf=(),
         gguf=COMMON, for_converter=NEOX_KEYS),

    Spec("gptj", "gptj", gpt(rotary_dim=8), base=False, hf=("float32", "bfloat16"), gguf=()),

    Spec("mpt", "mpt", TOKENS | dict(d_model=96, n_heads=6, n_layers=2, max_seq_len=256,
                                     attn_config=dict(clip_qkv=0.5)),
         base=False, gguf=("F32", "Q8_0"), for_converter=MPT_NAME),
    Spec("mpt_scaled", "mpt", TOKENS | dict(d_model=64, n_heads=4, n_layers=2, max_seq_len=256,
                                            attn_config=dict(softmax_scale=0.5)),
         base=False, gguf=()),
    Spec("mpt_wide", "mpt", TOKENS | dict(d_model=256, n_heads=4, n_layers=1, max_seq_len=256),
         base=False, hf=(), gguf=COMMON, for_converter=MPT_NAME),
]
