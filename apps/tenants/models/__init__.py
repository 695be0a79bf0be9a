"""The rows of a tenant: itself and who logs in for it, its app keys, its policy,
its webhooks."""

from apps.tenants.models.app_key import AppKey
from apps.tenants.models.policy import Policy
from apps.tenants.models.tenant import Tenant
from apps.tenants.models.user import Login, LoginFailure, RecoveryCode, User
from apps.tenants.models.webhook import Delivery, Endpoint, Event

__all__ = [
    "AppKey",
    "Delivery",
    "Endpoint",
    "Event",
    "Login",
    "LoginFailure",
    "Policy",
    "RecoveryCode",
    "Tenant",
    "User",
]
