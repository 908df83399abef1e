"""Host: searches that improve an assembly."""

from jaxsolve.search.local import SEARCHES, Descent, LocalSearch, Round, begin, descend, search_named

__all__ = ["SEARCHES", "Descent", "LocalSearch", "Round", "begin", "descend", "search_named"]
