"""The tables. Import from here: ``from app.models import Order``."""

from app.models.audit import AuditEntry
from app.models.base import metadata
from app.models.orders import (
    Document,
    DocumentContent,
    License,
    Order,
    OrderEvent,
    OrderItem,
    OrderParameter,
    OrderRelation,
    RawSnapshot,
    RefundRequest,
    Subscription,
)
from app.models.people import Group, OneTimeToken, Person, RateHit, RecoveryCode, Role, UserSession
from app.models.stores import ApiToken, ApiTokenStore, DeliveryBan, Store, StoredSearch, StoreGrant, TeamStore
from app.models.work import Action, Heartbeat, Mail, MetricCount, PeriodicTask, PlatformToken, WebhookDelivery

STORE_SCOPED = (
    Order, OrderItem, License, Subscription, OrderRelation, OrderParameter, Document, DocumentContent, OrderEvent,
    RawSnapshot, RefundRequest, Action, Mail, WebhookDelivery, DeliveryBan, TeamStore,
)  # fmt: skip
"""Tables whose rows belong to a store by ``store_id``: the session narrows every statement on them."""

__all__ = [
    "STORE_SCOPED", "Action", "ApiToken", "ApiTokenStore", "AuditEntry", "DeliveryBan", "Document",
    "DocumentContent", "Group", "Heartbeat", "License", "Mail", "MetricCount", "OneTimeToken", "Order", "OrderEvent",
    "OrderItem", "OrderParameter", "OrderRelation", "PeriodicTask", "Person", "PlatformToken", "RateHit",
    "RawSnapshot", "RecoveryCode", "RefundRequest", "Role", "Store", "StoreGrant", "StoredSearch", "Subscription",
    "TeamStore", "UserSession", "WebhookDelivery", "metadata",
]  # fmt: skip
