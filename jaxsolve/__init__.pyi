from .certificate.certify import Certificate as Certificate, certify as certify
from .errors import (
    AnswerError as AnswerError,
    JaxsolveError as JaxsolveError,
    OutOfMemoryError as OutOfMemoryError,
    OutputError as OutputError,
    PuzzleError as PuzzleError,
    UsageError as UsageError,
)
from .experiment.search import JointConfig as JointConfig, JointSolution as JointSolution, joint_search as joint_search
from .formats.limits import Limits as Limits
from .puzzle.demo import demo_puzzle as demo_puzzle
from .puzzle.read import read_puzzle as read_puzzle
from .puzzle.types import Puzzle as Puzzle
from .puzzle.units import in_units as in_units
from .puzzle.write import read_answer as read_answer, write_puzzle as write_puzzle
from .run.observer import (
    Growth as Growth,
    Label as Label,
    Observer as Observer,
    Pass as Pass,
    Progress as Progress,
)
from .run.run import Run as Run
from .solver.config import Config as Config
from .solver.reordering import Reordered as Reordered, Reordering as Reordering, reorder as reorder
from .solver.solution import Solution as Solution
from .solver.solve import solve as solve

__version__: str
