"""Access tokens: good for half an hour, and for as long as the login that they belong to."""

from datetime import UTC, datetime, timedelta

import jwt
from django.conf import settings

from apps.tenants.errors import LoginEnded
from apps.tenants.models import Login

LIFETIME = timedelta(minutes=30)
ALGORITHM = "HS256"
AUDIENCE = "platform"


def access_token(login: Login, *, now: datetime) -> str:
    claims = {
        "sub": str(login.user_id),
        "login": login.pk,
        "aud": AUDIENCE,
        "iat": now,
        "exp": now + LIFETIME,
    }
    return jwt.encode(claims, settings.SECRET_KEY, algorithm=ALGORITHM)


def login_id_of(token: str, *, now: datetime) -> int:
    """The login that a token was given to; one that is forged or too old is refused."""
    try:
        claims = jwt.decode(
            token,
            settings.SECRET_KEY,
            # Named here, so that a token cannot choose how it is checked.
            algorithms=[ALGORITHM],
            audience=AUDIENCE,
            options={"require": ["exp", "aud", "sub", "login"], "verify_exp": False},
        )
        if datetime.fromtimestamp(claims["exp"], UTC) <= now:
            raise LoginEnded("the access token is older than half an hour: refresh it")
        return int(claims["login"])
    except (jwt.InvalidTokenError, ValueError, TypeError, OverflowError) as error:
        raise LoginEnded("the access token is not one of ours") from error
