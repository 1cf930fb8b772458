"""The form's meaning, one test per sentence of domain.md 3."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.refusal import Invalid
from app.domain.search import FIELDS, Criteria, parse_criteria, without

BERLIN = ZoneInfo("Europe/Berlin")


def parse(**form):
    return parse_criteria({k: [v] if isinstance(v, str) else v for k, v in form.items()}, zone=BERLIN)


def errors(**form):
    with pytest.raises(Invalid) as caught:
        parse(**form)
    return caught.value.errors


def utc(text):
    return dt.datetime.fromisoformat(text + "+00:00")


def test_nothing_typed_asks_for_nothing():
    assert parse(email="", status=[], ids="") == Criteria()
    assert parse().empty


# 3.1 dates


@pytest.mark.parametrize("name", ["created", "paid"])
class TestDates:
    def test_only_from_is_that_one_day(self, name):
        span = getattr(parse(**{f"{name}_from": "2026-08-13"}), name)
        assert (span.start, span.end) == (utc("2026-08-12T22:00"), utc("2026-08-13T22:00"))

    def test_from_and_to_are_both_included(self, name):
        span = getattr(parse(**{f"{name}_from": "2026-08-13", f"{name}_to": "2026-08-15"}), name)
        assert (span.start, span.end) == (utc("2026-08-12T22:00"), utc("2026-08-15T22:00"))

    def test_only_to_is_everything_up_to_the_end_of_that_day(self, name):
        span = getattr(parse(**{f"{name}_to": "2026-08-13"}), name)
        assert (span.start, span.end) == (None, utc("2026-08-13T22:00"))

    def test_to_includes_its_whole_day_when_clocks_change(self, name):
        span = getattr(parse(**{f"{name}_from": "2026-10-25", f"{name}_to": "2026-10-25"}), name)
        assert span.end - span.start == dt.timedelta(hours=25)

    def test_from_after_to_is_an_error(self, name):
        assert set(errors(**{f"{name}_from": "2026-08-14", f"{name}_to": "2026-08-13"})) == {f"{name}_from"}

    @pytest.mark.parametrize("side", ["from", "to"])
    @pytest.mark.parametrize("text", ["2026-02-30", "yesterday", "13.08.2026", " "])
    def test_a_day_that_does_not_exist_is_an_error_at_its_field(self, name, side, text):
        assert set(errors(**{f"{name}_{side}": text})) == {f"{name}_{side}"}


def test_a_day_that_the_zone_skipped_is_an_error():
    with pytest.raises(Invalid) as caught:
        parse_criteria({"created_from": ["2011-12-30"]}, zone=ZoneInfo("Pacific/Apia"))
    assert set(caught.value.errors) == {"created_from"}


# 3.2 statuses


def test_statuses_are_two_groups():
    criteria = parse(status=["paid", "refund_sent", "deleted", "paid"])
    assert criteria.statuses == ("paid", "deleted")
    assert criteria.refund_statuses == ("sent",)


def test_an_unknown_status_is_an_error():
    assert set(errors(status=["paid", "refund_"])) == {"status"}


# 3.3 order ids


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("A0012345678, 5555555\n777", (12345678, 5555555, 777)),
        ("A0012345678 0012345678;12345678", (12345678,)),
        ("1,2;3 4\t5\r\n6", (1, 2, 3, 4, 5, 6)),
        (",;  9\n\n", (9,)),
        ("B17 №18 #19 20.", (17, 18, 19, 20)),
        ("9223372036854775807", (2**63 - 1,)),
        ("0" * 60 + "7", (7,)),
    ],
)
def test_ids(text, ids):
    assert parse(ids=text).ids == ids
    assert parse(ids=[text, text]).ids == ids


@pytest.mark.parametrize(
    "token", ["ABC", "9223372036854775808", "9" * 400, "111111_22222", "A111111_22222", "12-34", "0", "A0000", "١٢٣"]
)
def test_a_token_that_is_no_order_id_is_named_in_the_error(token):
    found = errors(ids=f"12, {token} 13")["ids"]
    assert len(found) == 1
    assert found[0].params["token"][:39] == token[:39]


def test_every_wrong_token_is_named_up_to_a_limit():
    found = errors(ids=" ".join(f"x{chr(97 + n)}" for n in range(15)))["ids"]
    assert len(found) == 11
    assert found[-1].params == {"count": 5}


def test_too_many_ids_are_an_error_rather_than_cut_off():
    assert len(parse(ids=" ".join(map(str, range(1, 501)))).ids) == 500
    assert set(errors(ids=" ".join(map(str, range(1, 502))))) == {"ids"}


def test_separators_alone_are_an_error():
    assert set(errors(ids=", ;\n")) == {"ids"}


# 3.4 phone


def test_phone_is_digits():
    assert parse(phone="8 (905) 1234567").phone == parse(phone="8 905 123-45-67").phone == "89051234567"
    assert parse(phone="+7 905 1234567").phone != "89051234567"


@pytest.mark.parametrize("phone", ["()", "none", "٠١٢٣٤", " "])
def test_a_phone_without_a_digit_is_an_error(phone):
    assert set(errors(phone=phone)) == {"phone"}


# 3.5 whole values


@pytest.mark.parametrize("name", ["first_name", "last_name", "email", "company"])
def test_text_is_folded(name):
    assert getattr(parse(**{name: " Ｓtraße \t 100%_ "}), name) == "strasse 100%_"


@pytest.mark.parametrize("name", ["first_name", "last_name", "email", "company", "vat", "card"])
def test_white_space_alone_is_an_error_and_never_ignored(name):
    assert set(errors(**{name: "  "})) == {name}


def test_vat():
    assert parse(vat="se 5567.1234–9101").vat == "se556712349101"
    assert set(errors(vat="--")) == {"vat"}


@pytest.mark.parametrize("card", ["123", "12345", "12a4", "1234 5678", "١٢٣٤"])
def test_a_card_is_four_digits(card):
    assert set(errors(card=card)) == {"card"}


def test_card():
    assert parse(card=" 0042 ").card == "0042"


# 3.6 code


@pytest.mark.parametrize("code", ["a", "ab", " ab ", "   "])
def test_a_code_under_three_characters_is_an_error(code):
    assert set(errors(code=code)) == {"code"}


def test_a_code_keeps_its_characters():
    assert parse(code=' A%_" b ').code == 'a%_" b'


# all of them


@pytest.mark.parametrize("name", [n for n in FIELDS if n not in ("status", "created_from")])
def test_a_nul_is_an_error_at_its_field(name):
    assert name in errors(**{name: "12\x0034"})


@pytest.mark.parametrize("name", ["phone", "email", "created_to", "code", "card"])
def test_two_values_of_one_field_are_an_error(name):
    assert name in errors(**{name: ["1234", "4321"]})


def test_too_long_is_an_error():
    assert set(errors(company="x" * 2001, code="y" * 2001)) == {"company", "code"}


def test_every_error_is_told_at_once():
    assert set(errors(phone="-", created_from="x", paid_to="y", card="1", code="z", ids="q", status="r")) == {
        "phone", "created_from", "paid_to", "card", "code", "ids", "status",
    }  # fmt: skip


@given(st.dictionaries(st.sampled_from(FIELDS), st.lists(st.text(max_size=20), max_size=3)))
def test_any_input_is_criteria_or_errors_at_known_fields(form):
    try:
        criteria = parse_criteria(form, zone=BERLIN)
    except Invalid as error:
        wrong = set(error.errors)
        assert wrong <= set(FIELDS)
        return
    filled = {name for name, values in form.items() if any(values)}
    assert set(criteria.typed) == filled
    assert len({t.name for t in criteria.describe()}) == len(
        {n.removesuffix("_from").removesuffix("_to") if n.startswith(("created", "paid")) else n for n in filled}
    )


def test_tags_say_what_was_asked_and_can_be_taken_away():
    criteria = parse(created_from="2026-08-13", created_to="2026-08-15", status=["paid", "refund_sent"], email="A@b.c")
    tags = criteria.describe()
    assert [(t.name, t.value) for t in tags] == [
        ("created", ""),
        ("status", "paid"),
        ("status", "refund_sent"),
        ("email", ""),
    ]
    assert tags[0].text % tags[0].params == "2026-08-13 to 2026-08-15"
    assert without(criteria.typed, "created") == {"status": ["paid", "refund_sent"], "email": ["A@b.c"]}
    assert without(criteria.typed, "status", "paid")["status"] == ["refund_sent"]
    assert "status" not in without({"status": ["paid"]}, "status", "paid")
    assert without({"email": ["x"]}, "email") == {}
