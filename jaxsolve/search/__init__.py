"""Host: searches that improve an assembly."""

from jaxsolve.search.descent import Descent, Round, begin
from jaxsolve.search.local import SEARCHES, LocalSearch, descend, search_named

__all__ = ["SEARCHES", "Descent", "LocalSearch", "Round", "begin", "descend", "search_named"]
