"""What every request gets: a content policy on the way out, and an actor for the audit trail."""

from apps.core import audit

# Unfold's templates carry inline Alpine expressions and handlers; nothing comes from another host.
POLICY = "; ".join(
    [
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    ]
)


def content_security(get_response):
    def middleware(request):
        response = get_response(request)
        response.headers.setdefault("Content-Security-Policy", POLICY)
        return response

    return middleware


def audit_actor(get_response):
    def middleware(request):
        user = request.user
        name = user.get_username() if user.is_authenticated else "anonymous"
        with audit.acting(name, source=request.META.get("REMOTE_ADDR", "")):
            return get_response(request)

    return middleware
