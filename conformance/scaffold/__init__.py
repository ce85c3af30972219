"""A new protocol to begin with: a commented declaration, vectors and a test that passes, from a few answers."""

from conformance.scaffold.answers import Answers, Question, ScaffoldError, questions
from conformance.scaffold.create import Created, create, refuse_name

__all__ = ["Answers", "Created", "Question", "ScaffoldError", "create", "questions", "refuse_name"]
