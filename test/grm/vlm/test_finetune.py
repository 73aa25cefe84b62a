"""Fine-tuning of random checkpoints on a toy task, also when interrupted; refusals."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from robo_dopamine_ros.grm.goal_images import GOAL_DIR, goal_views, read_goal_images
from robo_dopamine_ros.grm.protocol import ModelError
from robo_dopamine_ros.grm.vlm import random_checkpoint
from robo_dopamine_ros.grm.vlm.finetune import output_dir
from robo_dopamine_ros.grm.vlm.finetune.adapt import (
    FinetuneJob,
    adapt,
    encode_hop_images,
    load_for_training,
    make_examples,
)
from robo_dopamine_ros.grm.vlm.finetune.collate import IGNORED, answer_logits, collate
from robo_dopamine_ros.grm.vlm.finetune.config import FinetuneConfig
from robo_dopamine_ros.grm.vlm.finetune.dataset import hop_images, load_images
from robo_dopamine_ros.grm.vlm.finetune.lora import (
    accumulate_gradients,
    add_adapter,
    learning_rate_factor,
)
from robo_dopamine_ros.grm.vlm.finetune.sampler import (
    HopSample,
    HopSampling,
    answer_text,
    sample_hops,
)
from robo_dopamine_ros.grm.vlm.finetune.validation import LEAF, answer_trie, predict_hops
from robo_dopamine_ros.grm.vlm.image_processor import to_pixels
from robo_dopamine_ros.grm.vlm.published.checkpoint import open_checkpoint
from robo_dopamine_ros.grm.vlm.query.prompt import Prompt
from robo_dopamine_ros.types import Recording, Views

pytestmark = pytest.mark.usefixtures('one_thread')
FAMILIES = ('qwen2_5_vl', 'qwen3_vl')
PROMPT = Prompt('{task}' + '<image> ' * 8 + '{task}?')
LENGTH = 60
LEARN = FinetuneConfig(learning_rate=0.01, epochs=4, batch_size=8, micro_batch=8)
BRIEF = FinetuneConfig(
    learning_rate=0.01, epochs=2, batch_size=8, micro_batch=8, save_every=2, max_validation=3
)
SOME = HopSampling(hops=220, frame_stride=2)
# 37 hops to train: ten updates, the last of each epoch smaller
FEW = HopSampling(hops=40, frame_stride=2)


def play(size=None, stride=1, start=0, stop=None):
    """A white bar that grows across a dark picture while the task gets done."""
    for frame in range(LENGTH)[start:stop:stride]:
        picture = np.full((112, 112, 3), 30, np.uint8)
        picture[:, : max(1, round(112 * frame / (LENGTH - 1)))] = 220
        yield Views({'front': picture}, {'front': frame})


def toy(**changes) -> Recording:
    facts = {
        'name': 'toy', 'rate': 10.0, 'length': LENGTH, 'views': ('front',), 'play': play,
        'span': (0, LENGTH - 1), 'instruction': 'push',
    }  # fmt: skip
    return Recording(**{**facts, **changes})


@pytest.fixture(scope='module')
def bases(tmp_path_factory) -> dict[str, Path]:
    folders = {family: tmp_path_factory.mktemp('base') / family for family in FAMILIES}
    for family, folder in folders.items():
        random_checkpoint.write_random_checkpoint(folder, family)
    return folders


def make_job(base: Path, tuning=BRIEF, sampling=FEW, **changes) -> FinetuneJob:
    return FinetuneJob([toy()], base, PROMPT, tuning, sampling, **{'device': 'cpu', **changes})


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return safetensors.torch.load_file(folder / 'model.safetensors')


class Interrupted(Exception):
    """What a power cut is to a test."""


def interrupt_after(after: int):
    """A report that stops a training after so many updates."""
    seen = []

    def report(share, what):
        if what.startswith('loss'):
            seen.append(share)
            if len(seen) == after:
                raise Interrupted

    return report


# what is learned


@pytest.fixture(scope='module')
def adapted(bases, tmp_path_factory):
    folder, told = tmp_path_factory.mktemp('out') / 'mine', []
    result = adapt(
        make_job(bases['qwen3_vl'], LEARN, SOME), folder, lambda *line: told.append(line)
    )
    return folder, result, told


def test_hops_that_were_not_taught_are_answered_better(adapted):
    _, result, _ = adapted
    assert result.after.hops == result.before.hops == 22
    assert result.after.loss < 0.5 * result.before.loss
    assert result.after.mae < result.before.mae
    assert result.after.sign >= 0.8  # which no fixed answer reaches: half of them go back
    assert result.before.sign <= 0.7


def test_the_answers_come_from_the_pictures(adapted, bases):
    """The same question with its pictures exchanged gets an answer of the other direction."""
    checkpoint, cache = load_for_training(make_job(adapted[0]), adapted[0], lambda *_: None)
    hops = [HopSample(0, a, b, 0.5, 0) for a, b in ((10, 40), (40, 10), (20, 55), (55, 20))]
    encode_hop_images(cache, make_job(adapted[0]), hops, lambda _: None)
    job = make_examples(make_job(adapted[0]), hops, checkpoint, cache)
    said = predict_hops(checkpoint.model, cache, job, answer_trie(checkpoint.tokenizer))
    assert np.sign(said).tolist() == [1, -1, 1, -1]


def test_the_result_is_a_checkpoint_like_its_base(adapted, bases):
    folder, base = adapted[0], bases['qwen3_vl']
    for path in base.iterdir():
        if path.suffix != '.safetensors':
            assert (folder / path.name).read_bytes() == path.read_bytes()
    before, after = weights(base), weights(folder)
    assert {n: (w.shape, w.dtype) for n, w in before.items()} == {
        n: (w.shape, w.dtype) for n, w in after.items()
    }
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert len(changed) == 3 * 7  # layers and their projections
    assert not any('visual' in name for name in changed)
    assert not (folder / output_dir.WORK_DIR).exists()


def test_the_adapter_is_saved_too_and_gives_the_same_weights(adapted, bases):
    peft = pytest.importorskip('peft')
    model = open_checkpoint(bases['qwen3_vl'], device='cpu').model
    joined = peft.PeftModel.from_pretrained(model, adapted[0] / output_dir.ADAPTER_DIR)
    merged = joined.merge_and_unload().state_dict()
    for name, weight in weights(adapted[0]).items():
        torch.testing.assert_close(merged[name], weight, atol=1e-6, rtol=1e-5)


def test_the_finished_task_lies_with_the_model(adapted):
    recording = toy()
    goal = read_goal_images(adapted[0] / GOAL_DIR, recording.views)
    last = goal_views(recording)
    assert all((goal.images[view] == last.images[view]).all() for view in recording.views)


def test_the_card_tells_how_it_came_about(adapted):
    folder, result, _ = adapted
    card = json.loads((folder / output_dir.CARD_FILE).read_text())
    assert card['demonstrations'] == ['toy']
    assert card['settings']['tuning']['rank'] == 16
    assert card['settings']['base'] == 'qwen3_vl'
    assert len(card['losses']) == 4 * 25
    assert card['after']['loss'] == result.after.loss


def test_progress_never_goes_back_and_tells_the_loss(adapted):
    shares = [share for share, _ in adapted[2]]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert sum(what.startswith('loss ') for _, what in adapted[2]) == 100


# stopped and taken up again


@pytest.fixture(scope='module')
def uninterrupted(bases, tmp_path_factory):
    folder = tmp_path_factory.mktemp('whole') / 'out'
    adapt(make_job(bases['qwen2_5_vl']), folder)
    return folder


@pytest.mark.parametrize('after', [1, 5, 10])
def test_a_stopped_training_ends_as_if_it_had_not_been(uninterrupted, bases, tmp_path, after):
    out = tmp_path / 'out'
    with pytest.raises(Interrupted):
        adapt(make_job(bases['qwen2_5_vl']), out, interrupt_after(after))
    assert not (out / 'config.json').exists()
    done = []
    adapt(make_job(bases['qwen2_5_vl']), out, lambda _, what: done.append(what.startswith('loss')))
    assert sum(done) == 10 - after // 2 * 2  # it went on from the last save
    expected, found = weights(uninterrupted), weights(out)
    assert expected.keys() == found.keys()
    for name, weight in expected.items():
        assert torch.equal(found[name], weight), name
    cards = [json.loads((f / output_dir.CARD_FILE).read_text()) for f in (uninterrupted, out)]
    assert cards[0] | {'name': ''} == cards[1] | {'name': ''}


@pytest.mark.parametrize('stage', ['merging', 'checking'])
def test_a_stop_after_the_last_update_loses_nothing(uninterrupted, bases, tmp_path, stage):
    def report(_, what):
        if what == stage:
            raise Interrupted

    with pytest.raises(Interrupted):
        adapt(make_job(bases['qwen2_5_vl']), tmp_path, report)
    done = []
    adapt(make_job(bases['qwen2_5_vl']), tmp_path, lambda _, what: done.append(what))
    assert not any(what.startswith('loss') for what in done)
    for name, weight in weights(uninterrupted).items():
        assert torch.equal(weights(tmp_path)[name], weight), name


def test_a_move_that_was_cut_short_is_done_again(uninterrupted, tmp_path):
    result, folder = tmp_path / 'out' / output_dir.WORK_DIR / 'result', tmp_path / 'out'
    shutil.copytree(uninterrupted, result)
    shutil.copytree(result / output_dir.ADAPTER_DIR, folder / output_dir.ADAPTER_DIR)
    (folder / 'tokenizer.json').write_text('half')
    output_dir.move_into_place(result, folder)
    for path in uninterrupted.rglob('*.*'):
        assert (folder / path.relative_to(uninterrupted)).read_bytes() == path.read_bytes()
    assert not (folder / output_dir.WORK_DIR).exists()


@pytest.fixture(scope='module')
def unfinished_folder(bases, tmp_path_factory):
    out = tmp_path_factory.mktemp('half') / 'out'
    with pytest.raises(Interrupted):
        adapt(make_job(bases['qwen2_5_vl']), out, interrupt_after(3))
    return out


@pytest.mark.parametrize(
    ('changes', 'told'),
    [
        ({'seed': 1}, 'seed was 0 and is 1'),
        ({'config': FinetuneConfig(**{**vars(BRIEF), 'rank': 8})}, 'tuning.rank was 16 and is 8'),
        ({'recordings': [toy(instruction='pull')]}, 'recordings was'),
        ({'prompt': Prompt('{task}!' + '<image>' * 8)}, 'prompt was'),
    ],
)
def test_other_settings_are_refused_by_name(bases, unfinished_folder, changes, told):
    other = FinetuneJob(**{**vars(make_job(bases['qwen2_5_vl'])), **changes})
    with pytest.raises(ValueError, match='unfinished training with other settings') as error:
        adapt(other, unfinished_folder)
    assert told in str(error.value)


def test_a_damaged_state_is_named(bases, unfinished_folder, tmp_path):
    out = shutil.copytree(unfinished_folder, tmp_path / 'out')
    state = out / output_dir.WORK_DIR / 'state.safetensors'
    state.write_bytes(state.read_bytes()[:1000])
    with pytest.raises(ModelError, match=r'state\.safetensors: damaged'):
        adapt(make_job(bases['qwen2_5_vl']), out)


def test_finished_and_foreign_folders_are_left_alone(adapted, bases, tmp_path):
    with pytest.raises(ValueError, match='finished adaptation'):
        adapt(make_job(bases['qwen3_vl']), adapted[0])
    (tmp_path / 'letter.txt').write_text('dear')
    with pytest.raises(ValueError, match='not empty'):
        adapt(make_job(bases['qwen3_vl']), tmp_path)


def test_a_full_disk_is_refused_before_anything_begins(tmp_path):
    with pytest.raises(ModelError, match=r'GB free on its disk, 1050000000\.0 GB needed'):
        output_dir.check_disk_space(tmp_path / 'not' / 'yet', 10**18)


# the parts


@pytest.mark.parametrize('family', FAMILIES)
def test_a_batch_gives_the_logits_of_transformers(bases, family):
    """Cached pictures, own positions, no mask: the logits of a full forward pass."""
    job = make_job(bases[family])
    checkpoint, cache = load_for_training(job, job.base, lambda *_: None)
    hops = sample_hops(job.recordings, FEW, 0)[:3]
    encode_hop_images(cache, job, hops, lambda _: None)
    examples = make_examples(job, hops, checkpoint, cache)
    model = checkpoint.model
    with torch.no_grad():
        batch = collate(model, cache, examples)
        logits = answer_logits(model, batch)
        for index, (hop, example) in enumerate(zip(hops, examples, strict=True)):
            expected = full(model, checkpoint, hop, example)
            found = logits[index, : len(example.answer_ids)]
            torch.testing.assert_close(found, expected, atol=2e-4, rtol=1e-3)
            assert batch.targets[index, : len(example.answer_ids)].tolist() == list(
                example.answer_ids
            )
            assert (batch.targets[index, len(example.answer_ids) :] == IGNORED).all()


def full(model, checkpoint, hop, example):
    """Logits of an answer's tokens by transformers, which looks at the pixels itself."""
    wanted = hop_images(hop, [toy()])
    images = dict(load_images([toy()], set(wanted)))
    pixels = np.stack([to_pixels(images[picture], checkpoint.images) for picture in wanted])
    patch = model.config.vision_config.patch_size
    count, _, height, width = pixels.shape
    down, across = height // patch, width // patch
    blocks = torch.from_numpy(pixels)[:, None].expand(-1, 2, -1, -1, -1)
    blocks = blocks.reshape(count, 2, 3, down // 2, 2, patch, across // 2, 2, patch)
    packed = blocks.permute(0, 3, 6, 4, 7, 2, 1, 5, 8).reshape(count * down * across, -1)
    ids = torch.cat((example.prompt.ids, torch.tensor(example.answer_ids[:-1])))[None]
    out = model(
        input_ids=ids,
        pixel_values=packed,
        image_grid_thw=torch.tensor([[1, down, across]] * count),
        mm_token_type_ids=(ids == model.config.image_token_id).int(),
    )
    return out.logits[0, len(example.prompt.ids) - 1 :].float()


def test_micro_batches_and_checkpointing_change_no_gradient(bases):
    job = make_job(bases['qwen3_vl'])
    gradients = []
    for micro, checkpointing in ((8, False), (3, False), (8, True)):
        checkpoint, cache = load_for_training(job, job.base, lambda *_: None)
        hops = sample_hops(job.recordings, FEW, 0)[:8]
        encode_hop_images(cache, job, hops, lambda _: None)
        model = checkpoint.model
        add_adapter(model, BRIEF, 0)
        if checkpointing:
            model.gradient_checkpointing_enable({'use_reentrant': False})
        model.train()
        accumulate_gradients(model, cache, make_examples(job, hops, checkpoint, cache), micro)
        named = {n: w.grad for n, w in model.named_parameters() if w.requires_grad}
        assert all('language_model' in name for name in named)
        gradients.append(torch.cat([grad.flatten() for grad in named.values()]))
    for other in gradients[1:]:
        torch.testing.assert_close(other, gradients[0], atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize('family', FAMILIES)
def test_the_merger_can_learn_too(bases, tmp_path, family):
    tuning = FinetuneConfig(**{**vars(BRIEF), 'train_merger': True, 'epochs': 1})
    adapt(make_job(bases[family], tuning, HopSampling(hops=12, frame_stride=2)), tmp_path / 'out')
    before, after = weights(bases[family]), weights(tmp_path / 'out')
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert any('visual.merger' in name for name in changed)
    assert not any('visual.blocks' in name for name in changed)


@pytest.mark.parametrize(
    ('module', 'stored'),
    [
        ('model.language_model.layers.2.mlp.up_proj.weight', 'model.layers.2.mlp.up_proj.weight'),
        ('model.visual.merger.mlp.0.weight', 'visual.merger.mlp.0.weight'),
    ],
)
def test_weights_are_found_under_their_older_names(module, stored):
    assert output_dir.stored_name(module) == output_dir.stored_name(stored)


def test_a_delta_without_a_weight_is_refused(bases, tmp_path):
    with pytest.raises(ModelError, match='1 adapted weights are not in its files'):
        output_dir.write_merged(
            bases['qwen3_vl'], tmp_path / 'x', {'layers.9.y.weight': torch.zeros(1)}
        )


def test_every_answer_is_in_the_tree(bases):
    tokenizer = open_checkpoint(bases['qwen3_vl'], device='cpu').tokenizer
    tree = answer_trie(tokenizer)
    for label in (0.0, 0.153, -0.2, 1.0, -1.0, 0.07):
        for text in {answer_text(label), answer_text(label).replace('.0%', '%')}:
            node = tree
            for token in tokenizer.encode(text).ids:
                node = node[token]
            assert node[LEAF] == pytest.approx(label)


def test_the_rate_warms_up_and_ends_low():
    rates = [learning_rate_factor(update, 100, 0.03) for update in range(100)]
    assert rates[:4] == pytest.approx([1 / 3, 2 / 3, 1.0, 1.0])
    assert rates[3:] == sorted(rates[3:], reverse=True)
    assert 0 < rates[-1] < 0.01


@pytest.mark.parametrize(
    'wrong',
    [{'rank': 0}, {'learning_rate': 0.0}, {'validation_share': 1.0}, {'micro_batch': 0}],
)
def test_settings_that_make_no_sense(wrong):
    with pytest.raises(ValueError, match=f'{next(iter(wrong))} = '):
        FinetuneConfig(**wrong)


def test_pictures_of_another_aspect_are_refused(bases):
    def uneven(size=None, stride=1, start=0, stop=None):
        for frame in range(LENGTH)[start:stop:stride]:
            width = 112 if frame < 30 else 224
            yield Views({'front': np.zeros((112, width, 3), np.uint8)}, {'front': frame})

    job = FinetuneJob([toy(play=uneven)], bases['qwen3_vl'], PROMPT, BRIEF, FEW, device='cpu')
    _, cache = load_for_training(job, job.base, lambda *_: None)
    with pytest.raises(ValueError, match='is 112 x 224 px, the first picture 112 x 112'):
        encode_hop_images(cache, job, sample_hops(job.recordings, FEW, 0), lambda _: None)
