"""The OpenAPI description, drawn from the same declarations that check the snapshots."""

from __future__ import annotations

import dataclasses
import functools
import typing
from typing import Any

import orjson
from flask import Response

from app.actions.snapshots import public_fields, unfold
from app.api import api
from app.domain import snapshot as limits
from app.domain.currencies import CODES
from app.domain.orders import FILTER_STATUSES, MAX_ID, Delivery, Status
from app.domain.snapshot import MAX_SNAPSHOTS, Result, Snapshot

TITLE = "ESupport Portal: orders"


@api.get("/openapi.json")
def openapi() -> Response:
    """The description, for people and for tools."""
    return Response(_text(), mimetype="application/json")


@functools.cache
def _text() -> bytes:
    return orjson.dumps(description())


def description() -> dict[str, Any]:
    """The whole description as a value."""
    schemas: dict[str, Any] = {}
    snapshot = _object(Snapshot, schemas)
    schemas["Order"] = _order(schemas)
    schemas["Results"] = _results()
    schemas["Error"] = {
        "type": "object",
        "required": ["error"],
        "properties": {
            "error": {
                "type": "object",
                "required": ["code", "message"],
                "properties": {"code": {"type": "integer"}, "message": {"type": "string"}},
            }
        },
    }
    return {
        "openapi": "3.0.3",
        "info": {"title": TITLE, "version": "1"},
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "paths": {
            "/api/v1/orders": {"post": _post(snapshot)},
            "/api/v1/orders/{order_id}": {"get": _get()},
        },
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _post(snapshot: dict[str, Any]) -> dict[str, Any]:
    many = {"type": "array", "items": snapshot, "maxItems": MAX_SNAPSHOTS}
    return {
        "operationId": "recordOrders",
        "summary": "Record one order, or up to 500",
        "description": "One transaction for each order. The same or an older version is unchanged.",
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"anyOf": [snapshot, many]}}},
        },
        "responses": {
            "200": _answer("What became of each order", "Results"),
            "400": _answer("The body is no JSON, or not of this kind", "Error"),
            **_common(),
            "413": _answer("More than 8 MB", "Error"),
        },
    }


def _get() -> dict[str, Any]:
    order_id = {"type": "integer", "format": "int64", "minimum": 1, "maximum": MAX_ID}
    return {
        "operationId": "getOrder",
        "summary": "One order as the portal knows it",
        "parameters": [{"name": "order_id", "in": "path", "required": True, "schema": order_id}],
        "responses": {
            "200": _answer("The order", "Order"),
            **_common(),
            "404": _answer("No such order in the token's stores", "Error"),
        },
    }


def _common() -> dict[str, Any]:
    return {
        "401": _answer("No valid token", "Error"),
        "429": _answer("Too many calls without a valid token", "Error"),
    }


def _answer(text: str, schema: str) -> dict[str, Any]:
    return {"description": text, "content": {"application/json": {"schema": {"$ref": _ref(schema)}}}}


def _ref(name: str) -> str:
    return f"#/components/schemas/{name}"


def _results() -> dict[str, Any]:
    error = {
        "type": "object",
        "required": ["field", "message"],
        "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
    }
    one = {
        "type": "object",
        "required": ["order_id", "result", "errors"],
        "properties": {
            "order_id": {"type": "integer", "format": "int64", "nullable": True},
            "result": {"type": "string", "enum": [r.value for r in Result]},
            "errors": {"type": "array", "items": error},
        },
    }
    return {"type": "object", "required": ["results"], "properties": {"results": {"type": "array", "items": one}}}


def _order(schemas: dict[str, Any]) -> dict[str, Any]:
    """The answer: the snapshot's fields and what the portal adds. An order that only webhooks have told of has no
    version, and the currency in their words."""
    fields = dict(schemas["Snapshot"]["properties"])
    fields["version"] = {**fields["version"], "nullable": True}
    fields["currency"] = {"type": "string", "pattern": "^[A-Z]{3}$"}
    fields["customer"] = {"type": "object"}
    fields["status"] = {"type": "string", "enum": [s.value for s in Status]}
    fields["statuses"] = {"type": "array", "items": {"type": "string", "enum": list(FILTER_STATUSES)}}
    fields["delivery"] = {"type": "string", "enum": [d.value for d in Delivery]}
    text = {"type": "string", "nullable": True}
    action = {
        "id": {"type": "integer"},
        "kind": {"type": "string"},
        "subject": {"type": "string"},
        "state": {
            "type": "string",
            "enum": ["waiting", "running", "done", "refused", "attention", "withdrawn"],
        },
        "reason": text,
        "created": text,
        "finished": text,
    }
    fields["actions"] = {
        "type": "array",
        "items": {"type": "object", "required": list(action), "properties": action},
    }
    return {"type": "object", "required": list(fields), "properties": fields}


def _object(cls: type, schemas: dict[str, Any]) -> dict[str, Any]:
    """A reference to the schema of a part; the schema itself is added to the others."""
    if cls.__name__ not in schemas:
        schemas[cls.__name__] = {}
        required = []
        fields = {}
        for field, hint in public_fields(cls):
            fields[field.name] = _schema(hint, schemas)
            if field.default is dataclasses.MISSING:
                required.append(field.name)
        schemas[cls.__name__] = {"type": "object", "required": required, "properties": fields}
    return {"$ref": _ref(cls.__name__)}


def _schema(hint: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    inner, limit, nullable = unfold(hint)
    if typing.get_origin(inner) is tuple:
        one = _schema(typing.get_args(inner)[0], schemas)
        found: dict[str, Any] = {"type": "array", "items": one, "maxItems": limit.most}
    elif dataclasses.is_dataclass(inner):
        found = _object(typing.cast(type, inner), schemas)
        return {"allOf": [found], "nullable": True} if nullable else found
    elif inner is bool:
        found = {"type": "boolean"}
    else:
        found = _value(limit)
    if nullable:
        found = {**found, "nullable": True}
        if "enum" in found:
            found["enum"] = [*found["enum"], None]
    return found


def _value(limit: Any) -> dict[str, Any]:
    match limit:
        case limits.Text(most=most, least=least, pattern=pattern):
            found: dict[str, Any] = {"type": "string", "maxLength": most, "minLength": least}
            return {**found, "pattern": pattern} if pattern else found
        case limits.Whole(least=least, most=most):
            return {"type": "integer", "format": "int64", "minimum": least, "maximum": most}
        case limits.Amount():
            return {"type": "string", "pattern": r"^[0-9]{1,15}(\.[0-9]{1,8})?$"}
        case limits.Moment():
            return {"type": "string", "format": "date-time"}
        case limits.Day():
            return {"type": "string", "format": "date"}
        case limits.OneOf(words=words):
            return {"type": "string", "enum": list(words)}
        case limits.StatusWord():
            return {"type": "string", "enum": [*Status, "not paid"]}
        case limits.Currency():
            return {"type": "string", "enum": sorted(CODES)}
        case limits.Base64():
            return {"type": "string", "format": "byte"}
    raise TypeError(limit)
