"""Every JSON door answers a refusal as {code, message, context}, with the field's name."""

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404
from rest_framework import exceptions, serializers
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from apps.core import errors


class Inner(serializers.Serializer):
    price = serializers.DecimalField(max_digits=8, decimal_places=2)


class Asked(serializers.Serializer):
    name = serializers.CharField(max_length=5)
    fills = Inner(many=True, required=False)

    def validate(self, asked):
        if asked["name"] == "root":
            raise serializers.ValidationError("that name is taken")
        return asked


def answered(raised=None, data=None, **settings):
    """What a client sees of a view that raises, or that is sent this data."""

    class View(APIView):
        authentication_classes = ()
        permission_classes = ()

        def post(self, request):
            if raised:
                raise raised
            Asked(data=request.data).is_valid(raise_exception=True)

    request = APIRequestFactory().post("/", data or {}, format="json")
    return View.as_view()(request)


@pytest.mark.parametrize(
    ("raised", "status", "code", "message", "context"),
    [
        (errors.DomainError("no"), 400, "refused", "no", {}),
        (errors.BadInput("bad", field="age"), 400, "bad_input", "bad", {"field": "age"}),
        (errors.NotFound("no member", member=7), 404, "not_found", "no member", {"member": "7"}),
        (errors.Conflict("taken"), 409, "conflict", "taken", {}),
        (errors.KeyReused("again", key="k"), 409, "key_reused", "again", {"key": "k"}),
        (errors.NotAllowed("no"), 403, "not_allowed", "no", {}),
        (errors.LimitReached("full"), 429, "limit_reached", "full", {}),
        (Http404("x"), 404, "not_found", None, {}),
        (PermissionDenied(), 403, "not_allowed", None, {}),
        (exceptions.ParseError(), 400, "bad_input", None, {}),
        (exceptions.NotAuthenticated(), 403, "not_authenticated", None, {}),
        (exceptions.MethodNotAllowed("POST"), 405, "method_not_allowed", None, {}),
        (exceptions.UnsupportedMediaType("x"), 415, "unsupported_media_type", None, {}),
        (exceptions.Throttled(3), 429, "throttled", None, {}),
        (ValidationError("no points"), 400, "bad_input", "no points", {"": "no points"}),
        (
            ValidationError({"credits": ["never floats"]}),
            400,
            "bad_input",
            "credits: never floats",
            {"credits": "never floats"},
        ),
    ],
)
def test_a_refusal_is_answered(raised, status, code, message, context):
    response = answered(raised)
    assert response.status_code == status
    assert set(response.data) == {"code", "message", "context"}
    assert response.data["code"] == code
    assert response.data["context"] == context
    assert response.data["message"] == message or (message is None and response.data["message"])


@pytest.mark.parametrize(
    ("data", "fields"),
    [
        ({}, {"name"}),
        ({"name": "too long a name"}, {"name"}),
        ({"name": "a", "fills": [{"price": "1.00"}, {"price": "x"}]}, {"fills.1.price"}),
        ({"name": "a" * 9, "fills": [{}]}, {"name", "fills.0.price"}),
        ({"name": "a", "fills": "x"}, {"fills"}),
        ({"name": "root"}, {""}),
    ],
)
def test_bad_input_names_its_fields(data, fields):
    response = answered(data=data)
    assert response.status_code == 400
    assert response.data["code"] == "bad_input"
    assert set(response.data["context"]) == fields
    assert all(isinstance(reason, str) for reason in response.data["context"].values())
    assert response.data["message"]


def test_a_throttled_caller_is_told_when_to_come_back():
    assert answered(exceptions.Throttled(3)).headers["Retry-After"] == "3"


def test_a_fault_is_not_answered_as_a_refusal():
    with pytest.raises(ZeroDivisionError):
        answered(ZeroDivisionError())
