"""Host: single searches by name, and sweeps of them, from a puzzle to a judged answer."""

from jaxsolve.experiment.search import JointConfig, JointSolution, Stored, guessed, joint_search

__all__ = ["JointConfig", "JointSolution", "Stored", "guessed", "joint_search"]
