"""Funds by the official SDK: allocate, reclaim, the resellers' variants and every list, over keys and tokens."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
import requests
from huaweicloudsdkcore.auth.credentials import GlobalCredentials
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException

from sandbox import Gateway, World, run
from test_operations import Client, TokenCredentials
from wire import SECONDS, signed

RAISED = {"BSS_QUOTAS_OVERRIDE": '{ "*" = "1000/1" }'}


@pytest.fixture(scope="module")
def funds(world: World) -> Iterator[Gateway]:
    """A gateway whose balances only these tests change."""
    with world.gateway(RAISED) as gateway:
        yield gateway


class Account:
    """An account of the sandbox with its client."""

    def __init__(self, gateway: Gateway, name: str, by_token: Callable[..., requests.Response] | None = None) -> None:
        own = gateway.accounts[name]
        credentials = GlobalCredentials(own.access_key, own.secret_key)
        if by_token:
            credentials = TokenCredentials(by_token(name, of=gateway).headers["X-Subject-Token"])
        self.client = Client("cn", gateway, credentials)
        self.id = account_id(gateway, name)

    def __call__(self, operation: str, **arguments: Any) -> Any:
        return self.client(operation, **arguments)

    def adjust(self, operation: str, body: str, **fields: Any) -> str:
        answer = self(operation, body=getattr(self.client.models, body)(**fields))
        return getattr(answer, "transfer_id", None) or answer.trans_id

    def allocate(self, customer: "Account", amount: Any, **more: Any) -> str:
        return self.adjust("UpdateCustomerAccountAmount", "AdjustAccountReq", customer_id=customer.id, amount=amount, **more)

    def reclaim(self, customer: "Account", amount: Any, **more: Any) -> str:
        body = "ReclaimToPartnerAccountBalancesReq"
        return self.adjust("ReclaimToPartnerAccount", body, customer_id=customer.id, amount=amount, **more)

    def balance(self, **more: Any) -> Decimal:
        return Decimal(str(self("ListPartnerBalances", **more).account_balances[0].amount))

    def own_balance(self) -> Decimal:
        return Decimal(str(self("ShowCustomerAccountBalances").account_balances[0].amount))


def account_id(gateway: Gateway, name: str) -> str:
    own = gateway.accounts[name]
    user = {"name": name, "password": own.password, "domain": {"name": name}}
    auth = {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}}}
    answer = requests.post(f"{gateway.url}/v3/auth/tokens", json=auth, timeout=SECONDS)
    return answer.json()["token"]["user"]["domain"]["id"]


def refusal(call: Callable[[], Any]) -> tuple[int, str]:
    with pytest.raises(ClientRequestException) as caught:
        call()
    return caught.value.status_code, caught.value.error_code


@pytest.mark.parametrize("over", ["keys", "tokens"])
def test_a_partner_allocates_reclaims_and_reads_every_list(
    funds: Gateway, log_in: Callable[..., requests.Response], over: str
) -> None:
    by_token = log_in if over == "tokens" else None
    partner, customer = (Account(funds, name, by_token) for name in ("demo-partner", "demo-customer"))
    before, held = partner.balance(), customer.own_balance()

    given = partner.allocate(customer, Decimal("12.34"))
    taken = partner.reclaim(customer, "2.04")
    assert given.startswith("AD") and taken.startswith("RE")
    assert partner.balance() == before - Decimal("10.30")
    assert customer.own_balance() == held + Decimal("10.30")

    infos = [partner.client.models.CustomerInfoV2(customer_id=customer.id)]
    body = partner.client.models.QueryCustomersBalancesReq(customer_infos=infos)
    [shown] = partner("ListCustomersBalancesDetail", body=body).customer_balances
    assert (shown.customer_id, Decimal(str(shown.amount))) == (customer.id, held + Decimal("10.30"))

    adjusts = partner("ListPartnerAdjustRecords", customer_id=customer.id, limit=2)
    rows = [(row.trans_id, row.operation_type, row.amount, row.customer_name) for row in adjusts.records]
    assert rows == [
        (taken, "SOURCE_OPERATION_BERETRIEVE", "2.04", "demo-customer"),
        (given, "SOURCE_OPERATION_BEADJUST", "12.34", "demo-customer"),
    ]
    [one] = partner("ListPartnerAdjustRecords", trans_id=given).records
    assert (one.trans_id, one.currency, one.measure_id) == (given, "CNY", 1)

    changes = partner("ListPartnerAccountChangeRecords", balance_type="BALANCE_TYPE_DEBIT", limit=2)
    assert [(row.trade_id, row.change_amount, row.type) for row in changes.records] == [
        (taken, "2.04", "1"),
        (given, "12.34", "2"),
    ]
    assert Decimal(changes.records[0].balance_after_change) == before - Decimal("10.30")
    own = customer(
        "ListCustomerAccountChangeRecords", balance_type="BALANCE_TYPE_DEBIT", revenue_expense_type="REVENUE", limit=1
    )
    assert own.records[0].trade_id == given
    assert own.records[0].account_name == "demo-customer"


def test_a_distributor_funds_its_reseller_and_the_resellers_customer(funds: Gateway) -> None:
    distributor, reseller, customer = (
        Account(funds, name) for name in ("demo-distributor", "demo-reseller", "reseller-customer")
    )
    before = distributor.balance()
    to = {"indirect_partner_id": reseller.id}
    adjust = {"operation": "UpdateIndirectPartnerAccount", "body": "AdjustToIndirectPartnerReq"}
    back = {"operation": "ReclaimIndirectPartnerAccount", "body": "ReclaimIndirectPartnerAccountReq"}
    given = distributor.adjust(**adjust, **to, amount=50)
    assert distributor.balance(**to) == 50
    distributor.allocate(customer, 30, **to)
    distributor.reclaim(customer, 10, **to)
    distributor.adjust(**back, **to, amount=Decimal("29.99"))
    assert distributor.balance(**to) == Decimal("0.01")
    assert distributor.balance() == before - Decimal("20.01")
    assert refusal(lambda: distributor.adjust(**back, **to, amount=1)) == (400, "CBC.99005003")
    assert refusal(lambda: distributor.allocate(customer, 1, **to)) == (400, "CBC.99005003")

    own = distributor("ListPartnerAdjustRecords")
    assert (own.total_count, own.records[1].trans_id, own.records[1].customer_name) == (2, given, "demo-reseller")
    below = distributor("ListPartnerAdjustRecords", **to)
    assert {row.customer_name for row in below.records} == {"reseller-customer"}
    assert below.total_count == 2
    # The reseller's customer is out of reach without the reseller's name.
    assert refusal(lambda: distributor.allocate(customer, 1)) == (400, "CBC.99000000")
    wrong = {"indirect_partner_id": customer.id}
    assert refusal(lambda: distributor.allocate(customer, 1, **wrong)) == (400, "CBC.99000037")
    assert refusal(lambda: distributor.balance(**wrong)) == (400, "CBC.99000037")


def test_nothing_is_rounded_in_silence_and_the_field_is_named(funds: Gateway) -> None:
    partner, customer = Account(funds, "demo-partner"), Account(funds, "demo-customer")
    for amount in ("-1", "0", "1.001", "1E400", "true", "null", '"abc"'):
        answer = signed_post(funds, customer.id, amount)
        assert (answer.status_code, answer.json()["error_code"]) == (400, "CBC.0100"), amount
        assert "amount: must " in answer.json()["error_msg"]
    before = customer.own_balance()
    for amount in ("0.1", "1e2", "0.30", '"12.34"'):
        assert signed_post(funds, customer.id, amount).status_code == 200, amount
    assert customer.own_balance() == before + Decimal("112.74")
    answer = signed_post(funds, customer.id, "99999999999999.99")
    assert answer.json()["error_code"] == "CBC.99005003", "exact, and too much"
    partner.reclaim(customer, "112.74")


def signed_post(gateway: Gateway, customer: str, amount: str, **headers: str) -> requests.Response:
    """The SDK would refuse to write some of these amounts, so this signs the bytes as they are."""
    body = f'{{"customer_id": "{customer}", "amount": {amount}}}'
    headers = {"Content-Type": "application/json"} | headers
    path = "/v2/accounts/partner-accounts/adjust-amount"
    request = signed(gateway, "demo-partner", "POST", path, data=body.encode(), headers=headers)
    return requests.Session().send(request, timeout=SECONDS)


def test_a_write_with_a_key_happens_once(funds: Gateway) -> None:
    customer = Account(funds, "demo-customer")
    before = customer.own_balance()
    key = {"Idempotency-Key": "order-4711"}
    first = signed_post(funds, customer.id, "5", **key)
    again = signed_post(funds, customer.id, "5", **key)
    assert first.json() == again.json()
    assert (first.headers.get("Idempotency-Replayed"), again.headers["Idempotency-Replayed"]) == (None, "true")
    assert customer.own_balance() == before + 5
    other = signed_post(funds, customer.id, "6", **key)
    assert (other.status_code, other.json()["error_code"]) == (422, "CBC.0100")

    tried = signed_post(funds, customer.id, "7", **{"X-Dry-Run": "true"})
    assert tried.json()["transfer_id"].startswith("AD") and tried.headers["X-Dry-Run"] == "true"
    assert customer.own_balance() == before + 5


def test_refusals(funds: Gateway) -> None:
    partner, customer = Account(funds, "demo-partner"), Account(funds, "demo-customer")
    other, referral = Account(funds, "other-partner"), Account(funds, "referral-customer")
    assert refusal(lambda: partner.allocate(customer, 10**9)) == (400, "CBC.99005003")
    assert refusal(lambda: partner.reclaim(customer, 10**9)) == (400, "CBC.5003")
    assert refusal(lambda: other.allocate(customer, 1)) == (400, "CBC.99000035")
    assert refusal(lambda: partner.allocate(referral, 1)) == (400, "CBC.99000000")
    assert refusal(lambda: customer.allocate(customer, 1)) == (403, "CBC.0151")
    assert refusal(lambda: partner.own_balance()) == (403, "CBC.0151")
    body = partner.client.models.QueryCustomersBalancesReq(
        customer_infos=[partner.client.models.CustomerInfoV2(customer_id=one.id) for one in (other, referral)]
    )
    assert partner("ListCustomersBalancesDetail", body=body).customer_balances == []
    assert partner("ListPartnerAdjustRecords", customer_id=referral.id).total_count == 0
    years = {"trade_time_begin": "2020-01-01", "trade_time_end": "2021-01-02"}
    too_long = lambda: partner("ListPartnerAccountChangeRecords", balance_type="BALANCE_TYPE_DEBIT", **years)
    assert refusal(too_long) == (400, "CBC.0100")


def test_the_vendors_staff_top_up_and_issue_cards(start_gateway: Callable[..., Gateway]) -> None:
    gateway = start_gateway(**RAISED)
    settings = {"DATABASE_URL": gateway.database_url}

    def admin(*arguments: str) -> str:
        done = run("admin", "--json", "funds", *arguments, **settings)
        assert done.returncode == 0, done.stderr
        return done.stdout

    customer, partner = Account(gateway, "demo-customer"), Account(gateway, "demo-partner")
    admin("issue-card", "demo-customer", "88.80", "--name", "Gift")
    [card] = customer("ListStoredValueCards", status=1).stored_value_cards
    assert (card.card_name, card.face_value, card.balance, card.status) == ("Gift", "88.80", "88.80", 1)
    assert customer("ListStoredValueCards", status=2).total_count == 0
    before = partner.balance()
    admin("top-up", "demo-partner", "0.02", "--memo", "by transfer")
    admin("top-up", "demo-partner", "3", "--designated")
    admin("credit", "demo-partner", "500")
    shown = partner("ListPartnerBalances").account_balances
    assert [(row.account_type, Decimal(str(row.amount)), row.designated_amount) for row in shown] == [
        (1, before + Decimal("3.02"), 3),
        (2, 500, 0),
    ]
    partner.allocate(customer, before + 100)
    assert refusal(lambda: partner.allocate(customer, "400.03")) == (400, "CBC.99005003")
    assert run("admin", "funds", "credit", "demo-partner", "1", **settings).returncode == 1
    proved = run("verify-ledger", **settings)
    assert proved.returncode == 0 and ", 0 wrong" in proved.stdout, proved.stdout
