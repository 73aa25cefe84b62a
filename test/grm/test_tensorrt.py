"""Building, caching and running engines, with a fake TensorRT that computes in ONNX Runtime."""

import dataclasses
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from fake_tensorrt import fake_gpu, fake_tensorrt
from hypothesis import given
from hypothesis import strategies as st
from small_graph import feeds, profile, small_graph

from robo_dopamine_ros.grm import onnx_export
from robo_dopamine_ros.grm.compact.loading import load_compact
from robo_dopamine_ros.grm.onnx_runtime import OnnxRuntime
from robo_dopamine_ros.grm.protocol import ModelError
from robo_dopamine_ros.grm.tensorrt.build import build
from robo_dopamine_ros.grm.tensorrt.cache import EngineSpec, default_cache_dir, open_engine
from robo_dopamine_ros.grm.tensorrt.callbacks import BuildProgress, TensorRTLog
from robo_dopamine_ros.grm.tensorrt.environment import GIB, Gpu, import_tensorrt
from robo_dopamine_ros.types import VIEWS, TaskContext, Views

SHIPPED = Path(__file__).parents[2] / 'models' / 'grm'
BLOCK = np.ones((10, 10, 1), np.uint8)

LONG, SHORT = (
    profile((1, 3, 4), (4, 20, 40), (0, 10, 60)),
    profile((1, 3, 4), (1, 1, 3), (1, 9, 90)),
)
VERSIONS = ('10.3.0', '10.16.1.11', '11.4.0.106')


@pytest.fixture(scope='module')
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp('graphs') / 'small.onnx'
    onnx_export.write_onnx(small_graph(), path)
    return path


@pytest.fixture
def install(monkeypatch):
    """Install a fake as the module tensorrt."""

    def install(version='10.3.0', wrong=''):
        fake = fake_tensorrt(version, wrong)
        monkeypatch.setitem(sys.modules, 'tensorrt', fake)
        return fake

    return install


def silent(share, what):
    pass


def called(fake, name):
    return [words for called, *words in fake.calls if called == name]


# ---- the library


@pytest.mark.parametrize('version', VERSIONS)
def test_supported_versions(install, version):
    fake = install(version)
    assert import_tensorrt() is fake


@pytest.mark.parametrize('version', ['8.6.1', '10.2.0.post1', '12.0.0.1'])
def test_other_versions_are_refused(install, version):
    install('11.0.0').__version__ = version
    with pytest.raises(ModelError, match=f'TensorRT is {version}; it must be 10.3 or newer, and'):
        import_tensorrt()


def test_missing_tensorrt_error_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, 'tensorrt', None)
    with pytest.raises(ModelError, match='JetPack .* apt .* pip .* --system-site-packages'):
        import_tensorrt()


def test_missing_shared_libraries_are_named(monkeypatch, tmp_path):
    monkeypatch.delitem(sys.modules, 'tensorrt', raising=False)
    broken = tmp_path / 'tensorrt.py'
    broken.write_text('raise ImportError("libnvinfer.so.10: cannot open shared object file")')
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModelError, match='does not load: libnvinfer.so.10: cannot open'):
        import_tensorrt()


def test_without_a_gpu_the_torch_version_is_named():
    if torch.cuda.is_available():
        assert Gpu.current().name
    else:
        with pytest.raises(ModelError, match='needs a GPU that torch sees; this torch is '):
            Gpu.current()


# ---- building


@pytest.mark.parametrize('version', VERSIONS)
def test_types_of_the_graph_are_kept_in_every_version(install, path, version):
    fake = install(version)
    build(path, [LONG], fake_gpu(), b'', silent)
    assert called(fake, 'create_network') == [[0 if version.startswith('11') else 2]]
    assert called(fake, 'clear_flag') == [['TF32']]
    assert called(fake, 'set_memory_pool_limit') == [['WORKSPACE', 4 * GIB]]


