"""Language models, and the prompts that they are asked with."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.core.fields import SealedField
from apps.core.models import Dated, Fact, TenantOwned


class Mind(TenantOwned, Dated):
    """A language model: where it is asked, and what it costs."""

    class Protocol(models.TextChoices):
        OPENAI = "openai", "OpenAI"
        ANTHROPIC = "anthropic", "Anthropic"
        DEEPSEEK = "deepseek", "DeepSeek"

    name = models.CharField(_("name"), max_length=64)
    protocol = models.CharField(_("protocol"), max_length=16, choices=Protocol)
    base_url = models.CharField(_("address"), max_length=300)
    # What its provider calls it.
    model = models.CharField(_("model"), max_length=128)
    # Prices, sizes and times, as `engine.deciding.models` describes them.
    params = models.JSONField(_("parameters"), default=dict, blank=True)
    # To this address only: at another one it does not open.
    key = SealedField(
        _("key"), binding="mind:{row.tenant_id}:{row.name}:{row.base_url}", blank=True
    )
    key_hint = models.CharField(_("key ends in"), max_length=8, blank=True, editable=False)

    class Meta(TenantOwned.Meta):
        verbose_name = _("language model")
        verbose_name_plural = _("language models")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], name="traders_mind_once"),
        ]

    def __str__(self):
        return self.name


class Template(TenantOwned, Fact):
    """A prompt's text in one version; it is never changed, another version is another row."""

    append_only = True

    name = models.CharField(_("name"), max_length=64)
    version = models.CharField(_("version"), max_length=32)
    text = models.TextField(_("text"))
    digest = models.CharField(_("digest"), max_length=64)

    class Meta(TenantOwned.Meta):
        verbose_name = _("prompt template")
        verbose_name_plural = _("prompt templates")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "name", "version"], name="traders_template_once"
            ),
        ]

    def __str__(self):
        return f"{self.name} {self.version}"
