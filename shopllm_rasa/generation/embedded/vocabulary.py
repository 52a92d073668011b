"""The closed list of words that the generator may write by itself, and its control tokens."""

from collections.abc import Sequence

ANSWER, YES, NO, ASK, DECLINE, END = "<answer>", "<yes>", "<no>", "<ask>", "<decline>", "<end>"
CONTROLS = (ANSWER, YES, NO, ASK, DECLINE, END)


class Vocabulary:
    """Control tokens, then words; what is beyond is copied and has a number for the one source alone.

    Args:
        words: the closed list, without the control tokens.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self.tokens = (*CONTROLS, *words)
        self._ids = {token: number for number, token in enumerate(self.tokens)}

    def __len__(self) -> int:
        return len(self.tokens)

    def __contains__(self, key: str) -> bool:
        return key in self._ids

    def id_of(self, token: str) -> int:
        """The number of a token of the list."""
        return self._ids[token]

    def extended(self, keys: Sequence[str]) -> tuple[list[int], list[str]]:
        """Numbers for the units of one source (the extended vocabulary of See et al., 2017).

        Args:
            keys: each position's unit; an empty text for a mark.

        Returns:
            The number at each position: of the list where the unit is in it, else beyond the list, the same for the
            same unit; a mark has one of its own. And the keys of the numbers beyond.
        """
        beyond: list[str] = []
        known: dict[str, int] = {}
        numbers = []
        for position, key in enumerate(keys):
            if key in self._ids:
                numbers.append(self._ids[key])
                continue
            name = key or f"<mark {position}>"
            if name not in known:
                known[name] = len(self) + len(beyond)
                beyond.append(name)
            numbers.append(known[name])
        return numbers, beyond
