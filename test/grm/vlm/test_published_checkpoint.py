"""Loading of complete and of broken checkpoints."""

import importlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from robo_dopamine_ros.grm.protocol import ModelError
from robo_dopamine_ros.grm.vlm import random_checkpoint
from robo_dopamine_ros.grm.vlm.device import (
    GIB,
    check_fit,
    choose_device,
    choose_dtype,
    explain_out_of_memory,
    free_memory,
)
from robo_dopamine_ros.grm.vlm.published.checkpoint import open_checkpoint
from robo_dopamine_ros.grm.vlm.published.weights import inspect_weights

FAMILIES = ('qwen2_5_vl', 'qwen3_vl')
WEIGHTS, INDEX = 'model.safetensors', 'model.safetensors.index.json'
CPU = torch.device('cpu')
Written = dict[str, Path]


@pytest.fixture(scope='module')
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """A random checkpoint of every family."""
    folders = {family: tmp_path_factory.mktemp(family) / 'tiny' for family in FAMILIES}
    for family, folder in folders.items():
        random_checkpoint.write_random_checkpoint(folder, family, seed=5)
    return folders


@pytest.fixture
def folder(written: Written, tmp_path: Path) -> Path:
    """One of them, to be spoilt."""
    return Path(shutil.copytree(written['qwen2_5_vl'], tmp_path / 'grm'))


def change(path: Path, **facts: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **facts}))


def split(folder: Path) -> list[Path]:
    """The same weights in two files and an index."""
    tensors = load_file(folder / WEIGHTS)
    names = sorted(tensors)
    halves = {'model-1.safetensors': names[::2], 'model-2.safetensors': names[1::2]}
    for file, part in halves.items():
        save_file({name: tensors[name] for name in part}, folder / file, {'format': 'pt'})
    places = {name: file for file, part in halves.items() for name in part}
    (folder / INDEX).write_text(json.dumps({'metadata': {}, 'weight_map': places}))
    (folder / WEIGHTS).unlink()
    return [folder / file for file in halves]


@pytest.mark.parametrize('family', FAMILIES)
def test_a_checkpoint_opens_in_silence(
    written: Written, family: str, capfd: pytest.CaptureFixture[str]
) -> None:
    told: list[tuple[float, str]] = []
    opened = open_checkpoint(written[family], 'cpu', report=lambda *word: told.append(word))
    assert (opened.name, opened.family.name) == ('tiny', family)
    assert opened.model.dtype is torch.float32
    assert not opened.model.training
    assert not any(weight.requires_grad for weight in opened.model.parameters())
    assert opened.model.config._attn_implementation == 'sdpa'
    assert opened.tokenizer.encode('<score>+42%').tokens == ['<', 'score', '>+', '4', '2', '%']
    assert opened.images.official
    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)
    assert capfd.readouterr() == ('', '')


