"""Customers by the official SDKs: from the check of an identity to the verified customer, on both sites."""

import base64
import json
import os
import re
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
import requests
from aiosmtpd.controller import Controller
from huaweicloudsdkcore.auth.credentials import GlobalCredentials
from huaweicloudsdkcore.exceptions.exceptions import SdkException

from sandbox import Gateway, World, run, wait_until
from test_accounts import account_id
from test_operations import Client
from wire import SECONDS, send_at_once, signed

RAISED = {"BSS_QUOTAS_OVERRIDE": '{ "*" = "1000/1" }'}
CREATE = "/v2/partners/sub-customers"


@pytest.fixture(scope="module")
def place(world: World) -> Iterator[Gateway]:
    """A gateway whose customers only these tests make."""
    with world.gateway(RAISED) as gateway:
        yield gateway


def client(gateway: Gateway, account: str, site: str = "cn") -> Client:
    own = gateway.accounts[account]
    return Client(site, gateway, GlobalCredentials(own.access_key, own.secret_key))


def call(client: Client, operation: str, model: str, **fields: Any) -> Any:
    return client(operation, body=getattr(client.models, model)(**fields))


def refusal(do: Callable[[], Any]) -> tuple[int, str]:
    with pytest.raises(SdkException) as caught:
        do()
    return caught.value.status_code, caught.value.error_code


def admin(gateway: Gateway, *arguments: str) -> Any:
    settings = {"DATABASE_URL": gateway.database_url, "BSS_SECRETS_MASTER_KEY_FILE": gateway.master_key_file}
    settings |= {"BSS_REAL_NAME_REVIEW": "automatic"}
    done = run("admin", "--json", *arguments, **settings)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def sql(gateway: Gateway, statement: str) -> None:
    """What has no operation: time that passes."""
    psql = shutil.which("psql") or max(os.popen("ls /usr/lib/postgresql/*/bin/psql").read().split())
    command = [psql, "--quiet", "--set", "ON_ERROR_STOP=1", "--command", statement, gateway.database_url]
    subprocess.run(command, check=True, capture_output=True, timeout=SECONDS)


def code_for(gateway: Gateway, partner: Client, receiver: str) -> str:
    site = {"receiver_type": 2, "email": receiver} if "@" in receiver else {"receiver_type": 1, "mobile_phone": receiver}
    call(partner, "SendVerificationMessageCode", "SendVerificationCodeV2Req", **site)
    [shown] = [row for row in admin(gateway, "codes", "show", receiver) if row["scene"] == 29]
    return shown["code"]


def listed(partner: Client, **fields: Any) -> list[Any]:
    return call(partner, "ListSubCustomers", "QuerySubCustomerListReq", **fields).customer_infos


