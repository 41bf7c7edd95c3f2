from django.apps import AppConfig


class MamwebConfig(AppConfig):
    name = "mamweb"
