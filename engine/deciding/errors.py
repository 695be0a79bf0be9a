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
