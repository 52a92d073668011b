"""Every error a user of the package can cause or meet, as one family.

The message of each says what was wrong, where, and what is allowed, so that a
command line or a log can print it alone, without a traceback.
"""


class ShopLLMError(Exception):
    """Base of all errors raised on purpose by this package."""


class SettingsError(ShopLLMError):
    """A settings file has a wrong key or value."""


class CatalogError(ShopLLMError):
    """A product feed cannot be read as it is."""


class KnowledgeError(ShopLLMError):
    """A folder of knowledge pages cannot be read as it is."""


class EncoderError(ShopLLMError):
    """A sentence encoder cannot be found, loaded or exported."""


class IndexUnusableError(ShopLLMError):
    """An index is missing, incomplete, damaged or made by another encoder."""


class IndexBusyError(ShopLLMError):
    """An index cannot be changed, for another process is changing it."""


class VectorServerError(ShopLLMError):
    """A vector database cannot be reached or does not do what it was asked."""


class ClusterError(ShopLLMError):
    """A cluster that was asked for work is missing, not reached or has failed."""


class SearchError(ShopLLMError):
    """A search was asked for with values that are not allowed."""


class ShopDataError(ShopLLMError):
    """Customers or orders cannot be read or stored."""


class RecommendationError(ShopLLMError):
    """What was learned from events is missing or damaged, or there is nothing to learn from."""


class GenerationError(ShopLLMError):
    """A generation backend gave no usable reply."""


class TrainingDataError(ShopLLMError):
    """The texts that the embedded generator is trained on cannot be read."""


class UnsureError(GenerationError):
    """A generation backend leaves the reply to the next one: nothing failed, but it would not be sure of its own."""


class DemoError(ShopLLMError):
    """The demo cannot start or go on."""
