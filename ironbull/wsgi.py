"""What the web server calls for every request."""

import os
import re

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ironbull.settings")

CHARSET = re.compile(r""";\s*charset\*?\s*=\s*("[^"]*"|[^;]*)""", re.IGNORECASE)
django_application = get_wsgi_application()


def application(environ, start_response):
    # Addresses and bodies are UTF-8. Nobody signs a Content-Type, and one that names another
    # charset would make other words of what was signed.
    environ["CONTENT_TYPE"] = CHARSET.sub("", environ.get("CONTENT_TYPE", ""))
    return django_application(environ, start_response)
