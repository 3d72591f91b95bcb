"""Gemma 3n."""
import json

import torch
from safetensors.torch import load_file, save_file

from families.spec import COMMON, Spec
from gguf_forms import convert, gguf

SLIDING, FULL = "sliding_attention", "full_attention"
GEMMA3N = dict(
    head_dim=16, num_hidden_layers=6, layer_types=[SLIDING, FULL] * 3, num_kv_shared_layers=2,
    sliding_window=8, hidden_size_per_layer_input=8, vocab_size_per_layer_input=384, laurel_rank=8,
    activation_sparsity_pattern=[0.95, 0.6, 0.0, 0.0, 0.0, 0.0],
    intermediate_size=[128, 96, 160, 128, 64, 128])
# Fewer layers, where each rounds; and more gates, as what is left of few has larger errors.
SHORT = dict(
    num_hidden_layers=4, layer_types=[SLIDING, FULL] * 2,
    activation_sparsity_pattern=[0.8, 0.6, 0.0, 0.0], intermediate_size=[128, 96, 160, 64])
WIDE = dict(
    hidden_size=256, head_dim=64, num_hidden_layers=3, layer_types=[SLIDING, FULL, SLIDING],
    num_kv_shared_layers=1, hidden_size_per_layer_input=256, laurel_rank=64,
    activation_sparsity_pattern=[0.8, 0.0, 0.0], intermediate_size=256)
# As transformers has it: another number of streams, the second of them computed, nothing shared.
STREAMS = dict(
    altup_num_inputs=3, altup_active_idx=1, altup_correct_scale=False, num_kv_shared_layers=0,
    attention_bias=True, tie_word_embeddings=False, final_logit_softcapping=3.0,
    rope_parameters={FULL: {"rope_type": "linear", "factor": 8.0, "rope_theta": 1000000.0},
                     SLIDING: {"rope_type": "default", "rope_theta": 10000.0}})


def drawn(name, noise):
    """Where the usual values would let errors grow from layer to layer, as trained ones do not:
    scores have the order of 1, and streams are mixed a little."""
    if "q_norm" in name or "k_norm" in name:
        return (1.0 + 0.2 * noise) / noise.numel() ** 0.25
    if "modality_router" in name:  # reads normed values divided by their number
        return 0.3 * noise * noise.shape[-1] ** 0.5
    if "_coefs" in name:
        return 0.2 * noise
    return None


def rounded_router(name, values, round_rows):
    """A matrix like others, unlike the routers of experts."""
    return round_rows(values) if "modality_router" in name else None


def save_released(spec, model, folder, quantizer):
    """As it is released: inside a model that also sees and hears, with keys and values for layers
    that use those of others, and configured as before transformers 5."""
    model.save_pretrained(folder)
    path = folder / "config.json"
    text = json.loads(path.read_text())
    for key in ("architectures", "rope_parameters"):
        text.pop(key)
    text |= {"rope_theta": 1000000.0, "rope_local_base_freq": 10000.0, "rope_scaling": None}
    path.write_text(json.dumps({
        "architectures": ["Gemma3nForConditionalGeneration"], "model_type": "gemma3n",
        "torch_dtype": text.pop("dtype"), "text_config": text}))
    path = folder / "model.safetensors"
    state = {name.replace("model.", "model.language_model.", 1): value
             for name, value in load_file(path).items()}
    config = model.config
    for layer in range(config.num_hidden_layers - config.num_kv_shared_layers,
                       config.num_hidden_layers):
        place = f"model.language_model.layers.{layer}.self_attn."
        width = config.num_key_value_heads * config.head_dim
        state |= {place + name + ".weight": torch.randn(width, config.hidden_size)
                  for name in ("k_proj", "v_proj")}
        state[place + "k_norm.weight"] = torch.randn(config.head_dim)
    state |= {f"model.{name}.weight": torch.randn(8, 8)
              for name in ("vision_tower.timm_model.conv_stem.conv",
                           "audio_tower.conformer.0.norm", "embed_vision.embedding",
                           "embed_audio.embedding")}
    save_file(state, path, metadata={"format": "pt"})


def convert_released(spec, model, folder, writer):
    """What llama.cpp's converter makes of it: the unused keys and values stay."""
    convert(spec, folder / "released", folder / "released.gguf", gguf.LlamaFileType.ALL_F32)
    writer.checkpoint("released.gguf", "gguf", "F32", "float32")


COMMON_SPEC = dict(tokenizer="spm", drawn=drawn)

SPECS = [
    # Tokens beyond the table of per-layer embeddings have its first row. GGUF has rows of zeros.
    Spec("gemma3n", "gemma3n_text", GEMMA3N | dict(vocab_size_per_layer_input=240),
         hf=("float32", "bfloat16"), gguf=(), **COMMON_SPEC),
    Spec("gemma3n_streams", "gemma3n_text", GEMMA3N | STREAMS, gguf=(), **COMMON_SPEC),
    Spec("gemma3n_released", "gemma3n_text", GEMMA3N | SHORT, hf=("released",),
         custom={"released": save_released}, gguf=("F32", "Q8_0"), rounded=rounded_router,
         more=(convert_released,), **COMMON_SPEC),
    Spec("gemma3n_wide", "gemma3n_text", GEMMA3N | WIDE, hf=(), gguf=COMMON,
         rounded=rounded_router, **COMMON_SPEC),
]
