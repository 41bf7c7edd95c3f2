"""What the acts of the admin ask: their forms and the fields they are made of, in unfold's clothes.

Entry points: `ActForm`, `Reason`, `Nothing`; `choices`, `day`, `instant`, `figure`, `text`.
"""

from __future__ import annotations

import unicodedata
from datetime import datetime
from enum import StrEnum
from typing import Any

from django import forms
from django.db.models import Model
from unfold.widgets import CHECKBOX_CLASSES, FILE_CLASSES, INPUT_CLASSES, SELECT_CLASSES, TEXTAREA_CLASSES

from base.core.words import words

from .services.documents import LARGEST
from .web import Visit


class ActForm(forms.Form):
    """What an act asks. obj: the row it is about, None for one about the table; visit: who asks.

    sections: headings with the names of their fields, for a form too long to be read at once.
    """

    sections: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def __init__(self, *args: Any, obj: Any, visit: Visit, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.obj, self.visit = obj, visit
        self.prepare()
        for one in self.fields.values():
            if isinstance(one, forms.FileField):
                one.widget.attrs["data-most"] = LARGEST
            if isinstance(one, forms.CharField):
                one.validators = [*one.validators, seen]
            one.widget.attrs.setdefault("class", " ".join(_classes(one.widget)))

    def prepare(self) -> None:
        """Fill in choices and first values from `obj`."""

    @property
    def groups(self) -> list[tuple[str, list[Any]]]:
        """Return the visible fields under their headings; one group without a heading where there are no sections."""
        if not self.sections:
            return [("", self.visible_fields())]
        return [(heading, [self[name] for name in names]) for heading, names in self.sections]


def seen(value: str) -> None:
    """Refuse text that holds what nobody can see: two names would look alike, or read other than they are. Raises ValidationError."""
    for place, char in enumerate(value, 1):
        if char not in "\n\r\t\0" and unicodedata.category(char) in _UNSEEN:
            raise forms.ValidationError(f"Character {place} is U+{ord(char):04X}, which nobody can see: type it without.")


_UNSEEN = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}


class Reason(ActForm):
    """An act that only needs to know why."""

    reason = forms.CharField(max_length=200, help_text="Stands in the audit trail.")


class Nothing(ActForm):
    """An act that asks nothing but the click."""


def choices(vocabulary: type[StrEnum], *, blank: bool = False) -> list[tuple[str, str]]:
    """Return the words of a vocabulary as a field's choices."""
    return ([("", "–")] if blank else []) + [(word.value, words(word)) for word in vocabulary]


def day(**options: Any) -> forms.DateField:
    """Return a field for a day."""
    return forms.DateField(widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"), input_formats=["%Y-%m-%d"], **options)


def instant(**options: Any) -> forms.DateTimeField:
    """Return a field for an instant in UTC."""
    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
    formats = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]
    return forms.DateTimeField(widget=widget, input_formats=formats, validators=[_in_our_time], **{"help_text": "UTC.", **options})


def _in_our_time(value: datetime) -> None:
    if not 1900 <= value.year < 2200:
        raise forms.ValidationError(f"{value:%Y-%m-%d} is no day of a paper: 1900-01-01 to 2199-12-31.")


def figure(model: type[Model], name: str, **options: Any) -> forms.DecimalField:
    """Return a field for a number that its column holds exactly: nothing too large for it, nothing it would round."""
    column: Any = model._meta.get_field(name)
    return forms.DecimalField(max_digits=column.max_digits, decimal_places=column.decimal_places, **options)


def text(**options: Any) -> forms.CharField:
    """Return a field for several lines."""
    return forms.CharField(widget=forms.Textarea(attrs={"rows": 5}), **options)


def _classes(widget: forms.Widget) -> list[str]:
    kinds: tuple[tuple[type[forms.Widget], list[str]], ...] = (
        (forms.CheckboxSelectMultiple, []),
        (forms.CheckboxInput, CHECKBOX_CLASSES),
        (forms.SelectMultiple, [*INPUT_CLASSES, "act-many"]),
        (forms.Select, SELECT_CLASSES),
        (forms.Textarea, TEXTAREA_CLASSES),
        (forms.FileInput, FILE_CLASSES),
    )
    return next((classes for kind, classes in kinds if isinstance(widget, kind)), INPUT_CLASSES)