def test_from_the_check_of_an_identity_to_the_verified_customer(place: Gateway) -> None:
    partner = client(place, "demo-partner")
    check = lambda kind, value: call(
        partner, "CheckUserIdentity", "CheckSubcustomerUserReq", search_type=kind, search_value=value
    )
    assert check("name", "walk-customer").check_result == "available"
    before = check("mobile", "0086-13900000001").mobile_remain_available_num
    code = code_for(place, partner, "13900000001")
    created = call(
        partner, "CreateSubCustomer", "CreateCustomerV2Req", domain_name="walk-customer", mobile_phone="13900000001",
        verification_code=code, xaccount_id="walk-1", xaccount_type="DEMO_PARTNER", password="Walk-Customer-1!",
    )  # fmt: skip
    assert created.domain_name == "walk-customer"
    assert check("name", "walk-customer").check_result == "used_by_user"
    assert check("mobile", "0086-13900000001").mobile_remain_available_num == before - 1

    wait_until(lambda: listed(partner, customer_id=created.domain_id) != [], "it is associated")
    [row] = listed(partner, customer_id=created.domain_id)
    assert (row.account_name, row.telephone, row.country_code) == ("walk-customer", "13900000001", "0086")
    assert (row.association_type, row.verified_status, row.customer_type) == ("2", "-1", -1)
    assert (row.xaccount_id, row.xaccount_type, row.is_frozen) == ("walk-1", "DEMO_PARTNER", 0)

    application = {
        "customer_id": created.domain_id, "identify_type": 0, "verified_type": 5, "name": "行走客户",
        "verified_file_url": ["a/1.jpg", "a/2.jpg", "a/3.jpg"], "xaccount_type": "DEMO_PARTNER",
    }  # fmt: skip
    apply = lambda number: call(
        partner, "CreatePersonalRealnameAuth", "ApplyIndividualRealnameAuthsReq", verified_number=number, **application
    )
    result = lambda: partner("ShowRealnameAuthenticationReviewResult", customer_id=created.domain_id)
    assert apply("H00000001").is_review == 1
    assert result().review_result == 0
    assert refusal(lambda: apply("H00000002")) == (400, "CBC.99007188")
    assert [row["account"] for row in admin(place, "real-name", "list")] == ["walk-customer"]
    admin(place, "real-name", "refuse", "walk-customer", "The picture cannot be read.")
    assert (result().review_result, result().opinion) == (1, "The picture cannot be read.")
    assert apply("H00000001").is_review == 1
    admin(place, "real-name", "approve", "walk-customer")
    assert result().review_result == 2
    [row] = listed(partner, customer="走客")
    assert (row.customer, row.verified_status, row.customer_type) == ("行走客户", "2", 0)

    key = admin(place, "key", "create", "walk-customer")
    customer = Client("cn", place, GlobalCredentials(key["access_key"], key["secret_key"]))
    status = customer("ShowRealNameAuthStatus")
    assert (status.verified_status, status.verified_type) == (2, 0)
    assert customer("ShowRealNameAuthQrCode").qr_code_url.startswith("data:image/svg+xml;base64,")
    [tag] = call(
        partner, "ListSubCustomerNewTag", "ListSubCustomerNewTagReq", customer_ids=[created.domain_id]
    ).new_customer_tags
    assert (tag.customer_tag_type, tag.new_customer_tag) == ("SMB", "UNDETERMINED")
    company = application | {"identify_type": 1, "corp_name": "Walk Ltd", "verified_file_url": ["b.png"]}
    company = {name: value for name, value in company.items() if name not in ("verified_type", "name")}
    changed = call(
        partner, "ChangeEnterpriseRealnameAuthentication", "ChangeEnterpriseRealnameAuthsReq", **company,
        certificate_type=0, change_type=1, verified_number="C-1",
    )  # fmt: skip
    assert changed.is_review == 0
    assert customer("ShowRealNameAuthStatus").verified_type == 1
    login = {"name": "walk-customer", "password": "Walk-Customer-1!", "domain": {"name": "walk-customer"}}
    auth = {"auth": {"identity": {"methods": ["password"], "password": {"user": login}}}}
    assert requests.post(f"{place.url}/v3/auth/tokens", json=auth, timeout=SECONDS).status_code == 201


