"""The tokens of answers, and those around images."""

from dataclasses import dataclass

from tokenizers import Tokenizer

from robo_dopamine_ros.grm.protocol import ModelError

SYMBOLS = '+->%.0123456789'  # of answers, in the order of the logits
TOKEN_TEXTS = {
    '+': '>+',
    '-': '>-',
    '>': '>',
    '%': '%</',
}  # in the vocabulary, where it differs from the symbol
CHECKED_ANSWERS = {  # answer -> the symbols it must be tokenised into; s is the word 'score'
    '<score>+33%</score>': '<s+33%s>',
    '<score>-5.5%</score>': '<s-5.5%s>',
    '<score>0%</score>': '<s>0%s>',
    '<score>0.0%</score>': '<s>0.0%s>',
    '<score>+100%</score>': '<s+100%s>',
    '<score>-9876.1234%</score>': '<s-9876.1234%s>',
}


@dataclass(frozen=True)
class AnswerTokens:
    """Token ids of one tokenizer."""

    opening: tuple[int, int]  # '<' and 'score', before every answer
    ids: tuple[int, ...]  # of SYMBOLS, in the order of the logits
    image: int  # one language token of an image
    vision_start: int
    vision_end: int
    end: int  # of a turn

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> 'AnswerTokens':
        """Look up the ids; ModelError for a tokenizer that differs from the published ones."""

        def token_id(word: str) -> int:
            token = tokenizer.token_to_id(word)
            if token is None:
                raise ModelError(f'the tokenizer has no token {word!r}; it is not that of a GRM')
            return int(token)

        tokens = cls(
            (token_id('<'), token_id('score')),
            tuple(token_id(TOKEN_TEXTS.get(symbol, symbol)) for symbol in SYMBOLS),
            token_id('<|image_pad|>'),
            token_id('<|vision_start|>'),
            token_id('<|vision_end|>'),
            token_id('<|im_end|>'),
        )
        tokens._check(tokenizer)
        return tokens

    def token_id(self, symbol: str) -> int:
        """Token id of one of SYMBOLS."""
        return self.ids[SYMBOLS.index(symbol)]

    def _check(self, tokenizer: Tokenizer) -> None:
        """Raise ModelError for a tokenizer that splits answers differently."""
        pieces = dict(zip('<s' + SYMBOLS, self.opening + self.ids, strict=True))
        for answer, symbols in CHECKED_ANSWERS.items():
            found = tokenizer.encode(answer, add_special_tokens=False)
            if found.ids != [pieces[symbol] for symbol in symbols]:
                raise ModelError(
                    f'the tokenizer parts {answer!r} into {found.tokens}; '
                    'a GRM needs the pieces of the published one'
                )
