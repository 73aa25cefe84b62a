"""The tokens that answers are made of, and that pictures stand between."""

from dataclasses import dataclass

from tokenizers import Tokenizer

from robo_dopamine_ros.reward.grm import ModelError

SYMBOLS = '+->%.0123456789'  # what an answer is chosen from, in the order of its logits
WRITTEN = {'+': '>+', '-': '>-', '>': '>', '%': '%</'}  # as the vocabulary has them, else alike
EXAMPLES = {  # answers and the symbols they must fall into; s is the word 'score'
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
    ids: tuple[int, ...]  # of SYMBOLS: what logits are about
    image: int  # stands for one language token of a picture
    vision_start: int
    vision_end: int
    end: int  # of a turn

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> 'AnswerTokens':
        """Look them up; ModelError naming the token or the answer that is not as published."""

        def known(word: str) -> int:
            token = tokenizer.token_to_id(word)
            if token is None:
                raise ModelError(f'the tokenizer has no token {word!r}; it is not that of a GRM')
            return int(token)

        tokens = cls(
            (known('<'), known('score')),
            tuple(known(WRITTEN.get(symbol, symbol)) for symbol in SYMBOLS),
            known('<|image_pad|>'),
            known('<|vision_start|>'),
            known('<|vision_end|>'),
            known('<|im_end|>'),
        )
        tokens._check(tokenizer)
        return tokens

    def of_symbol(self, symbol: str) -> int:
        """Token id of one of SYMBOLS."""
        return self.ids[SYMBOLS.index(symbol)]

    def _check(self, tokenizer: Tokenizer) -> None:
        """Refuse a tokenizer that writes answers in other pieces."""
        pieces = dict(zip('<s' + SYMBOLS, self.opening + self.ids, strict=True))
        for answer, symbols in EXAMPLES.items():
            found = tokenizer.encode(answer, add_special_tokens=False)
            if found.ids != [pieces[symbol] for symbol in symbols]:
                raise ModelError(
                    f'the tokenizer parts {answer!r} into {found.tokens}; '
                    'a GRM needs the pieces of the published one'
                )
