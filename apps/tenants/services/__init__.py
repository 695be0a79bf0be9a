"""The verbs of tenants, one file for each thing they have."""

from apps.tenants.services.app_keys import (
    ACCESS,
    change_app_key,
    create_app_key,
    note_use,
    revoke_app_key,
    rotate_app_key,
)
from apps.tenants.services.logins import (
    change_password,
    end_login,
    keep_password,
    login_of,
    note_seen,
    refresh_login,
    sign_in,
    start_login,
    start_page_login,
)
from apps.tenants.services.policies import set_policy
from apps.tenants.services.second_factor import (
    begin_second_factor,
    check_second_factor,
    confirm_second_factor,
    has_second_factor,
    needs_second_factor,
    remove_second_factor,
    show_second_factor,
)
from apps.tenants.services.tenants import rename_tenant, resume_tenant, suspend_tenant
from apps.tenants.services.tries import refuse_locked
from apps.tenants.services.users import (
    change_user,
    create_user,
    disable_user,
    enable_user,
    reset_second_factor,
    set_time_zone,
)
from apps.tenants.services.webhooks import (
    create_endpoint,
    pause_endpoint,
    replay_delivery,
    resume_endpoint,
    rotate_endpoint_secret,
    tell,
    tell_many,
)

__all__ = [
    "ACCESS",
    "begin_second_factor",
    "change_app_key",
    "change_password",
    "change_user",
    "check_second_factor",
    "confirm_second_factor",
    "create_app_key",
    "create_endpoint",
    "create_user",
    "disable_user",
    "enable_user",
    "end_login",
    "has_second_factor",
    "keep_password",
    "login_of",
    "needs_second_factor",
    "note_seen",
    "note_use",
    "pause_endpoint",
    "refresh_login",
    "refuse_locked",
    "remove_second_factor",
    "rename_tenant",
    "replay_delivery",
    "reset_second_factor",
    "resume_endpoint",
    "resume_tenant",
    "revoke_app_key",
    "rotate_app_key",
    "rotate_endpoint_secret",
    "set_policy",
    "set_time_zone",
    "show_second_factor",
    "sign_in",
    "start_login",
    "start_page_login",
    "suspend_tenant",
    "tell",
    "tell_many",
]
