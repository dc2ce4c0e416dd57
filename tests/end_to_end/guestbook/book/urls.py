from django.urls import path

from entries import views

urlpatterns = [
    path("", views.page),
    path("count.json", views.count),
]