@pytest.mark.parametrize('family', FAMILIES)
def test_its_weights_are_those_that_were_written(written: Written, family: str) -> None:
    synthetic_model = random_checkpoint.make_model(
        family, random_checkpoint.make_tokenizer(), random_checkpoint.RandomModelSize(), seed=5
    )
    opened = open_checkpoint(written[family], 'cpu').model
    for ours, theirs in zip(opened.parameters(), synthetic_model.parameters(), strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize('dtype', ['float16', 'bfloat16'])
def test_half_precision_keeps_rotary_angles(written: Written, dtype: str) -> None:
    model = open_checkpoint(written['qwen2_5_vl'], 'cpu', dtype).model
    assert model.lm_head.weight.dtype is getattr(torch, dtype)
    assert model.model.language_model.rotary_emb.inv_freq.dtype is torch.float32


def test_weights_in_several_files(folder: Path, written: Written) -> None:
    split(folder)
    assert inspect_weights(folder).count == inspect_weights(written['qwen2_5_vl']).count
    opened, whole = (open_checkpoint(path, 'cpu').model for path in (folder, written['qwen2_5_vl']))
    assert torch.equal(opened.lm_head.weight, whole.lm_head.weight)


def test_a_head_that_is_the_embedding_may_be_left_out(folder: Path) -> None:
    change(folder / 'config.json', tie_word_embeddings=True)
    tensors = load_file(folder / WEIGHTS)
    del tensors['lm_head.weight']
    save_file(tensors, folder / WEIGHTS, {'format': 'pt'})
    model = open_checkpoint(folder, 'cpu').model
    assert torch.equal(model.lm_head.weight, tensors['model.embed_tokens.weight'])


@pytest.mark.parametrize('place', ['tokenizer_config.json', 'chat_template.json', 'jinja'])
def test_chat_is_rendered_by_the_template_as_transformers_does(folder: Path, place: str) -> None:
    template = (
        '{% set pictures = namespace(value=0) %}{% for message in messages %}'
        "{% if loop.first and message['role'] != 'system' %}\n<|im_start|>system\nYou help.\n"
        '    {% endif %}{% for part in message.content %}'
        "{% if part.type == 'image' or 'image' in part %}"
        '{% set pictures.value = pictures.value + 1 %}{% if add_vision_id %}!{% endif %}'
        '<|vision_start|><|image_pad|><|vision_end|>\n  {%- else %}{{ part.text }}{% endif %}'
        '{% endfor %}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}A:{% endif %}'
    )
    if place == 'jinja':
        (folder / 'chat_template.jinja').write_text(template)
    else:
        (folder / place).touch()
        (folder / place).write_text(json.dumps({'chat_template': template}))
    parts = ['one {x}\n ', 'two', '', *'456789']
    library: Any = importlib.import_module('transformers')
    words = library.PreTrainedTokenizerFast(tokenizer_file=str(folder / 'tokenizer.json'))
    content: list[dict[str, str]] = [{'type': 'text', 'text': parts[0]}]
    for part in parts[1:]:
        content += ({'type': 'image'}, {'type': 'text', 'text': part})
    wanted = words.apply_chat_template(
        [{'role': 'user', 'content': content}],
        chat_template=template,
        tokenize=False,
        add_generation_prompt=True,
    )
    told = open_checkpoint(folder, 'cpu').render_chat(parts)
    assert told == wanted
    assert told.count('<|image_pad|>') == 8


# --- broken checkpoints: one clear message each


@pytest.mark.parametrize('cut', [0, 5, 60, -1000, -1])
def test_weights_cut_short(folder: Path, cut: int) -> None:
    path = folder / WEIGHTS
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ModelError, match=rf'{WEIGHTS} .*; copy or download the file again'):
        open_checkpoint(folder, 'cpu')


def test_one_of_several_files_cut_short(folder: Path) -> None:
    path = split(folder)[1]
    whole = path.stat().st_size
    path.write_bytes(path.read_bytes()[:-10])
    told = f'model-2.safetensors has {whole - 10} bytes and should have {whole}'
    with pytest.raises(ModelError, match=told):
        open_checkpoint(folder, 'cpu')


def test_a_file_that_the_index_names_is_missing(folder: Path) -> None:
    split(folder)[1].unlink()
    told = r'model-2.safetensors is missing \(1 of 2 files that model.safetensors.index.json names'
    with pytest.raises(ModelError, match=told):
        open_checkpoint(folder, 'cpu')


@pytest.mark.parametrize('content', ['', '[]', '{}', '{"weight_map": 3}'])
def test_a_broken_index(folder: Path, content: str) -> None:
    split(folder)
    (folder / INDEX).write_text(content)
    with pytest.raises(ModelError, match='index.json is no index of weights'):
        open_checkpoint(folder, 'cpu')


