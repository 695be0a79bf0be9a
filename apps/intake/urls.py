"""The door that alerts come in by."""

from django.http import JsonResponse
from django.urls import path
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from apps.core.errors import DomainError, NotFound
from apps.intake.models import Incoming, Intake
from apps.intake.services import hear

HTTP_STATUS = {Incoming.Outcome.PUBLISHED: 202, Incoming.Outcome.REFUSED: 422}


@csrf_exempt
@require_POST
def alert(request, token):
    """Hear one alert: 202 published, 200 nothing to trade, 422 refused with its field and rule."""
    try:
        intake = Intake.objects.filter(token=token).first()
        if intake is None:
            raise NotFound("no such intake")
        heard = hear(
            intake=intake,
            body=request.body,
            header_secret=request.headers.get("X-Intake-Secret", ""),
            now=timezone.now(),
        )
    except DomainError as error:
        told = {"code": error.code, "message": error.message, "field": error.context.get("field")}
        answer = JsonResponse(told, status=error.http_status)
        if "retry_after" in error.context:
            answer["Retry-After"] = error.context["retry_after"]
        return answer
    told = {"alert": str(heard.pk), "outcome": heard.outcome, "read_as": heard.read_as}
    if heard.problem:
        told |= {"message": heard.problem, "field": heard.field or None}
    return JsonResponse(told, status=HTTP_STATUS.get(heard.outcome, 200))


urlpatterns = [path("intake/<slug:token>", alert, name="intake")]