def test_profiles_reach_the_builder(install, path):
    fake = install()
    build(path, [LONG, {**SHORT, 'an input it lacks': ((1,), (1,), (1,))}], fake_gpu(), b'', silent)
    assert called(fake, 'build') == [[[LONG, SHORT]]]


def test_parser_errors_name_the_nodes(install, path):
    install('11.4.0.106', 'parse')
    with pytest.raises(ModelError, match=r'small.onnx: TensorRT 11.4.0.106 cannot read it: ') as e:
        build(path, [LONG], fake_gpu(), b'', silent)
    assert str(e.value).count("Attention node 'node_attention_3': no importer") == 2


@pytest.mark.parametrize(
    ('wrong', 'message'),
    [
        ('start', 'TensorRT 10.3.0 does not start: CUDA initialization failure with error: 35'),
        ('memory', 'not enough memory to build it on Fake Orin: 6.0 of 8.0 GiB of the GPU are'),
        ('build', 'cannot build it on Fake Orin: Error Code 10: Could not find any implementation'),
        ('profile', 'TensorRT refuses the shapes'),
    ],
)
def test_build_failures_have_one_line_messages(install, path, wrong, message):
    install('10.3.0', wrong)
    with pytest.raises(ModelError, match=message) as error:
        build(path, [LONG], fake_gpu(), b'', silent)
    assert '\n' not in str(error.value)


@pytest.mark.parametrize('known', [b'', b'measured', b'broken', b'of another machine'])
def test_a_timing_cache_is_used_when_it_fits(install, path, known):
    fake = install()
    built = build(path, [LONG], fake_gpu(), known, silent)
    used = b'measured' if known == b'measured' else b''
    assert called(fake, 'set_timing_cache')[-1] == [used]
    assert built.timing == used + b'+'


def test_progress_grows_to_one(install, path):
    install()
    told = []
    build(path, [LONG], fake_gpu(), b'', lambda share, what: told.append((share, what)))
    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert max(shares[:-1]) < 1.0
    assert {what for _, what in told} == {'building small'}


def test_ctrl_c_in_the_middle_ends_the_build(install, path):
    install()

    def impatient(share, what):
        if share > 0.3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(path, [LONG], fake_gpu(), b'', impatient)


phases = st.lists(
    st.one_of(
        st.tuples(st.just('start'), st.sampled_from('abc'), st.sampled_from([None, *'abc'])),
        st.tuples(st.just('step'), st.sampled_from('abc'), st.integers(0, 5)),
        st.tuples(st.just('finish'), st.sampled_from('abc'), st.none()),
    )
)


@given(phases)
def test_the_fraction_never_decreases(events):
    seen, last = BuildProgress(), 0.0
    for kind, phase, more in events:
        if kind == 'start' and more != phase and not (phase < (more or '~') and more):
            seen.start(phase, more, 3)
        elif kind == 'step':
            assert last <= seen.step(phase, more) <= 1.0
            last = seen.fraction
        elif kind == 'finish':
            seen.finish(phase)


def test_out_of_memory_is_recognised():
    assert TensorRTLog(['Requested size', 'Error Code 2: OutOfMemory (no']).out_of_memory()
    assert TensorRTLog(['CUDA error: out of memory']).out_of_memory()
    assert not TensorRTLog(['no implementation']).out_of_memory()


# ---- running


@pytest.mark.parametrize('version', VERSIONS)
@pytest.mark.parametrize(('batch', 'rows', 'before'), [(3, 20, 10), (1, 4, 0), (3, 1, 24)])
def test_an_engine_computes_what_the_graph_does(
    install, path, tmp_path, version, batch, rows, before
):
    install(version)
    engine = open_engine(EngineSpec(path, (LONG, SHORT)), silent, tmp_path, fake_gpu())
    given = {**feeds(batch, rows, before, seed=rows), 'more': torch.zeros(1)}
    expected = OnnxRuntime(path).run(given)
    found = engine.run(given)
    assert found.keys() == expected.keys()
    for name, out in found.items():
        assert torch.equal(out, expected[name])


