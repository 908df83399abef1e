"""Host: rounds near the best answer so far, guided by what it says of pairs and of depths.

A hot chain forgets what the weights know, a cold one does not get out of its basin. These rounds do neither: positions
run mixtures of blocks that crystallise into an order (`relaxation`), and chains anneal what is left of an order's
defects no hotter than the error calls for (`annealing`). Both begin with the best assemblies so far, and what is
known of pairs and of depths is learned anew from each (`guide`).
"""

from jaxsolve.guided.relaxation import Found
from jaxsolve.guided.rounds import guided_rounds

__all__ = ["Found", "guided_rounds"]
