"""Enterprises by the official SDKs: the organisation, members that can be used at once, codes, enterprise projects."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from huaweicloudsdkcore.auth.credentials import GlobalCredentials

from sandbox import Gateway, World
from test_customers import RAISED, admin, call, client, refusal, sql
from test_operations import Client, TokenCredentials
from wire import SECONDS

PASSWORD = "Sub-account-1"
PHONE = "13800000077"


@pytest.fixture(scope="module")
def office(world: World) -> Iterator[Gateway]:
    """A gateway whose members only these tests make."""
    with world.gateway(RAISED) as gateway:
        yield gateway


@pytest.fixture(params=["signature", "token"])
def master(request: pytest.FixtureRequest, office: Gateway) -> Client:
    own = office.accounts["demo-master"]
    if request.param == "signature":
        return client(office, "demo-master")
    return Client("cn", office, TokenCredentials(token(office, "demo-master", own.password)))


def token(gateway: Gateway, account: str, password: str) -> str:
    user = {"name": account, "password": password, "domain": {"name": account}}
    identity = {"methods": ["password"], "password": {"user": user}}
    answer = requests.post(f"{gateway.url}/v3/auth/tokens", json={"auth": {"identity": identity}}, timeout=SECONDS)
    assert answer.status_code == 201, answer.text
    return answer.headers["X-Subject-Token"]


def unit(master: Client, name: str) -> Any:
    def found(nodes: list[Any]) -> Iterator[Any]:
        for node in nodes:
            yield node
            yield from found(node.child_nodes or [])

    tree = master("ListEnterpriseOrganizations", recursive_query=1).child_nodes
    return next(node for node in found(tree) if node.name == name)


def code_for(gateway: Gateway, master: Client, phone: str) -> str:
    argument = master.models.TemplateArgs(key="sub_customer_name", value="new-member")
    fields = {"mobile_phone": phone, "timeout": 5, "language": "en-us", "sm_template_args": [argument]}
    call(master, "SendSmsVerificationCode", "SendSmVerificationCodeReq", **fields)
    [shown] = [row for row in admin(gateway, "codes", "show", phone) if row["scene"] == 101]
    return shown["code"]


def create(master: Client, party_id: str, name: str, account: dict[str, Any], **fields: Any) -> Any:
    account = master.models.NewCustomerV2(customer_name=name, password=PASSWORD, **account)
    own = {"party_id": party_id, "sub_customer_association_type": 1, "new_sub_customer": account}
    return call(master, "CreateSubEnterpriseAccount", "CreateSubCustomerReqV2", **own, **fields)


def test_the_organisation_is_listed_level_by_level(office: Gateway, master: Client) -> None:
    top = master("ListEnterpriseOrganizations")
    assert (top.root_id.isdigit(), top.root_name) == (True, "Demo Enterprise Ltd")
    assert [node.name for node in top.child_nodes] == ["Sales", "Research"]
    assert all(node.id.isdigit() and node.relation_id.isdigit() for node in top.child_nodes)
    below = master("ListEnterpriseOrganizations", parent_id=top.child_nodes[0].id)
    assert (below.root_id, [node.name for node in below.child_nodes]) == (None, ["Sales, north"])
    whole = master("ListEnterpriseOrganizations", recursive_query=1)
    assert [node.name for node in whole.child_nodes[0].child_nodes] == ["Sales, north"]
    units = admin(office, "enterprise", "units", "demo-master")
    assert {unit["party_id"] for unit in units} >= {top.root_id, top.child_nodes[0].id}


def test_a_member_is_created_listed_and_used(office: Gateway, master: Client) -> None:
    name = f"member-{time.monotonic_ns()}"
    north = unit(master, "Sales, north").id
    account = {"mobile_phone": PHONE, "verification_code": code_for(office, master, PHONE)}
    permissions = ["READ_FINANCE_INFO", "READ_CONSUME_BILL"]
    create(master, north, name, account, display_name="Branch", permission_ids=permissions)
    [listed] = master("ListEnterpriseSubCustomers", sub_customer_account_name=name).sub_customer_infos
    shown = (listed.display_name, listed.status, listed.org_id, listed.org_name)
    assert shown == ("Branch", 1, north, "Sales, north")
    found = master("ListEnterpriseSubCustomers", sub_customer_account_name=name[-9:], fuzzy_query=1, org_id=north)
    assert [info.id for info in found.sub_customer_infos] == [listed.id]

    own = Client("cn", office, TokenCredentials(token(office, name, PASSWORD)))
    assert own("ShowCustomerAccountBalances").account_balances is not None
    own("CreateEnterpriseProjectAuth")
    assert admin(office, "enterprise", "features", name)["opened"] == ["enterprise_projects"]
    assert refusal(lambda: own("ListEnterpriseSubCustomers")) == (403, "CBC.0151")
    [member] = [row for row in admin(office, "enterprise", "members", "demo-master") if row["account"] == name]
    assert (member["permissions"], member["in_custody"]) == (permissions, False)


def test_a_member_in_custody_has_the_masters_phone(office: Gateway, master: Client) -> None:
    name = f"kept-{time.monotonic_ns()}"
    root = master("ListEnterpriseOrganizations").root_id
    create(master, root, name, {"use_pri_mobile_phone": "Y"}, financial_custody=1)
    [member] = [row for row in admin(office, "enterprise", "members", "demo-master") if row["account"] == name]
    assert member["in_custody"]
    assert member["permissions"] == ["READ_FINANCE_INFO", "READ_CONSUME_BILL", "SHARE-BIZ-DISCOUNT-TO-SUB"]


def test_what_is_refused_is_told_by_the_vendors_codes(office: Gateway) -> None:
    master = client(office, "demo-master")
    root = master("ListEnterpriseOrganizations").root_id
    account = {"mobile_phone": PHONE, "verification_code": "000000"}
    assert refusal(lambda: create(master, root, "refused-one", account)) == (400, "CBC.99000026")
    code = code_for(office, master, PHONE)
    sql(office, "update verification_codes set expires_at = expires_at - interval '1 hour'")
    late = account | {"verification_code": code}
    assert refusal(lambda: create(master, root, "refused-one", late)) == (400, "CBC.99000027")
    masters = {"use_pri_mobile_phone": "Y"}
    assert refusal(lambda: create(master, root, "1refused", masters)) == (400, "CBC.99000031")
    assert refusal(lambda: create(master, root, "demo-member-1", masters)) == (400, "CBC.99000038")
    assert refusal(lambda: create(master, "4711", "refused-one", masters)) == (400, "CBC.0100")
    for account_name in ["demo-member-1", "demo-customer"]:
        other = client(office, account_name)
        assert refusal(lambda other=other: other("ListEnterpriseOrganizations")) == (403, "CBC.0151")
    lone = client(office, "lone-customer")
    assert refusal(lambda: lone("CreateEnterpriseProjectAuth")) == (400, "CBC.99007004")


def test_the_command_line_keeps_organisations(office: Gateway) -> None:
    admin(office, "account", "create", "kept-master", "--kind", "master")
    [root] = admin(office, "enterprise", "units", "kept-master")
    admin(office, "enterprise", "change-unit", "kept-master", root["party_id"], "--name", "Kept Ltd")
    first = admin(office, "enterprise", "create-unit", "kept-master", "First")
    second = admin(office, "enterprise", "create-unit", "kept-master", "Second", "--parent", first["party_id"])
    moved = admin(office, "enterprise", "change-unit", "kept-master", second["party_id"], "--parent", root["party_id"])
    assert (second["level"], moved["level"], moved["parent_id"]) == (3, 2, root["party_id"])
    key = admin(office, "key", "create", "kept-master")
    master = Client("cn", office, GlobalCredentials(key["access_key"], key["secret_key"]))
    tree = master("ListEnterpriseOrganizations", recursive_query=1)
    assert (tree.root_name, [node.name for node in tree.child_nodes]) == ("Kept Ltd", ["First", "Second"])
    assert master("ListEnterpriseSubCustomers").total_count == 0
    opened = admin(office, "enterprise", "open-feature", "lone-customer", "multi-project")
    assert opened == {"opened": ["multi_project"]} == admin(office, "enterprise", "features", "lone-customer")
