"""A decision of the desk is about the request that was shown, and the same one again is once (contract.md 2)."""

import pytest

from app.actions import desk, refunds
from app.domain.refusal import Refused
from app.models import OrderItem, RefundRequest
from tests.actions.refund_support import ask
from tests.actions.support import NOW, actor, counts, one, rows, run

TWO = [{"amount": "100.00"}, {"amount": "18.00"}]
DECISIONS = [
    (desk.complete, {"result": "full", "remove_codes": True}),
    (desk.complete, {"result": "partial", "item_ids": ["i2"]}),
    (desk.complete, {"result": "partial", "item_ids": ["i1", "i2"]}),
    (desk.refuse, {"comment": "Used for\r\na year "}),
]


@pytest.mark.parametrize(("decision", "options"), DECISIONS)
def test_the_same_decision_by_the_same_person_is_once(app, make, ann, boss, decision, options):
    order_id = make.order(items=TWO)
    ask(app, ann, order_id)
    shown = one(app, RefundRequest).id
    first = run(app, boss, decision, order_id, now=NOW, shown=shown, **options)
    before = counts(app)
    assert run(app, boss, decision, order_id, now=NOW, shown=shown, **options) == first
    assert counts(app) == before


@pytest.mark.parametrize(("decision", "options"), DECISIONS)
def test_a_colleagues_decision_comes_too_late(app, make, ann, boss, decision, options):
    order_id = make.order(items=TWO)
    ask(app, ann, order_id)
    shown = one(app, RefundRequest).id
    run(app, boss, decision, order_id, now=NOW, shown=shown, **options)
    other = actor(app, make.person("second@example.org", role="Admin"))
    before = counts(app)
    with pytest.raises(Refused) as caught:
        run(app, other, decision, order_id, now=NOW, shown=shown, **options)
    assert caught.value.refusal.code == "refund.decided"
    assert counts(app) == before


@pytest.mark.parametrize(
    ("decision", "options"),
    [
        (desk.complete, {"result": "full", "remove_codes": True}),
        (desk.complete, {"result": "full"}),
        (desk.complete, {"result": "partial", "item_ids": ["i1"]}),
        (desk.refuse, {"comment": "No"}),
        (desk.take, {}),
    ],
)
def test_another_decision_of_the_same_person_comes_too_late(app, make, ann, boss, decision, options):
    order_id = make.order(items=TWO)
    ask(app, ann, order_id)
    shown = one(app, RefundRequest).id
    run(app, boss, desk.complete, order_id, result="partial", item_ids=["i2"], now=NOW, shown=shown)
    before = counts(app)
    with pytest.raises(Refused) as caught:
        run(app, boss, decision, order_id, now=NOW, shown=shown, **options)
    assert caught.value.refusal.code == "refund.decided"
    assert counts(app) == before


@pytest.mark.parametrize("decision", [desk.complete, desk.refuse, desk.take])
def test_a_form_of_an_earlier_request_does_not_decide_the_next_one(app, make, ann, boss, decision):
    order_id = make.order(items=TWO)
    ask(app, ann, order_id)
    shown = one(app, RefundRequest).id
    run(app, boss, desk.refuse, order_id, comment="No", now=NOW, shown=shown)
    ask(app, ann, order_id, reason="Another reason, which nobody at the desk has read")
    options = {desk.complete: {"result": "full"}, desk.refuse: {"comment": "Never"}, desk.take: {}}[decision]
    before = counts(app)
    with pytest.raises(Refused) as caught:
        run(app, boss, decision, order_id, now=NOW, shown=shown, **options)
    assert caught.value.refusal.code == "refund.decided"
    assert counts(app) == before
    assert [r.status for r in rows(app, RefundRequest, order_by=RefundRequest.id)] == ["refused", "sent"]
    assert not any(item.refunded for item in rows(app, OrderItem))


def test_what_was_withdrawn_meanwhile_is_told_as_such(app, make, ann, boss):
    order_id = make.order()
    ask(app, ann, order_id)
    shown = one(app, RefundRequest).id
    run(app, ann, refunds.withdraw, order_id, standalone=True, now=NOW)
    with pytest.raises(Refused) as caught:
        run(app, boss, desk.complete, order_id, result="full", now=NOW, shown=shown)
    assert caught.value.refusal.code == "refund.withdrawn"


@pytest.mark.parametrize("decision", [desk.complete, desk.refuse, desk.take])
def test_a_request_of_another_order_is_none_of_this_one(app, make, ann, boss, decision):
    order_id, other = make.order(), make.order()
    ask(app, ann, order_id)
    ask(app, ann, other)
    shown = rows(app, RefundRequest, order_by=RefundRequest.id)[1].id
    options = {desk.complete: {"result": "full"}, desk.refuse: {"comment": "No"}, desk.take: {}}[decision]
    before = counts(app)
    for request_id in (shown, 2**40):
        with pytest.raises(Refused) as caught:
            run(app, boss, decision, order_id, now=NOW, shown=request_id, **options)
        assert caught.value.refusal.code == "refund.none"
    assert counts(app) == before
