"""Marks what of a page is told anew while somebody looks at it."""

from django import template

register = template.Library()


class LivePart(template.Node):
    def __init__(self, name: str, content: template.NodeList) -> None:
        self.name, self.content = name, content

    def render(self, context):
        shown = self.content.render(context)
        parts = getattr(context.get("request"), "live_parts", None)
        if parts is not None:
            parts[self.name] = str(shown).strip()
        return shown


@register.tag
def live(parser, token):
    """`{% live "board" %}<div id="board" data-live>…</div>{% endlive %}`: one element, by its id.

    Everybody with the same rights is told the same: nothing in it is one person's, and no form.
    """
    _tag, name = token.split_contents()
    content = parser.parse(["endlive"])
    parser.delete_first_token()
    return LivePart(name.strip("\"'"), content)
