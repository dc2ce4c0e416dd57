"""Where the pages are."""

from django.urls import path

from counter import views

urlpatterns = [
    path("", views.page, name="page"),
    path("count.json", views.count, name="count"),
    path("healthz", views.healthz, name="healthz"),
]
