"""ChatGLM-6B, the first: no library has it any more, so it is written down here."""
import json
import types

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional

from families.spec import BASE, Spec

BOS, GMASK, MASK = 1, 3, BASE["vocab_size"] - 1
TINY = dict(num_hidden_layers=3, num_key_value_heads=4, inner_hidden_size=160,
            layernorm_epsilon=1e-5, gmask_token_id=GMASK, mask_token_id=MASK)


def positions_of(tokens):
    """The length of the context, which the start token ends, and each token's two positions."""
    context = tokens.index(BOS)
    place = tokens.index(GMASK if GMASK in tokens else MASK)
    after = len(tokens) - context
    return (context, torch.tensor([*range(context), *[place] * after]),
            torch.tensor([0] * context + [*range(1, after + 1)]))


def rotate(x, positions):
    """x [tokens, heads, channels], in pairs (i, i + channels / 2)."""
    half = x.shape[-1] // 2
    frequencies = 10000.0 ** (-torch.arange(half) / half)
    angles = (positions[:, None] * frequencies)[:, None]
    cosine, sine = angles.cos(), angles.sin()
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * cosine - b * sine, a * sine + b * cosine], -1)


class Attention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.heads = config.num_attention_heads
        self.query_key_value = nn.Linear(config.hidden_size, 3 * config.hidden_size)
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, x, context, positions, block_positions):
        tokens = len(x)
        q, k, v = self.query_key_value(x).view(tokens, self.heads, -1).chunk(3, -1)

        def turn(y):
            first, second = y.chunk(2, -1)
            return torch.cat([rotate(first, positions), rotate(second, block_positions)], -1)

        scores = torch.einsum("qhd,khd->hqk", turn(q), turn(k)) / q.shape[-1] ** 0.5
        seen = torch.ones(tokens, tokens, dtype=torch.bool).tril()
        seen[:, :context] = True
        weights = scores.masked_fill(~seen, -torch.inf).softmax(-1)
        return self.dense(torch.einsum("hqk,khd->qhd", weights, v).reshape(tokens, -1))


class Mlp(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.dense_h_to_4h = nn.Linear(config.hidden_size, config.inner_hidden_size)
        self.dense_4h_to_h = nn.Linear(config.inner_hidden_size, config.hidden_size)

    def forward(self, x):
        return self.dense_4h_to_h(functional.gelu(self.dense_h_to_4h(x), approximate="tanh"))


class Layer(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.scale = (2 * config.num_hidden_layers) ** 0.5
        self.input_layernorm = nn.LayerNorm(config.hidden_size, eps=config.layernorm_epsilon)
        self.attention = Attention(config)
        self.post_attention_layernorm = nn.LayerNorm(config.hidden_size,
                                                     eps=config.layernorm_epsilon)
        self.mlp = Mlp(config)

    def forward(self, x, *where):
        x = self.input_layernorm(x)
        x = self.scale * x + self.attention(x, *where)
        x = self.post_attention_layernorm(x)
        return self.scale * x + self.mlp(x)


class ChatGlm(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.transformer = nn.ModuleDict({
            "word_embeddings": nn.Embedding(config.vocab_size, config.hidden_size),
            "layers": nn.ModuleList([Layer(config) for _ in range(config.num_hidden_layers)]),
            "final_layernorm": nn.LayerNorm(config.hidden_size, eps=config.layernorm_epsilon)})
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)

    def forward(self, tokens, use_cache=False):
        where = positions_of(tokens[0].tolist())
        x = self.transformer["word_embeddings"](tokens[0])
        for layer in self.transformer["layers"]:
            x = layer(x, *where)
        return types.SimpleNamespace(
            logits=self.lm_head(self.transformer["final_layernorm"](x))[None])


def prompt(tokens):
    """A long one to be continued, and a short one with a gap whose filling has begun."""
    text = [5 if token in (BOS, GMASK, MASK) else token for token in tokens]
    if len(text) > 20:
        return [*text[2:], GMASK, BOS]
    return [*text[:3], MASK, *text[4:6], BOS, *text[7:]]


def save(spec, model, folder):
    folder.mkdir(parents=True)
    state = {name: value.contiguous() for name, value in model.state_dict().items()}
    for layer in range(model.config.num_hidden_layers):  # as the release, which keeps them
        state[f"transformer.layers.{layer}.attention.rotary_emb.inv_freq"] = torch.ones(4)
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    config = {key: getattr(model.config, key) for key in (
        "vocab_size", "hidden_size", "num_attention_heads", "inner_hidden_size",
        "layernorm_epsilon", "bos_token_id", "eos_token_id", "pad_token_id", "gmask_token_id",
        "mask_token_id")}
    (folder / "config.json").write_text(json.dumps(config | {
        "architectures": ["ChatGLMModel"], "model_type": "chatglm", "torch_dtype": "float32",
        "position_encoding_2d": True, "max_sequence_length": 256, "pre_seq_len": None,
        "num_layers": model.config.num_hidden_layers, "prefix_projection": False,
        "quantization_bit": 0, "use_cache": True}))


SPECS = [Spec("chatglm_6b", "chatglm", TINY, oracle=ChatGlm, oracle_config="llama", save=save,
              schedule="prompt", prompt=prompt, gguf=())]
