"""Public data sets: fetched, checked, unpacked, and found again in their folder.

Nothing of `pooch` or `requests` is imported before a file is really fetched.
"""

from facesmith.fetching.data_sets import DATA_SETS, Archive, DataSet
from facesmith.fetching.fetch import Fetched, fetch
from facesmith.fetching.layout import PublicSet, find_public_set
from facesmith.fetching.one_archive import FetchConfig, FetchedArchive

__all__ = [
    "DATA_SETS",
    "Archive",
    "DataSet",
    "FetchConfig",
    "Fetched",
    "FetchedArchive",
    "PublicSet",
    "fetch",
    "find_public_set",
]
