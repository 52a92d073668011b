"""Tells which words of a message are typos of words in the catalogue's names."""

from collections.abc import Collection, Mapping, Sequence

from shopllm_rasa.catalog.vocabulary import normal_word
from shopllm_rasa.spelling.english import SHOP_TALK, english_words, likely_words
from shopllm_rasa.spelling.similar_words import MAX_LOOKUPS, SimilarWords, is_comparable


class TypoMender:
    """Replaces typos by the words they stand for.

    A word that is right is no typo, be it the catalogue's or plain English ("while" is not "white"). Neither is
    a word that is nearer to such a word than to a name ("adress" is not "dress").

    Args:
        names: words of names as people write them, to what they are compared as: "kettles" to "kettle".
        words: other words of the catalogue.
    """

    def __init__(self, names: Mapping[str, str], words: Collection[str]) -> None:
        self._names = {word: normal for word, normal in names.items() if is_comparable(word)}
        self._known = {*names, *words, *english_words(), *SHOP_TALK}
        self._similar = SimilarWords(self._known, likely_words().union(self._names))

    def mend(self, written: Sequence[str], normal: Sequence[str]) -> list[str]:
        """Gives the words of a message, the typos among them mended.

        Args:
            written: the words in lower case.
            normal: the same words as `normal_word` gives them.

        Returns:
            `normal`, with a name's word in place of each typo of one.
        """
        mended: dict[str, str] = {}
        for word, plain in zip(written, normal, strict=True):
            is_typo = (is_comparable(word) or is_comparable(plain)) and not {word, plain} & self._known
            if is_typo and word not in mended and len(mended) < MAX_LOOKUPS:
                mended[word] = self._meant(word, plain)
        return [mended.get(word, plain) for word, plain in zip(written, normal, strict=True)]

    def _meant(self, word: str, plain: str) -> str:
        # "lapms" is near "lamps", "kettel's" near "kettle": the one keeps a plural, the other loses it.
        nearest = self._similar.nearest(word)
        if nearest is None and plain != word:
            nearest = self._similar.nearest(plain)
        if nearest is None:
            return plain
        return self._names.get(nearest) or self._names.get(normal_word(nearest)) or plain
