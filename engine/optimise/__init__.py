"""Optimisation: which parameters would have done best, and how much of that is luck."""

from engine.optimise.afar import Afar, Parcel, Sign
from engine.optimise.chunks import answers_of, chunks_of, run_chunk
from engine.optimise.journal import FileJournal, Journal
from engine.optimise.judge import Doubt, Judgement, judge
from engine.optimise.methods import METHODS
from engine.optimise.objective import FIGURES, Objective
from engine.optimise.optimise import Optimised, optimise
from engine.optimise.search import Ended, Evaluate, Progress, Search, search
from engine.optimise.space import space_of
from engine.optimise.spread import spread
from engine.optimise.study import Study, check_days
from engine.optimise.surface import Surface, surface_of
from engine.optimise.trial import Asked, Trial
from engine.optimise.walk import WalkForward, Window, walk_forward

__all__ = [
    "FIGURES",
    "METHODS",
    "Afar",
    "Asked",
    "Doubt",
    "Ended",
    "Evaluate",
    "FileJournal",
    "Journal",
    "Judgement",
    "Objective",
    "Optimised",
    "Parcel",
    "Progress",
    "Search",
    "Sign",
    "Study",
    "Surface",
    "Trial",
    "WalkForward",
    "Window",
    "answers_of",
    "check_days",
    "chunks_of",
    "judge",
    "optimise",
    "run_chunk",
    "search",
    "space_of",
    "spread",
    "surface_of",
    "walk_forward",
]
