"""How numbers are written on the pages: one style for all tables."""

from __future__ import annotations

import re


def written(form: str, number: float) -> str:
    """A number in a format, as this course writes numbers.

    A proper minus sign, a blank between thousands (12 345) and before the per-cent sign, and 2.3e-8 or 3e11 where the format has an exponent.
    """
    text = re.sub(r"^-", "−", form.format(number))
    text = re.sub(r"(?<=\d),(?=\d{3})", " ", text)
    text = re.sub(r"e[+-]00$", "", text)
    text = re.sub(r"e([+-])0*(?=\d)", lambda found: "e" + found[1].strip("+"), text)
    return re.sub(r"(?<=\d)%", " %", text)


def rounded(number: float, digits: int) -> str:
    """A number to so many significant digits, a large one without an exponent: 1 276 000, 12.3, 0.0046."""
    return written("{:,.15g}", float(f"{number:.{digits}g}"))
