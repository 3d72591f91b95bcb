"""SafeTensors checkpoints that are quantised in Hugging Face's schemes, written in NumPy's terms, and
what transformers gives for the values that they stand for. For Spec.more: see families/spec.py."""
import json
import re
import shutil

import safetensors.torch
import torch
import transformers

# Matrices that such checkpoints leave alone.
PLAIN = r"embed_tokens|lm_head|mlp\.gate\.weight$|norm"


def blocks_of(values, size):
    """Repeats one value a block to one an element."""
    return values.repeat_interleave(size[0], 0).repeat_interleave(size[1], 1)


def to_fp8(weight, size):
    """E4M3 codes, and the scale of each block of `size`; the last ones may be smaller."""
    rows, columns = weight.shape
    padded = torch.zeros(-(-rows // size[0]) * size[0], -(-columns // size[1]) * size[1])
    padded[:rows, :columns] = weight
    grid = padded.view(padded.shape[0] // size[0], size[0], padded.shape[1] // size[1], size[1])
    scale = grid.abs().amax((1, 3)) / 448.0
    codes = (weight / blocks_of(scale, size)[:rows, :columns]).to(torch.float8_e4m3fn)
    return codes, scale


def fp8_blocks(size):
    """As DeepSeek V3 is released: E4M3 in blocks, the rest in bfloat16."""

    def write(spec, model, folder, writer):
        out, plain = folder / "fp8", folder / "fp8-plain"
        model.save_pretrained(plain)
        shutil.copytree(plain, out)
        state = safetensors.torch.load_file(plain / "model.safetensors")
        codes, values = {}, {}
        for name, weight in state.items():
            if weight.dim() != 2 or re.search(PLAIN, name):
                kept = weight if "correction" in name else weight.to(torch.bfloat16)
                codes[name], values[name] = kept, kept
                continue
            codes[name], scale = to_fp8(weight, size)
            codes[f"{name}_scale_inv"] = scale
            rows, columns = weight.shape
            exact = codes[name].float() * blocks_of(scale, size)[:rows, :columns]
            values[name] = exact.to(torch.bfloat16)
        safetensors.torch.save_file(codes, out / "model.safetensors", metadata={"format": "pt"})
        config = json.loads((out / "config.json").read_text())
        config["quantization_config"] = {
            "quant_method": "fp8", "fmt": "e4m3", "activation_scheme": "dynamic",
            "weight_block_size": list(size)}
        (out / "config.json").write_text(json.dumps(config, indent=2))

        safetensors.torch.save_file({name: value.float() for name, value in values.items()},
                                    plain / "model.safetensors", metadata={"format": "pt"})
        writer.reference("fp8", transformers.AutoModelForCausalLM.from_pretrained(
            plain, dtype=torch.float32, attn_implementation="eager").eval())
        writer.checkpoint("fp8", "safetensors", "F8_E4M3", "fp8")
        shutil.rmtree(plain)

    return write
