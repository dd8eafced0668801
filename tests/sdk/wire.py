"""Requests below the level of the SDK's clients, signed by the SDK's own signer."""

import socket
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPMessage, HTTPResponse
from json import loads
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests
from huaweicloudsdkcore.auth.credentials import GlobalCredentials
from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import Signer
from requests import PreparedRequest, Request
from requests.auth import AuthBase

from sandbox import Account, Gateway

HERE = "127.0.0.1"
# All of 127.0.0.0/8 is the loopback interface: a second source address without a second machine.
THERE = "127.0.0.2"
SECONDS = 20
SPECS = "/v2/products/resource-specs-query"
# A small body for the operation that has one.
SPECS_BODY = (
    b'{"cloud_service_type":"hws.service.type.ec2","resource_type":"hws.resource.type.vm",'
    b'"region_code":"cn-north-4","charge_mode":"1","limit":1}'
)


class SdkAuth(AuthBase):
    """Signs a prepared request, whatever made it: its host and its content type, like the SDK's clients."""

    def __init__(self, account: Account) -> None:
        self.signer = Signer(GlobalCredentials(account.access_key, account.secret_key))

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        parts = urlsplit(request.url)
        headers = {"Host": parts.netloc}
        if "Content-Type" in request.headers:
            headers["Content-Type"] = request.headers["Content-Type"]
        query = parse_qsl(parts.query, keep_blank_values=True)
        body = request.body or b""
        signed = SdkRequest(
            method=request.method, resource_path=parts.path, query_params=query, header_params=headers, body=body
        )
        request.headers.update(self.signer.sign(signed).header_params)
        return request


@dataclass(frozen=True)
class Answer:
    """A response, read to its end."""

    status: int
    headers: HTTPMessage
    body: bytes

    def json(self) -> Any:
        """Its body."""
        return loads(self.body)


def account_id(gateway: Gateway, account: Account) -> str:
    """What the SDK sends as `X-Domain-Id` when it is told."""
    answer = requests.get(f"{gateway.url}/v5/caller-identity", auth=SdkAuth(account), timeout=SECONDS)
    return answer.json()["account_id"]


def signed(gateway: Gateway, account: str, method: str, target: str, **options: Any) -> PreparedRequest:
    """A request of an account of the sandbox; the options are those of `requests.Request`."""
    auth = SdkAuth(gateway.accounts[account])
    return Request(method, gateway.url + target, auth=auth, **options).prepare()


def specs_request(gateway: Gateway, body: bytes = SPECS_BODY, account: str = "demo-partner") -> PreparedRequest:
    """A request with a body."""
    return signed(gateway, account, "POST", SPECS, data=body, headers={"Content-Type": "application/json"})


def head(request: PreparedRequest) -> bytes:
    """The request up to its body, for tests that send it in pieces."""
    lines = [f"{request.method} {request.path_url} HTTP/1.1", *(f"{k}: {v}" for k, v in request.headers.items())]
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode()


def read(connection: socket.socket) -> Answer:
    """The answer on a bare socket."""
    response = HTTPResponse(connection)
    response.begin()
    return Answer(response.status, response.headers, response.read())


def send_at_once(gateway: Gateway, calls: Sequence[tuple[str, PreparedRequest]]) -> list[Answer]:
    """Sends all requests, each from its source address, within milliseconds: every connection is open beforehand."""
    host, port = gateway.address
    connections = [HTTPConnection(host, port, timeout=SECONDS, source_address=(source, 0)) for source, _ in calls]
    for connection in connections:
        connection.connect()
    start = threading.Barrier(len(calls))

    def send(connection: HTTPConnection, request: PreparedRequest) -> Answer:
        start.wait(SECONDS)
        connection.request(request.method, request.path_url, request.body, dict(request.headers))
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())

    with ThreadPoolExecutor(len(calls)) as threads:
        answers = list(threads.map(send, connections, [request for _, request in calls]))
    for connection in connections:
        connection.close()
    return answers


def send(gateway: Gateway, request: PreparedRequest, source: str = HERE) -> Answer:
    """Sends one request."""
    [answer] = send_at_once(gateway, [(source, request)])
    return answer
