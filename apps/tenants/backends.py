"""How users are known: by their password, unless too many wrong ones came; and by their role."""

from django.contrib.auth.backends import ModelBackend
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from apps.core.middleware import address_of
from apps.tenants import roles
from apps.tenants.errors import LockedOut
from apps.tenants.models import Tenant
from apps.tenants.services.second_factor import has_second_factor
from apps.tenants.services.tries import begin_try, fail_try, take_back


class HouseBackend(ModelBackend):
    def authenticate(self, request, username=None, password=None, **kwargs):
        if username is None or password is None:
            return None
        source = address_of(request) if request else ""
        try:
            counted = begin_try(username=username, source=source, now=timezone.now())
        except LockedOut as error:
            # No other backend is asked.
            raise PermissionDenied(error.message) from error
        user = super().authenticate(request, username=username, password=password, **kwargs)
        if user is None:
            fail_try(counted)
        else:
            # With a second factor, guesses of its code are counted on.
            take_back(counted, forget=not has_second_factor(user))
        return user

    def user_can_authenticate(self, user) -> bool:
        of_suspended = user.tenant_id and user.tenant.status != Tenant.Status.ACTIVE
        return super().user_can_authenticate(user) and not of_suspended

    def has_perm(self, user_obj, perm, obj=None) -> bool:
        if not user_obj.is_active:
            return False
        return roles.may(user_obj, perm) or super().has_perm(user_obj, perm, obj)

    def has_module_perms(self, user_obj, app_label) -> bool:
        if not user_obj.is_active:
            return False
        return roles.may_in(user_obj, app_label) or super().has_module_perms(user_obj, app_label)
