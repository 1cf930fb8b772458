"""From raw JSON to a snapshot: every error with its field, and the raw record kept (contract.md 4).

The limits are declared in ``app/domain/snapshot.py``; here they become a pydantic-core schema once, at import,
so that the checking itself runs in compiled code. Nothing in the input can raise anything but ``SnapshotErrors``.
"""

from __future__ import annotations

import base64
import dataclasses
import functools
import json
import types
import typing
import zlib
from collections.abc import Callable
from typing import Any

import orjson
from pydantic_core import PydanticCustomError, SchemaValidator, ValidationError, core_schema

from app.domain import snapshot as limits
from app.domain.currencies import CODES
from app.domain.orders import MAX_ID, Status, read_status
from app.domain.snapshot import FieldError, Snapshot, SnapshotErrors, cross_errors

MAX_ERRORS = 100
_FAST = 1  # zlib level: half the size at a fifth of the time of the best

_MOMENT = r"^(?:19|20|21)[0-9]{2}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}.{0,16}(?:[Zz]|[+-][0-9]{2}:?[0-9]{2})$"
_AMOUNT = r"^[0-9]{1,16}(?:\.[0-9]{1,8})?$"


class BadJson(ValueError):
    """The text is no JSON."""


def read_json(data: bytes) -> Any:
    """The value of a JSON text in UTF-8. Raises BadJson, whatever is wrong with it.

    Lone surrogates are let through: the field that holds one is named later.
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        if b"\\u" not in data:
            raise BadJson(str(error)) from None
    try:
        return json.loads(data.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise BadJson("too deep" if isinstance(error, RecursionError) else str(error)) from None


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def parse_snapshot(raw: object, received: bytes | None = None) -> Snapshot:
    """The snapshot a JSON value holds. ``received`` is its text, where the caller has it.

    Raises SnapshotErrors with every field that does not hold.
    """
    try:
        snapshot = _VALIDATOR.validate_python(raw)
    except ValidationError as error:
        raise SnapshotErrors(_named(error, raw), _order_id(raw)) from None
    found = list(cross_errors(snapshot))
    if found:
        raise SnapshotErrors(found[:MAX_ERRORS], snapshot.order_id)
    complete = functools.partial(object.__setattr__, snapshot)
    complete("raw", zlib.compress(_dumped(raw, snapshot.order_id) if received is None else received, _FAST))
    complete("create_date_raw", raw["create_date"])  # type: ignore[index]
    complete("unknown", count_unknown(raw))
    return snapshot


def _dumped(raw: object, order_id: int) -> bytes:
    try:
        return orjson.dumps(raw)
    except (TypeError, ValueError):  # an unknown field: too deep for orjson, a lone surrogate, a number beyond 64 bits
        try:
            return json.dumps(raw).encode()
        except (TypeError, ValueError, RecursionError):
            raise SnapshotErrors([FieldError("", "is nested too deeply")], order_id) from None


def _order_id(raw: object) -> int | None:
    found = raw.get("order_id") if isinstance(raw, dict) else None
    return found if type(found) is int and 0 < found <= MAX_ID else None


# --- unknown fields ------------------------------------------------------------------------------------------------


def count_unknown(raw: object) -> int:
    """How many fields of a valid snapshot the portal does not know; they stay in the raw record."""
    return _count(raw, Snapshot)


def _count(raw: Any, cls: type) -> int:
    known, parts = _fields_of(cls)
    total = 0 if known.issuperset(raw) else len(raw.keys() - known)
    for name, part, many in parts:
        value = raw.get(name)
        if not value:
            continue
        total += sum(_count(one, part) for one in value) if many else _count(value, part)
    return total


@functools.cache
def _fields_of(cls: type) -> tuple[frozenset[str], tuple[tuple[str, type, bool], ...]]:
    parts = []
    for field, hint in public_fields(cls):
        inner, _limit, _null = unfold(hint)
        many = typing.get_origin(inner) is tuple
        part = typing.get_args(inner)[0] if many else inner
        if dataclasses.is_dataclass(part):
            parts.append((field.name, typing.cast(type, part), many))
    return frozenset(field.name for field, _hint in public_fields(cls)), tuple(parts)


# --- the schema ----------------------------------------------------------------------------------------------------


def public_fields(cls: type) -> list[tuple[dataclasses.Field[Any], Any]]:
    """The fields that stand in the JSON, each with its annotation."""
    hints = typing.get_type_hints(cls, include_extras=True)
    return [(f, hints[f.name]) for f in dataclasses.fields(cls) if not f.metadata.get("internal")]


def unfold(hint: Any) -> tuple[Any, Any, bool]:
    """An annotation taken apart: the bare type, its limit (or None), and whether it may be null."""
    limit = None
    nullable = False
    while True:
        if typing.get_origin(hint) is typing.Annotated:
            limit = limit or hint.__metadata__[0]
            hint = hint.__origin__
        elif isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
            nullable = True
            (hint,) = [a for a in typing.get_args(hint) if a is not type(None)]
        else:
            return hint, limit, nullable


def _custom(schema: Any, message: str) -> Any:
    return core_schema.custom_error_schema(schema, "portal", custom_error_message=message)


def _dataclass(cls: type) -> Any:
    fields = []
    for field, hint in public_fields(cls):
        schema = _schema(hint)
        if field.default is not dataclasses.MISSING:
            schema = core_schema.with_default_schema(schema, default=field.default)
        fields.append(core_schema.dataclass_field(field.name, schema, kw_only=True))
    args = core_schema.dataclass_args_schema(cls.__name__, fields)
    return core_schema.dataclass_schema(cls, args, [f.name for f, _hint in public_fields(cls)], slots=True)


def _schema(hint: Any) -> Any:
    inner, limit, nullable = unfold(hint)
    if typing.get_origin(inner) is tuple:
        one = _schema(typing.get_args(inner)[0])
        schema: Any = core_schema.tuple_schema([one], variadic_item_index=0, max_length=limit.most)
    elif dataclasses.is_dataclass(inner):
        schema = _dataclass(typing.cast(type, inner))
    elif inner is bool:
        schema = core_schema.bool_schema(strict=True)
    else:
        schema = _LIMITS[type(limit)](limit, nullable)
    return core_schema.nullable_schema(schema) if nullable else schema


def _text(limit: limits.Text, nullable: bool) -> Any:
    # Two checks in a row, so that NUL and a wrong form are told apart; an optional text may be empty.
    clean = core_schema.str_schema(strict=True, max_length=limit.most, min_length=0 if nullable else limit.least)
    if limit.pattern is None:
        return core_schema.chain_schema([clean, _NO_NUL])
    pattern = f"^(?:{limit.pattern[1:-1]})?$" if nullable else limit.pattern
    return core_schema.chain_schema([
        clean, _NO_NUL, _custom(core_schema.str_schema(pattern=pattern), f"must be {limit.what}")
    ])  # fmt: skip


def _moment(_limit: limits.Moment, _nullable: bool) -> Any:
    text = core_schema.str_schema(strict=True, max_length=40, pattern=_MOMENT)
    schema = core_schema.chain_schema([text, core_schema.datetime_schema(tz_constraint="aware")])
    return _custom(schema, "must be an ISO 8601 date and time with an offset, from 1900 to 2199")


def _day(_limit: limits.Day, _nullable: bool) -> Any:
    def cut(value: Any) -> Any:
        return value[:10] if isinstance(value, str) and value[10:11] in ("", "T", "t", " ") else None

    text = core_schema.str_schema(strict=True, pattern=r"^(?:19|20|21)[0-9]{2}-[0-9]{2}-[0-9]{2}$")
    schema = core_schema.chain_schema([text, core_schema.date_schema()])
    return _custom(core_schema.no_info_before_validator_function(cut, schema), "must be an ISO 8601 date")


def _amount(limit: limits.Amount, _nullable: bool) -> Any:
    schema = core_schema.chain_schema([
        core_schema.str_schema(strict=True, max_length=40, pattern=_AMOUNT), core_schema.decimal_schema(le=limit.most)
    ])  # fmt: skip
    return _custom(schema, f"must be a decimal text like 118.00, from 0 to {limit.most:,}")


def _one_of(limit: limits.OneOf, _nullable: bool) -> Any:
    return _custom(core_schema.literal_schema(list(limit.words)), f"must be one of {', '.join(limit.words)}")


def _status(_limit: limits.StatusWord, _nullable: bool) -> Any:
    def read(value: Any) -> Status:
        found = read_status(value) if isinstance(value, str) else None
        if found is None:
            raise PydanticCustomError("portal", "must be one of {words}", {"words": ", ".join(Status)})
        return found

    return core_schema.no_info_plain_validator_function(read)


def _base64(_limit: limits.Base64, _nullable: bool) -> Any:
    def read(value: Any) -> bytes:
        try:
            if isinstance(value, str):
                return base64.b64decode(value, validate=True)
        except ValueError:
            pass
        raise PydanticCustomError("portal", "must be base64")

    return core_schema.no_info_plain_validator_function(read)


_NO_NUL = _custom(core_schema.str_schema(pattern=r"^[^\x00]*\z"), "must not contain a NUL character")
_LIMITS: dict[type, Callable[[Any, bool], Any]] = {
    limits.Text: _text,
    limits.Whole: lambda limit, _n: core_schema.int_schema(strict=True, ge=limit.least, le=limit.most),
    limits.Amount: _amount,
    limits.Moment: _moment,
    limits.Day: _day,
    limits.OneOf: _one_of,
    limits.Currency: lambda _limit, _n: _custom(
        core_schema.literal_schema(sorted(CODES)), "must be a currency code of ISO 4217"
    ),
    limits.StatusWord: _status,
    limits.Base64: _base64,
}
_VALIDATOR = SchemaValidator(_schema(Snapshot))

# --- errors in words -----------------------------------------------------------------------------------------------

_WORDS: dict[str, str] = {
    "missing": "is missing",
    "dataclass_type": "must be an object",
    "tuple_type": "must be a list",
    "too_long": "has more than {max_length} entries",
    "string_type": "must be a text",
    "string_unicode": "contains a lone surrogate, which is no text",
    "string_too_long": "is longer than {max_length} characters",
    "string_too_short": "must not be empty",
    "int_type": "must be a whole number",
    "bool_type": "must be true or false",
    "greater_than_equal": "must be {ge} or more",
    "less_than_equal": "must be {le} or less",
}


def _named(error: ValidationError, raw: object) -> list[FieldError]:
    found = []
    for one in error.errors(include_url=False, include_input=False)[:MAX_ERRORS]:
        words = _WORDS.get(one["type"])
        message = words.format(**one.get("ctx", {})) if words else one["msg"]
        if one["loc"] and one["type"] != "missing" and _value_at(raw, one["loc"]) is None:
            message = "is missing"  # null where a value is needed
        found.append(FieldError(field_path(one["loc"]), message))
    return found


def _value_at(raw: Any, loc: tuple[int | str, ...]) -> object:
    for part in loc:
        try:
            raw = raw[part]
        except (KeyError, IndexError, TypeError):
            return raw
    return raw


def field_path(loc: tuple[int | str, ...]) -> str:
    """``("items", 0, "quantity")`` as people write it: ``items[0].quantity``."""
    path = ""
    for part in loc:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    return path
