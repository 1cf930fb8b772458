"""How commands say that something was refused: in words on stderr, with exit code 1."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

from app.domain.refusal import Invalid, NotFound, Refused


@contextmanager
def refusals_in_words() -> Iterator[None]:
    """Turn refusals of actions into click's errors."""
    try:
        yield
    except Invalid as invalid:
        lines = [f"{name}: {refusal.english()}" for name, found in invalid.errors.items() for refusal in found]
        raise click.ClickException("\n".join(lines)) from None
    except Refused as refused:
        raise click.ClickException(refused.refusal.english()) from None
    except NotFound:
        raise click.ClickException("There is no such thing.") from None
