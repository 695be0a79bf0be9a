"""What goes wrong outside of every rule is told in the words of the face that was asked."""

from http import HTTPStatus

from django.views import defaults

from apps.core.errors import BadParameter, DomainError
from apps.merchant.v1.envelope import face as merchant
from apps.merchant.v2.problem import face as merchant_v2
from apps.platform.face import face as platform

# The longest prefix first.
FACES = (merchant_v2, merchant, platform)


class Fault(DomainError):
    """Something went wrong here; nothing is known of what was done."""

    code = "fault"
    http_status = HTTPStatus.INTERNAL_SERVER_ERROR


def face_of(request):
    return next((face for face in FACES if request.path_info.startswith(f"/{face.prefix}/")), None)


def server_error(request):
    face = face_of(request)
    if face is None:
        return defaults.server_error(request)
    return face.refused(Fault("something went wrong here; it was written down"))


def bad_request(request, exception):
    face = face_of(request)
    if face is None:
        return defaults.bad_request(request, exception)
    return face.refused(BadParameter("the request cannot be read", field="request"))
