"""Checkpoints with random weights of any size, in the layout of the published ones.

For tests, benchmarks and the GPU self-test, which do not depend on what a model has learnt.
"""

import importlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers

from robo_dopamine_ros.grm.vlm.published.checkpoint import quiet_transformers

SPECIAL_TOKENS = (
    *('<|endoftext|>', '<|im_start|>', '<|im_end|>'),
    *('<|vision_start|>', '<|vision_end|>', '<|image_pad|>', '<|video_pad|>'),
)
ANSWER_WORDS = ('score', '>+', '>-', '%</')  # each one token, as in the published vocabulary
SPLIT_PATTERN = (  # pre-tokenizer pattern of the published checkpoints
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r'| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+'
)
CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% for part in message['content'] %}{% if part['type'] == 'image' %}"
    '<|vision_start|><|image_pad|><|vision_end|>'
    "{% else %}{{ part['text'] }}{% endif %}{% endfor %}<|im_end|>\n{% endfor %}"
    '{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}'
)
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True)
class RandomModelSize:
    """Sizes of a random model; the defaults are as small as the architectures allow."""

    hidden: int = 64  # width of the language model
    layers: int = 3
    heads: int = 4
    heads_kv: int = 2
    head_dim: int = 16
    inner: int = 128  # width of its feed-forward layers
    vocabulary: int = 0  # 0: that of the tokenizer
    vision_hidden: int = 64
    vision_layers: int = 4
    vision_heads: int = 4
    vision_inner: int = 96
    spread: float = 0.08  # standard deviation of the weights


def write_random_checkpoint(
    folder: Path, family: str, size: RandomModelSize | None = None, seed: int = 0
) -> None:
    """Write a checkpoint folder of family 'qwen2_5_vl' or 'qwen3_vl' with float32 weights."""
    size = size or RandomModelSize()
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = make_tokenizer()
    model = make_model(family, tokenizer, size, seed)
    with quiet_transformers():
        model.save_pretrained(folder)
    tokenizer.save(str(folder / 'tokenizer.json'))
    files: dict[str, dict[str, Any]] = {
        'tokenizer_config.json': {
            'tokenizer_class': 'Qwen2TokenizerFast',
            'chat_template': CHAT_TEMPLATE,
            'eos_token': '<|im_end|>',
            'pad_token': '<|endoftext|>',
        },
        'preprocessor_config.json': {
            'image_processor_type': 'Qwen2VLImageProcessor',
            'patch_size': 14 if family == 'qwen2_5_vl' else 16,
            'temporal_patch_size': 2,
            'merge_size': 2,
            'size': {'shortest_edge': 12544, 'longest_edge': 76800},
            'image_mean': MEAN if family == 'qwen2_5_vl' else [0.5] * 3,
            'image_std': STD if family == 'qwen2_5_vl' else [0.5] * 3,
        },
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content, indent=2) + '\n', encoding='utf-8')


def make_tokenizer() -> Tokenizer:
    """A byte-level tokenizer whose only longer tokens are those of answers."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = [
        merge
        for word in ANSWER_WORDS
        for merge in ((word[:length], word[length]) for length in range(1, len(word)))
    ]
    words = [*alphabet, *(first + second for first, second in merges)]
    model = models.BPE({word: index for index, word in enumerate(words)}, merges)
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT_PATTERN), 'isolated'),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(word, special=True) for word in SPECIAL_TOKENS])
    return tokenizer


def make_model(family: str, tokenizer: Tokenizer, size: RandomModelSize, seed: int) -> Any:
    """A transformers model of a family with random weights, float32, in evaluation mode."""
    library: Any = importlib.import_module('transformers')  # takes seconds; loosely typed

    text: dict[str, Any] = {
        'vocab_size': max(size.vocabulary, tokenizer.get_vocab_size()),
        'hidden_size': size.hidden,
        'intermediate_size': size.inner,
        'num_hidden_layers': size.layers,
        'num_attention_heads': size.heads,
        'num_key_value_heads': size.heads_kv,
        'head_dim': size.head_dim,
        'max_position_embeddings': 8192,
        'rope_parameters': _rope(family, size.head_dim),
        'bos_token_id': None,
        'eos_token_id': tokenizer.token_to_id('<|im_end|>'),
        'pad_token_id': tokenizer.token_to_id('<|endoftext|>'),
    }
    vision: dict[str, Any] = {
        'depth': size.vision_layers,
        'hidden_size': size.vision_hidden,
        'num_heads': size.vision_heads,
        'intermediate_size': size.vision_inner,
        'out_hidden_size': size.hidden,
    }
    tokens = {
        'image_token_id': tokenizer.token_to_id('<|image_pad|>'),
        'video_token_id': tokenizer.token_to_id('<|video_pad|>'),
        'vision_start_token_id': tokenizer.token_to_id('<|vision_start|>'),
        'vision_end_token_id': tokenizer.token_to_id('<|vision_end|>'),
    }
    torch.manual_seed(seed)
    last = size.vision_layers - 1
    if family == 'qwen2_5_vl':
        vision |= {'patch_size': 14, 'window_size': 112, 'fullatt_block_indexes': [1, last]}
        config = library.Qwen2_5_VLConfig(text_config=text, vision_config=vision, **tokens)
        model = library.Qwen2_5_VLForConditionalGeneration(config)
    elif family == 'qwen3_vl':
        deepstack_layers = list(range(min(3, size.vision_layers)))
        vision |= {'patch_size': 16, 'deepstack_visual_indexes': deepstack_layers}
        config = library.Qwen3VLConfig(text_config=text, vision_config=vision, **tokens)
        model = library.Qwen3VLForConditionalGeneration(config)
    else:
        raise ValueError(f'family {family!r}; it must be qwen2_5_vl or qwen3_vl')
    for weight in model.parameters():
        if weight.ndim > 1:
            torch.nn.init.normal_(weight, std=size.spread)
    return model.eval()


def _rope(family: str, head_dim: int) -> dict[str, Any]:
    """Rotary parameters, split between time, rows and columns as in the published models."""
    half = head_dim // 2
    section = [half - 2 * (3 * half // 8), 3 * half // 8, 3 * half // 8]
    rope = {'rope_type': 'default', 'rope_theta': 1e6, 'mrope_section': section}
    return rope | ({'mrope_interleaved': True} if family == 'qwen3_vl' else {})