def test_the_profile_with_the_nearest_usual_shape_is_used(install, path, tmp_path):
    fake = install()
    engine = open_engine(EngineSpec(path, (LONG, SHORT)), silent, tmp_path, fake_gpu())
    for rows, before in ((20, 10), (1, 9), (1, 9), (10, 2)):
        engine.run(feeds(3, rows, before))
    stream = fake_gpu().stream
    assert called(fake, 'set_optimization_profile_async') == [[1, stream], [0, stream]]
    assert called(fake, 'execute_async_v3') == [[stream]] * 4


def test_misaligned_and_non_contiguous_tensors_are_copied(install, path, tmp_path):
    install()
    engine = open_engine(EngineSpec(path, (LONG,)), silent, tmp_path, fake_gpu())
    given = feeds(2, 5, 3)
    apart = {name: torch.cat((one, one))[len(one) :] for name, one in given.items()}
    turned = {**given, 'x': given['x'].transpose(0, 1).contiguous().transpose(0, 1)}
    for feed in (apart, turned):
        for name, out in engine.run(feed).items():
            assert torch.equal(out, OnnxRuntime(path).run(given)[name])


def test_shapes_it_was_not_built_for_are_refused(install, path, tmp_path):
    install()
    engine = open_engine(EngineSpec(path, (LONG,)), silent, tmp_path, fake_gpu())
    with pytest.raises(ValueError, match=r'not built for the shapes x \(5, 4, 4\), index'):
        engine.run(feeds(5, 4, 0))


def test_another_type_is_refused(install, path, tmp_path):
    install()
    engine = open_engine(EngineSpec(path, (LONG,)), silent, tmp_path, fake_gpu())
    given = feeds(1, 4, 0)
    with pytest.raises(ValueError, match=r'x is torch.float16; .*small.onnx takes torch.float32'):
        engine.run({**given, 'x': given['x'].half()})


def test_an_execution_error_is_raised(install, path, tmp_path):
    install(wrong='execute')
    engine = open_engine(EngineSpec(path, (LONG,)), silent, tmp_path, fake_gpu())
    with pytest.raises(RuntimeError, match='small.onnx: TensorRT: an illegal memory access'):
        engine.run(feeds(1, 4, 0))


@pytest.mark.parametrize(
    ('wrong', 'message'),
    [
        ('load', 'not enough memory to load its engine: 6.0 of 8.0'),
        ('context', 'to run its engine'),
    ],
)
def test_an_engine_too_large_for_the_gpu(install, path, tmp_path, wrong, message):
    install(wrong=wrong)
    with pytest.raises(ModelError, match=message):
        open_engine(EngineSpec(path, (LONG,)), silent, tmp_path, fake_gpu())


# ---- caching


def builds(fake):
    return len(called(fake, 'build'))


def test_an_engine_is_built_once(install, path, tmp_path):
    fake = install()
    for _ in range(2):
        open_engine(EngineSpec(path, (LONG,)), silent, tmp_path, fake_gpu()).run(feeds(1, 4, 0))
    assert builds(fake) == 1
    names = sorted(file.name for file in tmp_path.iterdir())
    plan = next(name for name in names if name.endswith('.plan'))
    assert plan.startswith('small-fp32-')
    assert len(names) == 3
    assert not [name for name in names if name.startswith('.')]
    card = json.loads((tmp_path / plan).with_suffix('.json').read_text())
    assert (card['tensorrt'], card['gpu'], card['sm']) == ('10.3.0', 'Fake Orin', '8.7')
    assert card['graph'] == onnx_export.graph_hash(path)


def test_the_timing_cache_is_passed_to_the_next_build(install, path, tmp_path):
    fake = install()
    open_engine(EngineSpec(path, (LONG,)), silent, tmp_path, fake_gpu())
    open_engine(EngineSpec(path, (SHORT,)), silent, tmp_path, fake_gpu())
    assert called(fake, 'set_timing_cache') == [[b''], [b'+']]


