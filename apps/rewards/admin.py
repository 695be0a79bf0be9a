"""Profit pools and what became of them."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from apps.core.admin import FactAdmin
from apps.rewards.models import Pool, Reward


@admin.register(Pool)
class PoolAdmin(FactAdmin):
    list_display = ["created_at", "tenant", "charge", "amount"]
    list_filter = ["created_at", "tenant"]
    search_fields = ["charge__member__email"]
    list_select_related = ["charge__member"]
    leads_to = [(_("Rewards"), "rewards_reward", "pool__id__exact")]


@admin.register(Reward)
class RewardAdmin(FactAdmin):
    list_display = ["created_at", "tenant", "member", "kind", "rate", "amount", "pool", "transfer"]
    list_filter = ["kind", "created_at", "tenant"]
    search_fields = ["member__email"]
    list_select_related = ["pool__charge__member"]