def test_a_distributor_registers_for_its_reseller(place: Gateway) -> None:
    distributor = client(place, "demo-distributor")
    reseller = account_id(place, "demo-reseller")
    admin(place, "partner", "set", "demo-reseller", "--name", "Reseller Ltd", "--email", "r@example.com")
    all_known = call(distributor, "ListIndirectPartners", "QueryIndirectPartnersReq").indirect_partners
    [known] = [known for known in all_known if known.account_name == "demo-reseller"]
    assert len(all_known) == 3
    assert (known.indirect_partner_id, known.name, known.email) == (reseller, "Reseller Ltd", "r@example.com")
    fields = {"xaccount_id": "reseller-user", "xaccount_type": "DEMO_DISTRIBUTOR"}
    create = lambda **more: call(distributor, "CreateSubCustomer", "CreateCustomerV2Req", **fields, **more)
    assert refusal(create) == (400, "CBC.50010059")
    assert refusal(lambda: create(indirect_partner_id="nobody")) == (400, "CBC.99000037")
    created = create(indirect_partner_id=reseller, include_association_result=True)
    assert re.fullmatch("[a-f][0-9a-f]{31}", created.domain_name)
    assert listed(distributor) == []
    [row, _] = listed(distributor, indirect_partner_id=reseller)
    assert row.customer_id == created.domain_id
    applied = call(
        distributor, "CreateEnterpriseRealnameAuthentication", "ApplyEnterpriseRealnameAuthsReq", identify_type=1,
        customer_id=created.domain_id, corp_name="Tier Ltd", verified_number="C-2", verified_file_url=["c.png"],
        xaccount_type="DEMO_DISTRIBUTOR",
    )  # fmt: skip
    assert applied.is_review == 0
    [row, _] = listed(distributor, indirect_partner_id=reseller)
    assert (row.customer, row.customer_type, row.verified_status) == ("Tier Ltd", 1, "2")
    more = {"indirect_partner_id": reseller, "xaccount_id": "another"}
    for standing, account, code in [
        ("restricted", "demo-distributor", "CBC.50010086"),
        ("exited", "demo-distributor", "CBC.50010065"),
        ("restricted", "demo-reseller", "CBC.50010085"),
    ]:
        admin(place, "partner", "set", account, "--standing", standing)
        assert refusal(lambda: call(distributor, "CreateSubCustomer", "CreateCustomerV2Req", **fields | more)) == (400, code)
        admin(place, "partner", "set", account, "--standing", "normal")
    admin(place, "partner", "set", "demo-distributor", "--test", "true")
    assert refusal(lambda: create(indirect_partner_id=reseller)) == (400, "CBC.99005035")
    admin(place, "partner", "set", "demo-distributor", "--test", "false")


def test_the_international_site(start_gateway: Callable[..., Gateway]) -> None:
    gateway = start_gateway(BSS_API_SITE="intl", **RAISED)
    partner = client(gateway, "demo-partner", "intl")
    code = code_for(gateway, partner, "someone@example.com")
    created = call(
        partner, "CreateSubCustomer", "CreateCustomerV2Req", domain_area="SG", email="someone@example.com",
        verification_code=code, xaccount_id="intl-1", xaccount_type="DEMO_PARTNER", include_association_result=True,
    )  # fmt: skip
    [row] = listed(partner, customer_id=created.domain_id)
    assert (row.email, row.association_type, row.is_frozen) == ("someone@example.com", "3", 1)
    budget = lambda **more: call(
        partner, "UpdateSubCustomerBudget", "ModSubCustomerBudgetReq", customer_id=created.domain_id, **more
    )
    budget(budget_amount=200.5, cancel_partner_frozen="1", frozen_operate_type=1)
    shown = partner("ShowSubCustomerBudget", customer_id=created.domain_id)
    assert (float(shown.budget_amount), shown.used_amount, shown.currency, shown.budget_type) == (200.5, 0, "USD", "MONTHLY")
    assert listed(partner, customer_id=created.domain_id)[0].is_frozen == 0
    freeze = {"customer_ids": [created.domain_id, "nobody"], "reason": "Arrears"}
    [left] = call(partner, "FreezeSubCustomers", "FreezeSubCustomersReq", **freeze).error_details
    assert (left.id, left.error_code) == ("nobody", "CBC.99000035")
    assert listed(partner, customer_id=created.domain_id)[0].is_frozen == 1
    freeze["customer_ids"].pop()
    assert not call(partner, "UnfreezeSubCustomers", "UnfreezeSubCustomersReq", **freeze).error_details
    [info] = call(
        partner, "ListSubCustomerBudget", "ListSubCustomerBudgetReq", customer_ids=[created.domain_id]
    ).budget_infos
    assert float(info.budget_amount) == 200.5
    records = partner("ListSubCustomerBudgetRecords", customer_id=created.domain_id)
    assert (records.total_count, records.record_list[0].operation_type) == (1, "SETTING")
    admin(gateway, "partner", "set", "demo-partner", "--consumption-quota", "1000")
    quota = partner("ShowPartnerConsumptionQuota")
    assert (quota.consumption_quota, quota.used_consumption_quota, quota.currency) == ("1000.00", "0.00", "USD")
    key = admin(gateway, "key", "create", created.domain_name)
    customer = Client("intl", gateway, GlobalCredentials(key["access_key"], key["secret_key"]))
    assert float(customer("ShowCustomerExpenditureQuota").granting_amount) == 200.5
    wrong = partner.models.SendVerificationCodeV2Req(receiver_type=1, email="someone@example.com")
    assert refusal(lambda: partner("SendVerificationMessageCode", body=wrong)) == (400, "CBC.0100")