def test_no_weights_at_all(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    with pytest.raises(ModelError, match='grm has no weights: neither model.safetensors nor'):
        open_checkpoint(folder, 'cpu')


def test_a_weight_that_is_missing_is_never_random(folder: Path) -> None:
    tensors = load_file(folder / WEIGHTS)
    del tensors['model.layers.1.mlp.up_proj.weight']
    save_file(tensors, folder / WEIGHTS, {'format': 'pt'})
    told = r'without 1 weights of Qwen2_5_VL.*, such as model\..*layers.1.mlp.up_proj.weight'
    with pytest.raises(ModelError, match=told):
        open_checkpoint(folder, 'cpu')


def test_weights_of_another_size(folder: Path) -> None:
    config = json.loads((folder / 'config.json').read_text())
    config['text_config']['intermediate_size'] = 96
    (folder / 'config.json').write_text(json.dumps(config))
    with pytest.raises(ModelError, match='grm does not load as Qwen2_5_VL|without .* weights'):
        open_checkpoint(folder, 'cpu')


@pytest.mark.parametrize(
    'facts',
    [
        {'model_type': 'llava', 'architectures': ['LlavaForConditionalGeneration']},
        {'model_type': 'qwen2_5_vl', 'architectures': ['LlavaForConditionalGeneration']},
        {'model_type': ['LlavaForConditionalGeneration'], 'architectures': None},
    ],
    ids=['both', 'architecture', 'type'],
)
def test_a_wrong_architecture_is_named_with_those_that_work(
    folder: Path, facts: dict[str, Any]
) -> None:
    change(folder / 'config.json', **facts)
    told = r'config.json: architecture .*Llava.*; a GRM is of Qwen2_5_VLFor.*GRM-3B.* or Qwen3VLFor'
    with pytest.raises(ModelError, match=told):
        open_checkpoint(folder, 'cpu')


@pytest.mark.parametrize('content', ['', '{', '[1]'])
def test_a_configuration_that_is_none(folder: Path, content: str) -> None:
    (folder / 'config.json').write_text(content)
    with pytest.raises(ModelError, match='config.json is no JSON'):
        open_checkpoint(folder, 'cpu')


def test_no_configuration(folder: Path) -> None:
    (folder / 'config.json').unlink()
    with pytest.raises(ModelError, match='grm is no checkpoint: it has no config.json'):
        open_checkpoint(folder, 'cpu')


def test_no_tokenizer(folder: Path) -> None:
    (folder / 'tokenizer.json').unlink()
    with pytest.raises(ModelError, match='tokenizer.json is missing; copy it'):
        open_checkpoint(folder, 'cpu')


def test_a_broken_tokenizer(folder: Path) -> None:
    (folder / 'tokenizer.json').write_text('{"model": ')
    with pytest.raises(ModelError, match='tokenizer.json is no tokenizer'):
        open_checkpoint(folder, 'cpu')


def test_no_chat_template(folder: Path) -> None:
    (folder / 'tokenizer_config.json').write_text('{}')
    with pytest.raises(ModelError, match=r'grm has no chat template \(chat_template.jinja, '):
        open_checkpoint(folder, 'cpu')


@pytest.mark.parametrize('template', ['{% for %}', "{{ raise_exception('no pictures') }}"])
def test_a_chat_template_that_fails(folder: Path, template: str) -> None:
    change(folder / 'tokenizer_config.json', chat_template=template)
    with pytest.raises(ModelError, match='grm: chat template: '):
        open_checkpoint(folder, 'cpu').render_chat(['one', 'two'])


# --- where it runs


def test_insufficient_memory_is_refused_before_loading() -> None:
    count = 3 * GIB
    check_fit(count, torch.float32, CPU, 12 * GIB)
    check_fit(count, torch.float32, CPU, None)
    told = (
        r'the weights take 12.0 GiB in float32 and 7.0 GiB are free on cpu; close what else runs '
        r'there, or precision bfloat16 \(6.0 GiB\), or precision float16 \(6.0 GiB\), or a smaller'
    )
    with pytest.raises(ModelError, match=told):
        check_fit(count, torch.float32, CPU, 7 * GIB)
    with pytest.raises(ModelError, match='close what else runs there, or a smaller model'):
        check_fit(count, torch.float16, CPU, 1 * GIB)


def on_a_gpu() -> None:
    raise torch.OutOfMemoryError('CUDA out of memory')


def in_python() -> None:
    bytearray(2**62)


def on_a_cpu() -> None:
    torch.empty(2**50)


@pytest.mark.parametrize('overfill', [on_a_gpu, in_python, on_a_cpu])
def test_running_out_of_memory_while_loading(folder: Path, overfill: Callable[[], None]) -> None:
    def full(share: float, what: str) -> None:
        overfill()

    told = r'the weights take 0.0 GiB in float32 .* on cpu; .*or a smaller model'
    with pytest.raises(ModelError, match=told):
        open_checkpoint(folder, 'cpu', report=full)


def test_other_faults_stay_what_they_are() -> None:
    with (
        pytest.raises(RuntimeError, match='size mismatch'),
        explain_out_of_memory(1, torch.float32, CPU),
    ):
        raise RuntimeError('size mismatch')


def test_free_memory_of_this_machine() -> None:
    free = free_memory(CPU)
    assert free is None or free > 0


def test_devices_and_precisions() -> None:
    assert choose_device('auto').type == ('cuda' if torch.cuda.is_available() else 'cpu')
    assert choose_dtype('auto', CPU) is torch.float32
    assert choose_dtype('bfloat16', CPU) is torch.bfloat16
    with pytest.raises(ModelError, match="device 'tpu9' is unknown; it is auto, cpu, cuda"):
        choose_device('tpu9')
    with pytest.raises(ModelError, match="precision 'int3' is unknown; it is auto, bfloat16"):
        choose_dtype('int3', CPU)


@pytest.mark.skipif(torch.cuda.is_available(), reason='there is a GPU')
def test_a_gpu_that_is_not_there() -> None:
    with pytest.raises(ModelError, match="device 'cuda': torch sees no GPU here"):
        open_checkpoint('anything', 'cuda')
