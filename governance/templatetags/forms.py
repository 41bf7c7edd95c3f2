"""Fields of forms in the house's look: `{% load forms %}`, `{{ field|input }}`."""

from __future__ import annotations

from django import template
from django.forms import BoundField, CheckboxInput
from django.utils.safestring import SafeString

register = template.Library()


@register.filter
def input(field: BoundField) -> SafeString:  # what a template calls it
    """Return the field's control with the class of its kind, without a placeholder: the label says it."""
    attrs: dict[str, str | bool] = {"placeholder": ""}
    if not is_check(field):
        attrs["class"] = "input"
    if field.errors:
        attrs["aria-invalid"] = "true"
    return field.as_widget(attrs=attrs)


@register.filter
def is_check(field: BoundField) -> bool:
    """Tell whether the field is a tick."""
    return isinstance(field.field.widget, CheckboxInput)