def test_of_32_that_want_the_same_exactly_one_gets_it(place: Gateway) -> None:
    partner = client(place, "demo-partner")
    code = code_for(place, partner, "13900000032")
    for body, allowed in [
        ({"domain_name": "race-one", "mobile_phone": "13900000032", "verification_code": code, "xaccount_id": "race-1"},
         {"CBC.99000038", "CBC.99000039", "CBC.99004010"}),
        ({"domain_name": "race-two", "xaccount_id": "race-2"}, {"CBC.99000038"}),
        ({"xaccount_id": "race-3"}, {"CBC.99000039"}),
    ]:  # fmt: skip
        data = json.dumps(body | {"xaccount_type": "DEMO_PARTNER"}).encode()
        headers = {"Content-Type": "application/json"}
        request = signed(place, "demo-partner", "POST", CREATE, data=data, headers=headers)
        answers = send_at_once(place, [(f"127.0.0.{client + 1}", request) for client in range(32)])
        assert sorted(answer.status for answer in answers) == [200] + [400] * 31
        assert {answer.json()["error_code"] for answer in answers if answer.status == 400} <= allowed


class Inbox:
    """A mail server's handler that keeps what it gets."""

    def __init__(self) -> None:
        self.mails: list[tuple[list[str], str]] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.mails.append((envelope.rcpt_tos, envelope.content.decode()))
        return "250 OK"


class MailServer(Controller):
    """On a port that the system picks."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@pytest.fixture
def mail_server() -> Iterator[tuple[Inbox, str]]:
    inbox = Inbox()
    controller = MailServer(inbox, hostname="127.0.0.1", port=0)
    controller.start()
    yield inbox, f"smtp://127.0.0.1:{controller.port}"
    controller.stop()


def test_a_code_comes_by_mail_and_is_judged(
    start_gateway: Callable[..., Gateway], mail_server: tuple[Inbox, str]
) -> None:
    inbox, url = mail_server
    gateway = start_gateway(BSS_API_SITE="intl", BSS_MESSAGES_SMTP_URL=url, **RAISED)
    partner = client(gateway, "demo-partner", "intl")

    def mailed() -> str:
        before = len(inbox.mails)
        call(
            partner, "SendVerificationMessageCode", "SendVerificationCodeV2Req", receiver_type=2,
            email="mail@example.com", lang="en-us",
        )  # fmt: skip
        wait_until(lambda: len(inbox.mails) > before, "the mail has come")
        receivers, text = inbox.mails[-1]
        assert receivers == ["mail@example.com"]
        return re.search(r"Your verification code is (\d{6})\.", text)[1]

    def create(code: str) -> Any:
        return call(
            partner, "CreateSubCustomer", "CreateCustomerV2Req", domain_area="SG", email="mail@example.com",
            verification_code=code, xaccount_id="mail-1", xaccount_type="DEMO_PARTNER",
        )  # fmt: skip

    right = mailed()
    wrong = f"{(int(right) + 1) % 10**6:06}"
    for _ in range(3):
        assert refusal(lambda: create(wrong)) == (400, "CBC.99004010")
    assert refusal(lambda: create(wrong)) == (400, "CBC.99004009")
    assert refusal(lambda: create(right)) == (400, "CBC.99004009")
    right = mailed()
    sql(gateway, "update tenants set clock_offset_us = 11 * 60 * 1000000::bigint")
    sql(gateway, "select pg_notify('bss_clock', '')")

    def is_expired() -> bool:
        try:
            create(wrong)
        except SdkException as error:
            return error.error_code == "CBC.99004008"
        return False

    wait_until(is_expired, "the clock has moved")
    assert refusal(lambda: create(right)) == (400, "CBC.99004008")
    assert create(mailed()).domain_id
    while len(inbox.mails) < 15:
        mailed()
    assert refusal(mailed) == (400, "CBC.99004015")
    assert len(inbox.mails) == 15
    admin(gateway, "codes", "reserve", "kept@example.com")
    check = call(
        partner, "CheckUserIdentity", "CheckSubcustomerUserReq", search_type="email", search_value="kept@example.com"
    )
    assert check.check_result == "used_by_user"
    for secret in ("mail@example.com", right):
        assert secret not in gateway.log()


class Callback(ThreadingHTTPServer):
    """A partner's server: it does with each notification what the script says, and takes the rest."""

    daemon_threads = True

    def __init__(self, script: list[Callable[[], int]]) -> None:
        super().__init__(("127.0.0.1", 0), CallbackHandler)
        self.script, self.asked, self.taken = script, [], []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/bind"


