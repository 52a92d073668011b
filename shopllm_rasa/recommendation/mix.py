"""How the views of what suits a customer are mixed."""

from dataclasses import dataclass, fields

import numpy as np


@dataclass(frozen=True)
class Mix:
    """Shares of the four views in a score; they add up to 1.

    Attributes:
        content: likeness, by vectors, to what the customer cared for.
        neighbours: customers who cared for the same products also cared for this one.
        collaborative: nearness in the collaborative model.
        popularity: recent demand, or the customers' ratings where there are no events.
    """

    content: float = 0.4
    neighbours: float = 0.2
    collaborative: float = 0.2
    popularity: float = 0.2

    def towards_content(self, share: float) -> "Mix":
        """A mix of which a share is content and the rest as here."""
        parts = {name: (1 - share) * getattr(self, name) for name in PARTS}
        return Mix(**{**parts, "content": parts["content"] + share})

    def values(self) -> np.ndarray:
        """The shares in the order of `PARTS`."""
        return np.array([getattr(self, name) for name in PARTS], np.float32)


PARTS = tuple(field.name for field in fields(Mix))

# Where there is nothing but the catalogue to go by.
WITHOUT_EVENTS = Mix(content=0.85, neighbours=0.0, collaborative=0.0, popularity=0.15)
