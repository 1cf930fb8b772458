"""The audit's vocabulary: ``noun.verb``, one constant each, with the sentence people read."""

ORDER_VIEWED = "order.viewed"
ORDERS_LISTED = "orders.listed"
ORDERS_SEARCHED = "orders.searched"
DOCUMENT_DOWNLOADED = "document.downloaded"

EVENTS = {
    ORDER_VIEWED: "Opened an order",
    ORDERS_LISTED: "Listed orders",
    ORDERS_SEARCHED: "Searched for orders",
    DOCUMENT_DOWNLOADED: "Downloaded a document",
}
"""Every event and its sentence (msgids). An event that is not here is refused by a test."""