class CallbackHandler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode(), strict_parsing=True)
        fields = {name: values[0] for name, values in form.items()}
        self.server.asked.append(fields)
        status = self.server.script.pop(0)() if self.server.script else 200
        if status == 200:
            self.server.taken.append(json.loads(base64.b64decode(fields["bindRequest"])))
        try:
            self.send_response(status)
            self.end_headers()
        except BrokenPipeError:
            pass  # The gateway had no patience left.

    def log_message(self, *arguments: Any) -> None:
        """Nothing."""


def verify_signature(gateway: Gateway, fields: dict[str, str]) -> None:
    """With the certificate of the metadata, and a library that is not the gateway's."""
    metadata = requests.get(f"{gateway.url}/sp-metadata.xml", timeout=SECONDS).text
    certificate = re.search("<ds:X509Certificate>(.*)</ds:X509Certificate>", metadata)[1]
    assert fields["SigAlg"] == "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
    with tempfile.TemporaryDirectory() as folder:
        pem, signature, key = (Path(folder) / name for name in ("certificate", "signature", "key"))
        pem.write_text(f"-----BEGIN CERTIFICATE-----\n{certificate}\n-----END CERTIFICATE-----\n")
        signature.write_bytes(base64.b64decode(fields["Signature"]))
        run_openssl = lambda *arguments, **more: subprocess.run(["openssl", *arguments], check=True, capture_output=True, **more)
        key.write_bytes(run_openssl("x509", "-in", str(pem), "-pubkey", "-noout").stdout)
        run_openssl(
            "dgst", "-sha256", "-verify", str(key), "-signature", str(signature), input=fields["bindRequest"].encode()
        )


