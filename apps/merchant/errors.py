"""Why a request is not let in; each has a code of its own."""

from apps.core.errors import NotAllowed, Unauthorized


class MissingHeader(Unauthorized):
    code = "missing_header"


class BadTimestamp(Unauthorized):
    code = "bad_timestamp"


class Expired(Unauthorized):
    """The request is older, or newer, than the window; sign it anew."""

    code = "request_expired"


class WrongKey(Unauthorized):
    code = "wrong_key"


class WrongSignature(Unauthorized):
    code = "wrong_signature"


class OldSignatureRefused(Unauthorized):
    """This key takes only signatures of the whole request."""

    code = "old_signature_refused"


class KeyRevoked(Unauthorized):
    code = "key_revoked"


class TenantSuspended(Unauthorized):
    code = "tenant_suspended"


class Replayed(Unauthorized):
    """The same nonce came before; every request has one of its own."""

    code = "nonce_replayed"


class WrongNetwork(NotAllowed):
    code = "wrong_network"


class MissingScope(NotAllowed):
    code = "missing_scope"