@pytest.mark.parametrize('other', ['gpu', 'sm', 'version', 'graph', 'precision', 'profiles'])
def test_every_field_of_the_key_makes_another_engine(install, path, tmp_path, other):
    recipe, gpu = EngineSpec(path, (LONG,)), fake_gpu()
    fake = install()
    open_engine(recipe, silent, tmp_path, gpu)
    changed = {
        'graph': {'sha256': 'another'},
        'precision': {'precision': 'fp8'},
        'profiles': {'profiles': (LONG, SHORT)},
    }.get(other, {})
    gpu = {'gpu': fake_gpu('Fake Thor'), 'sm': fake_gpu(sm='11.0')}.get(other, gpu)
    later = install('10.16.1') if other == 'version' else fake
    before = builds(later)
    open_engine(dataclasses.replace(recipe, **changed), silent, tmp_path, gpu)
    assert builds(later) == before + 1
    assert len(list(tmp_path.glob('*.plan'))) == 2


@pytest.mark.parametrize(
    'harm', ['truncate', 'empty', 'no card', 'broken card', 'scramble', 'gone']
)
def test_a_damaged_engine_is_built_again(install, path, tmp_path, harm):
    fake = install()
    recipe = EngineSpec(path, (LONG,))
    open_engine(recipe, silent, tmp_path, fake_gpu())
    (plan,) = tmp_path.glob('*.plan')
    whole = plan.read_bytes()
    if harm == 'gone':
        plan.unlink()
    elif harm == 'no card':
        plan.with_suffix('.json').unlink()
    elif harm == 'broken card':
        plan.with_suffix('.json').write_text('[]')
    else:
        kept = {'truncate': whole[:-9], 'empty': b'', 'scramble': whole[::-1]}[harm]
        plan.write_bytes(kept)
    engine = open_engine(recipe, silent, tmp_path, fake_gpu())
    assert engine.run(feeds(1, 4, 0))
    assert builds(fake) == 2
    open_engine(recipe, silent, tmp_path, fake_gpu())
    assert builds(fake) == 2


def test_a_build_that_fails_leaves_nothing(install, path, tmp_path):
    install(wrong='build')
    with pytest.raises(ModelError):
        open_engine(EngineSpec(path, (LONG,)), silent, tmp_path, fake_gpu())
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_named(install, path, tmp_path):
    install()
    (tmp_path / 'file').touch()
    with pytest.raises(ModelError, match='the engine cannot be kept: .*XDG_CACHE_HOME'):
        open_engine(EngineSpec(path, (LONG,)), silent, tmp_path / 'file' / 'folder', fake_gpu())


def test_engines_are_in_the_cache_folder_of_the_user(monkeypatch, tmp_path):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    assert default_cache_dir() == tmp_path / 'robo_dopamine' / 'tensorrt'
    monkeypatch.delenv('XDG_CACHE_HOME')
    assert default_cache_dir().parts[-3:] == ('.cache', 'robo_dopamine', 'tensorrt')


# ---- the compact GRM


def test_the_compact_grm_is_the_same_through_its_engines(install, monkeypatch, tmp_path):
    fake = install()
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    monkeypatch.setattr(Gpu, 'current', fake_gpu)
    told = []
    model = load_compact(SHIPPED, 'tensorrt', report=lambda share, what: told.append((share, what)))
    assert builds(fake) == 2
    assert [share for share, _ in told] == sorted(share for share, _ in told)
    assert {what for _, what in told} == {'building see', 'building compare'}
    other, start = load_compact(SHIPPED, 'onnx'), scene(0)
    for one in (model, other):
        one.reset(TaskContext('', start))
    for index in range(1, 4):
        assert model.step(scene(index)) == other.step(scene(index))
    assert load_compact(SHIPPED, 'tensorrt').step
    assert builds(fake) == 2


def scene(seed):
    chance = np.random.default_rng(seed)
    images = {view: np.kron(chance.integers(0, 255, (6, 8, 3), np.uint8), BLOCK) for view in VIEWS}
    return Views(images, dict.fromkeys(VIEWS, seed))
