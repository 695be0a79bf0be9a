"""Why a mind comes to no decision."""

from engine.errors import EngineError


class BadAnswer(EngineError):
    """An answer is none, and nothing of it is done: `field` breaks `rule`."""

    code = "bad_answer"

    def __init__(self, field: str, rule: str, told: str) -> None:
        # Both may be the model's own words: they are for one line of a log.
        self.field, self.rule = shown(field), rule
        super().__init__(f"{self.field or 'answer'}: {told}", field=self.field, rule=rule)


def shown(text: str, length: int = 80) -> str:
    """A stranger's text, short and on one line."""
    return ascii(text[:length])[1:-1]


class BadTemplate(EngineError):
    """A prompt's template cannot be used; no trader begins with it."""

    code = "bad_template"


class ModelError(EngineError):
    """A model did not answer."""

    code = "model_error"


class ModelBusy(ModelError):
    """Nothing was done, and nothing is owed; it can be asked again after a while."""

    code = "model_busy"

    def __init__(self, message: str, *, after_seconds: int = 0, **context: object) -> None:
        super().__init__(message, **context)
        self.after_seconds = after_seconds


class ModelUnclear(ModelError):
    """It may have answered, and may want money for it, but no answer arrived that can be read."""

    code = "model_unclear"


class ModelRefused(ModelError):
    """It will never answer this: a bad key, an unknown model, a request that it does not take."""

    code = "model_refused"


class OverBudget(EngineError):
    """A call could cost more than is left; it was not made."""

    code = "over_budget"


class ChangedRecord(EngineError):
    """A journal is not as it was written; nothing of it counts from there on."""

    code = "changed_record"


class JournalBusy(EngineError):
    """Another process writes this journal, or it cannot be written; no decision is acted on."""

    code = "journal_busy"


class BadTrades(EngineError):
    """A file of trades is none, or contradicts itself or what is known; nothing of it is taken."""

    code = "bad_trades"
