from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robo_dopamine_ros.data.errors import EpisodeError
from robo_dopamine_ros.data.natural_order import natural, numbered


@given(st.sets(st.integers(0, 10**12), min_size=1), st.sampled_from(['', 'f_', 'rgb-']))
def test_numbers_order_names(numbers: set[int], prefix: str) -> None:
    ordered = numbered([Path(f'/e/front/{prefix}{number}.png') for number in numbers])
    assert [path.name for path in ordered] == [f'{prefix}{n}.png' for n in sorted(numbers)]


@given(st.lists(st.text('ab01.-_', min_size=1, max_size=6), min_size=1, max_size=8, unique=True))
def test_any_names_are_ordered_alike_in_any_order_or_refused(names: list[str]) -> None:
    paths = [Path(f'/e/front/{name}.png') for name in names]
    try:
        ordered = numbered(paths)
    except EpisodeError:
        with pytest.raises(EpisodeError):
            numbered(paths[::-1])
        return
    assert sorted(ordered) == sorted(paths)
    assert numbered(paths[::-1]) == ordered


@given(st.lists(st.text('ab01/', min_size=1, max_size=6), max_size=8, unique=True))
def test_natural_order_is_one_order(names: list[str]) -> None:
    paths = [Path(name) for name in names]
    assert [str(p) for p in natural(paths)] == [str(p) for p in natural(paths[::-1])]
    assert natural(map(Path, ['e10', 'e9', 'e1', 'd'])) == list(map(Path, ['d', 'e1', 'e9', 'e10']))
