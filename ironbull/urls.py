from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("i18n/", include("django.conf.urls.i18n")),
    path("admin/", include("apps.console.urls")),
    path("admin/", admin.site.urls),
    path("", include("apps.arena.urls")),
    path("", include("apps.intake.urls")),
    path("", include("apps.monitoring.urls")),
    path("", include("apps.merchant.urls")),
    path("", include("apps.platform.urls")),
]

handler400 = "ironbull.faults.bad_request"
handler500 = "ironbull.faults.server_error"
