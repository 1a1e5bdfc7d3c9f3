"""Search for the settings of a detector training. Optuna is imported when a search runs."""

from facesmith.training.search.result import SearchConfig, SearchResult
from facesmith.training.search.space import Parameter, default_space, read_space, settings_of
from facesmith.training.search.study import search

__all__ = [
    "Parameter",
    "SearchConfig",
    "SearchResult",
    "default_space",
    "read_space",
    "search",
    "settings_of",
]
