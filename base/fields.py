"""Exact number columns. PostgreSQL's numeric accepts NaN, and NaN passes CHECK (q > 0); these columns refuse it (CON-1)."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from django.db import models

from .core.words import words


class ExactField(models.DecimalField):
    """A decimal of 28 digits that is never NaN or infinite, whichever way it is written."""

    places = 8

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_digits", 28)
        kwargs.setdefault("decimal_places", self.places)
        super().__init__(*args, **kwargs)

    def db_check(self, connection: Any) -> str:
        return f"\"{self.column}\" <> 'NaN'"


class QuantityField(ExactField):
    """Units of an instrument: shares, lots × contract size, coins."""


class MoneyField(ExactField):
    """An amount of a currency. Eight places hold every currency's minor unit, crypto assets included."""


class PriceField(ExactField):
    """A price in the instrument's quote currency."""

    places = 10


class RateField(ExactField):
    """A ratio: 0.02 is 2%."""

    places = 10


class CodeField(models.CharField):
    """A member of a closed vocabulary; the database refuses any other word, `""` excepted where `blank`."""

    def __init__(self, vocabulary: type[StrEnum] | None = None, *args: Any, codes: list[str] | None = None, **kwargs: Any) -> None:
        self.codes = codes if codes is not None else [str(member) for member in vocabulary or ()]
        kwargs.setdefault("max_length", 32)
        super().__init__(*args, **kwargs)

    @property
    def flatchoices(self) -> list[tuple[str, str]]:  # type: ignore[override]
        """Return each code with its words: what the admin shows. Nothing is validated by it."""
        return [(code, words(code)) for code in self.codes]

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, {**kwargs, "codes": self.codes}

    def db_check(self, connection: Any) -> str:
        codes = [*self.codes, ""] if self.blank else self.codes
        return f'"{self.column}" IN ({", ".join(f"{code!r}" for code in codes)})'
