"""Bench of the published GRM: equal answers of all variants, and counts of computations."""

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from robo_dopamine_ros.grm.vlm.model import VlmGRM
from robo_dopamine_ros.grm.vlm.random_checkpoint import RandomModelSize
from robo_dopamine_ros.grm.vlm.settings import VlmSettings
from robo_dopamine_ros.types import TaskContext

BENCH = str(Path(__file__).parents[3] / 'bench')
CPU, STEPS = torch.device('cpu'), 3
WHOLE = {'qwen2_5_vl': 1428, 'qwen3_vl': 1284}  # tokens of a query
END = {'qwen2_5_vl': 823, 'qwen3_vl': 769}  # of its last part
BEFORE = {'qwen2_5_vl': 299, 'qwen3_vl': 245}  # of the pictures to compare with


@pytest.fixture
def latency(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(BENCH)
    import grm_latency

    return grm_latency


def tiny(latency: Any, family: str) -> Any:
    import _grm_random_model

    model = _grm_random_model.build('tiny', family, RandomModelSize(), CPU, torch.float32)
    return latency.Bench(model)


@pytest.mark.parametrize('family', WHOLE)
def test_all_variants_give_equal_answers_and_are_counted(latency: Any, family: str) -> None:
    bench = tiny(latency, family)
    runs = latency.measure(bench, bench.variants(), STEPS)
    rows = {name: run.row(runs[latency.BASELINE]) for name, run in runs.items()}
    answers = [answer for step in runs[latency.BASELINE].answers for answer in step.values()]

    assert all(row['same_answers'] == 1.0 for row in rows.values()), rows
    assert all(row['logits_apart'] < 1e-4 for row in rows.values()), rows
    assert len(answers) == 3 * STEPS
    assert all(len(path) == 4 and path[-1] == '%' for path in answers if '0' not in path), answers

    baseline, one_batch, vision, kv, prefetch, tree, product, no_decimals = rows.values()
    whole, end, before = WHOLE[family], END[family], BEFORE[family]
    if all(len(path) == 4 for path in answers):  # eight passes after the first
        assert baseline['tokens'] == one_batch['tokens'] == vision['tokens'] == 3 * (whole + 8)
        assert kv['tokens'] == 3 * (end + 8) + before
        assert prefetch['tokens'] == 3 * (end + 8)
        assert (baseline['decode_steps'], one_batch['decode_steps']) == (24, 8)
    assert tree['tokens'] == 3 * (end + 26 + tree['decode_steps'])
    assert product['tokens'] == pytest.approx(3 * (end + 36 + product['decode_steps']))
    assert no_decimals['tokens'] == 3 * (end + 26)
    assert no_decimals['decode_steps'] == 0 <= product['decode_steps'] <= tree['decode_steps']
    assert prefetch['tokens_ahead'] == no_decimals['tokens_ahead'] == before
    assert baseline['pictures'] == one_batch['pictures'] == 24
    assert vision['pictures'] == no_decimals['pictures'] == 3


def test_robots_in_one_batch_get_the_answers_that_each_gets_alone(latency: Any) -> None:
    from _grm_batching import BatchingServer
    from _grm_variants import BiasedEngine

    bench, settings = tiny(latency, 'qwen3_vl'), VlmSettings(decimals=False)
    processor, views = bench.processor(bench.engine.shape), [bench.views(2, s) for s in (0, 1)]
    server = BatchingServer(BiasedEngine(bench.engine), 2)
    batched = [VlmGRM('batched', client, processor, settings) for client in server.clients]
    alone = [VlmGRM('alone', BiasedEngine(bench.engine), processor, settings) for _ in views]

    def play(model: VlmGRM, number: int) -> None:
        model.reset(TaskContext('put it there', views[number][0], views[number][1]))
        for now in views[number]:
            model.step(now)

    server.run_all(lambda number: play(batched[number], number))
    for number, model in enumerate(alone):
        play(model, number)
        assert {row: one.path for row, one in model.answers.items()} == {
            row: one.path for row, one in batched[number].answers.items()
        }
    assert set(bench.together(robots=2, steps=1)) == {latency.BASELINE, 'no decimals'}


def test_the_stand_in_prompt_has_the_published_lengths(latency: Any) -> None:
    import _grm_random_model

    bench = tiny(latency, 'qwen2_5_vl')
    layout = bench.processor(bench.engine.shape).layout_for(_grm_random_model.TASK_TEXT)
    parts = (layout.prefix, layout.before, layout.after)
    assert [len(part.ids) for part in parts] == [306, 299, 823]
    assert sum(_grm_random_model.SEGMENTS) == 708


def test_guesses_save_passes_and_whole_numbers_need_none(latency: Any) -> None:
    needed = latency.decode_steps_needed(episodes=2)
    for ways in needed.values():
        assert ways['no decimals'] == 0 < ways['draft rows'] < ways['no draft rows']
    assert needed['whole numbers']['draft rows'] < needed['one decimal']['draft rows']


def test_a_smaller_model_keeps_its_proportions(latency: Any) -> None:
    from _grm_random_model import SIZES, image_in_tokens, scaled

    for family, size in SIZES.values():
        share = image_in_tokens(scaled(size, 4), family) / image_in_tokens(size, family)
        assert 0.8 < share < 1.25


def test_the_bench_prints_and_keeps(
    latency: Any,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(latency.SIZES, 'grm-3b', ('qwen2_5_vl', RandomModelSize()))
    file = tmp_path / 'result.json'
    words = ['--scale=1', '--steps=1', '--robots=0', '--engine=onnx', '--device=cpu']
    assert latency.main([*words, f'--json={file}']) == 0
    assert 'the same, onnx' in capsys.readouterr().out
    assert 'NaN' not in file.read_text()
