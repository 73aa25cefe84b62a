"""The bench of the published GRM: all its ways answer alike, and it counts what they compute."""

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from robo_dopamine_ros.reward.vlm.model import VlmGRM
from robo_dopamine_ros.reward.vlm.published.synthetic import Size
from robo_dopamine_ros.reward.vlm.settings import VlmSettings
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
    import _grm_model

    model = _grm_model.build('tiny', family, Size(), CPU, torch.float32)
    return latency.Bench(model)


@pytest.mark.parametrize('family', WHOLE)
def test_all_ways_answer_alike_and_are_counted(latency: Any, family: str) -> None:
    bench = tiny(latency, family)
    runs = latency.measure(bench, bench.arms(), STEPS)
    rows = {name: run.row(runs[latency.USUAL]) for name, run in runs.items()}
    answers = [told for look in runs[latency.USUAL].answers for told in look.values()]

    assert all(row['same_answers'] == 1.0 for row in rows.values()), rows
    assert all(row['logits_apart'] < 1e-4 for row in rows.values()), rows
    assert len(answers) == 3 * STEPS
    assert all(len(path) == 4 and path[-1] == '%' for path in answers if '0' not in path), answers

    usual, one_batch, seen, known, ahead, tree, product, cut = rows.values()
    whole, end, before = WHOLE[family], END[family], BEFORE[family]
    if all(len(path) == 4 for path in answers):  # eight passes after the first
        assert usual['tokens'] == one_batch['tokens'] == seen['tokens'] == 3 * (whole + 8)
        assert known['tokens'] == 3 * (end + 8) + before
        assert ahead['tokens'] == 3 * (end + 8)
        assert (usual['decode_steps'], one_batch['decode_steps']) == (24, 8)
    assert tree['tokens'] == 3 * (end + 26 + tree['decode_steps'])
    assert product['tokens'] == pytest.approx(3 * (end + 36 + product['decode_steps']))
    assert cut['tokens'] == 3 * (end + 26)
    assert cut['decode_steps'] == 0 <= product['decode_steps'] <= tree['decode_steps']
    assert ahead['tokens_ahead'] == cut['tokens_ahead'] == before
    assert usual['pictures'] == one_batch['pictures'] == 24
    assert seen['pictures'] == cut['pictures'] == 3


def test_robots_in_one_batch_hear_what_each_would_hear_alone(latency: Any) -> None:
    from _grm_arms import Leaning
    from _grm_together import Table

    bench, settings = tiny(latency, 'qwen3_vl'), VlmSettings(decimals=False)
    language, looks = bench.language(bench.engine.shape), [bench.looks(2, s) for s in (0, 1)]
    table = Table(Leaning(bench.engine), 2)
    seated = [VlmGRM('seated', seat, language, settings) for seat in table.seats]
    alone = [VlmGRM('alone', Leaning(bench.engine), language, settings) for _ in looks]

    def play(model: VlmGRM, number: int) -> None:
        model.begin(TaskContext('put it there', looks[number][0], looks[number][1]))
        for views in looks[number]:
            model.step(views)

    table.all(lambda number: play(seated[number], number))
    for number, model in enumerate(alone):
        play(model, number)
        assert {row: one.path for row, one in model.answers.items()} == {
            row: one.path for row, one in seated[number].answers.items()
        }
    assert set(bench.together(robots=2, steps=1)) == {latency.USUAL, 'decimals cut'}


def test_the_stand_in_prompt_has_the_published_lengths(latency: Any) -> None:
    import _grm_model

    bench = tiny(latency, 'qwen2_5_vl')
    layout = bench.language(bench.engine.shape).lay_out(_grm_model.ORDER)
    parts = (layout.prefix, layout.before, layout.after)
    assert [len(part.ids) for part in parts] == [306, 299, 823]
    assert sum(_grm_model.SEGMENTS) == 708


def test_guesses_save_passes_and_whole_numbers_need_none(latency: Any) -> None:
    needed = latency.passes_needed(episodes=2)
    for ways in needed.values():
        assert ways['decimals cut'] == 0 < ways['tens guessed'] < ways['no tens guessed']
    assert needed['whole numbers']['tens guessed'] < needed['one decimal']['tens guessed']


def test_a_smaller_model_keeps_its_proportions(latency: Any) -> None:
    from _grm_model import SIZES, picture_in_tokens, scaled

    for family, size in SIZES.values():
        share = picture_in_tokens(scaled(size, 4), family) / picture_in_tokens(size, family)
        assert 0.8 < share < 1.25


def test_the_bench_prints_and_keeps(
    latency: Any,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(latency.SIZES, 'grm-3b', ('qwen2_5_vl', Size()))
    file = tmp_path / 'result.json'
    words = ['--scale=1', '--steps=1', '--robots=0', '--engine=onnx', '--device=cpu']
    assert latency.main([*words, f'--json={file}']) == 0
    assert 'the same, onnx' in capsys.readouterr().out
    assert 'NaN' not in file.read_text()
