"""The number found: beside a common code and other filters the page comes first, and the number after it."""

import re

import pytest

from app.queries import raw_ways
from tests.views.test_orders import address, ids


@pytest.fixture
def common(app, make, monkeypatch):
    """Thirty paid orders with a code that is common here, and one that is not paid."""
    monkeypatch.setattr(raw_ways, "RARE", 1)
    monkeypatch.setattr(raw_ways, "FEW", 1)
    for number in range(31):
        code = {"license_id": "1", "code": f"AAAA-{number:04}", "deleted": False}
        make.order(order_id=1000 + number, status="paid" if number else "not_paid", items=[{"licenses": [code]}])
    return make.specialist("acme-eu")


def heading(page):
    return re.search(r"<h2 id=\"found\"[^>]*>[^<]*</h2>", page)[0]


def test_a_dear_count_comes_after_the_page(common):
    where = address(common, code="aaaa", status="paid", size="25")
    page = common.get(where).text
    assert len(ids(common.get(where))) == 25
    assert 'data-result-count="25+"' in heading(page)
    recount = re.search(r'data-poll="([^"]+)"', heading(page))[1]
    assert recount == where.replace("&size=25", "").replace("/orders/?", "/orders/count?")
    counted = common.get(recount).text
    assert 'data-result-count="30"' in heading(counted)
    assert "data-poll" not in counted


def test_the_last_page_and_a_place_beyond_it_have_their_number(common):
    where = address(common, code="aaaa", status="paid", size="25")
    older = re.search(r'rel="next" href="([^"]+)"', common.get(where).text)[1].replace("&amp;", "&")
    last = common.get(older)
    assert len(ids(last)) == 5
    assert 'data-result-count="5+"' in heading(last.text)
    everything = common.get(address(common, code="aaaa", status="paid", size="50")).text
    assert 'data-result-count="30"' in heading(everything)
    assert "data-poll" not in heading(everything)


def test_others_may_not_count(make, common):
    where = address(common, code="aaaa", status="paid").replace("/orders/?", "/orders/count?")
    assert common.get("/orders/count?email=a@b.example").status_code == 400
    assert common.get("/orders/count?s=doesnotexist0000000").status_code == 404
    assert make.specialist("other").get(where).status_code == 404
