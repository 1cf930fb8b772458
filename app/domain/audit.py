"""The audit's vocabulary: ``noun.verb``, one constant each, with the sentence people read."""

ORDER_VIEWED = "order.viewed"
ORDERS_LISTED = "orders.listed"
ORDERS_SEARCHED = "orders.searched"
DOCUMENT_DOWNLOADED = "document.downloaded"
ORDER_ERASED = "order.erased"

EVENTS = {
    ORDER_VIEWED: "Opened an order",
    ORDERS_LISTED: "Listed orders",
    ORDERS_SEARCHED: "Searched for orders",
    DOCUMENT_DOWNLOADED: "Downloaded a document",
    ORDER_ERASED: "Erased a customer's personal data",
}
"""Every event and its sentence (msgids). An event that is not here is refused by a test."""
