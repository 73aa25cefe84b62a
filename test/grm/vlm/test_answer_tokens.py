"""The answer tokens of a tokenizer, and tokenizers without them."""

import json

import pytest
from tokenizers import Tokenizer

from robo_dopamine_ros.grm.protocol import ModelError
from robo_dopamine_ros.grm.vlm.query.answer_tokens import SYMBOLS, AnswerTokens
from robo_dopamine_ros.grm.vlm.random_checkpoint import make_tokenizer

NEEDED = [
    *('<', 'score', '>+', '>-', '>', '%</', '.', *'0123456789'),
    *('<|image_pad|>', '<|vision_start|>', '<|vision_end|>', '<|im_end|>'),
]


def without(word: str) -> Tokenizer:
    """A tokenizer that never heard of a token."""
    facts = json.loads(make_tokenizer().to_str())
    model = facts['model']
    if word in model['vocab']:
        model['vocab'][f'no {word}'] = model['vocab'].pop(word)
    model['merges'] = [
        (first, second)
        for first, second in model['merges']
        if word not in (first, second, first + second)
    ]
    facts['added_tokens'] = [
        token | {'content': 'other'} if token['content'] == word else token
        for token in facts['added_tokens']
    ]
    return Tokenizer.from_str(json.dumps(facts))


def test_answers_are_made_of_these_tokens() -> None:
    tokenizer = make_tokenizer()
    tokens = AnswerTokens.of(tokenizer)
    written = tokenizer.encode('<score>+42.5%</score>').ids
    assert written == [*tokens.opening, *map(tokens.token_id, '+42.5%'), *written[-2:]]
    assert len(set(tokens.ids)) == len(tokens.ids) == len(SYMBOLS)
    assert tokenizer.encode('<|vision_start|><|image_pad|><|vision_end|><|im_end|>').ids == [
        *(tokens.vision_start, tokens.image, tokens.vision_end, tokens.end)
    ]


@pytest.mark.parametrize('word', NEEDED)
def test_a_tokenizer_without_one_of_them_is_refused_by_name(word: str) -> None:
    with pytest.raises(ModelError, match='no token') as told:
        AnswerTokens.of(without(word))
    assert repr(word) in str(told.value)


@pytest.mark.parametrize('word', ['33', '</score', '>+1'])
def test_a_tokenizer_that_parts_answers_otherwise_is_refused(word: str) -> None:
    tokenizer = make_tokenizer()
    tokenizer.add_tokens([word])
    with pytest.raises(ModelError, match='parts .* into .*the published one') as told:
        AnswerTokens.of(tokenizer)
    assert word in str(told.value)