def test_a_partner_is_told_until_it_listens_also_over_a_crash(start_gateway: Callable[..., Gateway]) -> None:
    hangs = threading.Event()

    def hang() -> int:
        hangs.set()
        time.sleep(30)
        return 200

    callback = Callback([lambda: 500, lambda: 503, hang])
    patient = {"BSS_NOTIFICATIONS_TIMEOUT_SECONDS": "2"}
    gateway = start_gateway(keep=True, **RAISED, **patient)
    admin(gateway, "partner", "set", "demo-partner", "--callback-url", callback.url)
    partner = client(gateway, "demo-partner")
    created = call(
        partner, "CreateSubCustomer", "CreateCustomerV2Req", xaccount_id="told-1", xaccount_type="DEMO_PARTNER",
        domain_name="told-customer", include_association_result=True,
    )  # fmt: skip
    assert hangs.wait(20), "two refusals, then it hangs"
    assert callback.taken == []
    # The gateway dies while the partner's server hangs, and its PostgreSQL lives on.
    gateway.kill()
    again = start_gateway(keep=True, **RAISED, **patient)
    wait_until(lambda: callback.taken != [], "the partner is told after all", 30)
    told = {"domainName": "told-customer", "domainId": created.domain_id, "xUserId": "told-1", "bindAction": 1}
    assert callback.taken[0] == told
    verify_signature(again, callback.asked[0])

    def trace() -> dict[str, Any]:
        return admin(again, "notifications", "list", "demo-partner")[0]

    wait_until(lambda: "delivered_at" in trace(), "its delivery is noted")
    assert trace()["attempts"][:2] == ["500", "503"] and trace()["attempts"][-1] == "200"
    asked = len(callback.asked)
    time.sleep(3)
    assert len(callback.asked) == asked, "who has taken it is left in peace"
    again.stop()
    callback.shutdown()


def test_an_association_ends_and_begins_anew(place: Gateway) -> None:
    callback = Callback([])
    admin(place, "partner", "set", "demo-partner", "--callback-url", callback.url)
    partner = client(place, "demo-partner")
    create = {"xaccount_id": "life-1", "xaccount_type": "DEMO_PARTNER", "domain_name": "life-customer"}
    created = call(partner, "CreateSubCustomer", "CreateCustomerV2Req", include_association_result=True, **create)
    balance = lambda: float(partner("ListPartnerBalances").account_balances[0].amount)
    before = balance()
    give = lambda amount: call(
        partner, "UpdateCustomerAccountAmount", "AdjustAccountReq", customer_id=created.domain_id, amount=amount
    )
    give(30)
    admin(place, "association", "switch", "life-customer")
    assert balance() == before, "a referral customer has no allocated funds"
    assert listed(partner, customer_id=created.domain_id)[0].association_type == "1"
    admin(place, "association", "switch", "life-customer")
    wait_until(lambda: listed(partner, customer_id=created.domain_id)[0].association_type == "2", "it is resale again")
    wait_until(lambda: bool(give(20)), "funds can be allocated again")
    total = call(partner, "ListSubCustomers", "QuerySubCustomerListReq").count
    steps = admin(place, "association", "unbind", "life-customer")
    assert [step["step"] for step in steps] == ["registered", "associated", "switched", "switched", "unbound"]
    assert {step["partner"] for step in steps} == {"demo-partner"}
    assert balance() == before
    [record] = partner("ListPartnerAdjustRecords", operation_type="SOURCE_OPERATION_BEUNBIND", limit=1).records
    assert (float(record.amount), record.customer_id) == (20, created.domain_id)
    assert call(partner, "ListSubCustomers", "QuerySubCustomerListReq").count == total - 1
    assert refusal(lambda: give(1))[1] == "CBC.99000035"
    refused = run("admin", "association", "unbind", "life-customer", DATABASE_URL=place.database_url)
    assert refused.returncode == 1 and "associated with no partner" in refused.stderr
    admin(place, "association", "invite", "life-customer", "demo-partner")
    wait_until(lambda: listed(partner, customer_id=created.domain_id) != [], "it is associated anew")
    assert listed(partner)[0].customer_id == created.domain_id, "the latest"
    wait_until(lambda: len(callback.taken) == 3, "the partner has been told of each")
    assert [told["bindAction"] for told in callback.taken] == [1, 0, 1]
    proved = run("verify-ledger", DATABASE_URL=place.database_url)
    assert proved.returncode == 0 and ", 0 wrong" in proved.stdout, proved.stdout
    admin(place, "partner", "set", "demo-partner", "--callback-url", "")
    callback.shutdown()
