"""The fake of TensorRT has no more than the real module, where that is installed."""

import importlib

import pytest
from fake_tensorrt import NAMES, STRONGLY_TYPED, fake_tensorrt


@pytest.mark.parametrize('version', ['10.3.0', '11.4.0'])
def test_the_fake_has_no_more_than_the_bindings(version):
    fake = fake_tensorrt(version)
    for kind, names in NAMES.items():
        found = {name for name in vars(getattr(fake, kind)) if not name.startswith('_')}
        assert found <= names | {'NONE'}, kind


def test_unknown_attributes_are_refused():
    fake = fake_tensorrt()
    with pytest.raises(AttributeError):
        _ = fake.Builder.build_engine
    with pytest.raises(AttributeError):
        _ = fake.BuilderFlag.FP16
    config = fake.IBuilderConfig()
    with pytest.raises(AttributeError, match='max_workspace_size'):
        config.max_workspace_size = 1


def test_the_real_module_has_all_of_it():
    real = pytest.importorskip('tensorrt', exc_type=ImportError)
    for kind, names in NAMES.items():
        assert hasattr(real, kind)
        for name in names:
            assert hasattr(getattr(real, kind), name), f'{kind}.{name}'
    major = int(real.__version__.split('.')[0])
    assert int(real.NetworkDefinitionCreationFlag.STRONGLY_TYPED) == STRONGLY_TYPED[major]
    assert importlib.import_module('tensorrt') is real
