"""Who a token is. `GET me`."""

from __future__ import annotations

from typing import ClassVar

from rest_framework.request import Request
from rest_framework.response import Response

from base.api import shapes
from base.api.schema import Operation
from base.api.views import FirmView

from .enums import Role
from .permissions import EVERYBODY

ME = shapes.record(
    {
        "firm_id": shapes.INTEGER,
        "user_id": shapes.INTEGER,
        "email": shapes.TEXT,
        "roles": shapes.many(shapes.choice(Role)),
        "token_label": shapes.TEXT,
        "token_expires_at": shapes.nullable(shapes.INSTANT),
    }
)


class Me(FirmView):
    """The person and firm of the token."""

    roles: ClassVar = {"GET": EVERYBODY}
    operations: ClassVar = {"GET": Operation("The person and firm of this token", {200: ME})}

    def get(self, request: Request) -> Response:
        """Answer what authentication has found; no query."""
        token, user = self.token, self.token.user
        answer = {"firm_id": token.firm_id, "user_id": user.pk, "email": user.email, "roles": sorted(token.roles)}
        return Response({**answer, "token_label": token.label, "token_expires_at": token.expiry})
