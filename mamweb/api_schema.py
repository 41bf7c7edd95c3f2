"""The API's description of itself, and what stands where there is nothing."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.generators import SchemaGenerator
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from base.api.schema import Operation
from base.api.shapes import ANY_OBJECT
from base.api.views import FirmView
from governance.permissions import EVERYBODY


class SchemaView(FirmView):
    """OpenAPI 3, for whoever holds a token."""

    roles: ClassVar = {"GET": EVERYBODY}
    operations: ClassVar = {"GET": Operation("This description, as OpenAPI 3", {200: ANY_OBJECT})}
    described: ClassVar[dict[str, Any] | None] = None

    def get(self, request: Request) -> Response:
        """Answer the document; it is the same for everybody and made once."""
        if SchemaView.described is None:
            SchemaView.described = SchemaGenerator(urlconf="mamweb.urls").get_schema(request=None, public=True)
        return Response(SchemaView.described)


class NoSuchAddress(FirmView):
    """Every other address: 404 for whoever holds a token, 401 for everybody else."""

    http_method_names = ["get", "head", "post", "put", "patch", "delete", "options"]
    roles: ClassVar = dict.fromkeys(("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"), EVERYBODY)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse, once it is known who asks."""
        self.perform_authentication(request)
        self.check_permissions(request)
        raise NotFound("no such address")

    def get(self, request: Request) -> Response:
        """Stand for every method; `initial` has refused before."""
        raise NotFound("no such address")

    post = put = patch = delete = get
    options = get  # type: ignore[assignment]
