from .certificate.certify import Certificate as Certificate, certify as certify
from .errors import JaxsolveError as JaxsolveError
from .joint import JointConfig as JointConfig, JointSolution as JointSolution, joint_search as joint_search
from .puzzle.demo import demo_puzzle as demo_puzzle
from .puzzle.read import read_puzzle as read_puzzle
from .puzzle.types import Puzzle as Puzzle
from .puzzle.units import in_units as in_units
from .solve import Config as Config, Solution as Solution, solve as solve

__version__: str
