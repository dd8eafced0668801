"""Writes signature.json and algorithms.json: requests signed by the vendor's own Python signers.

Each is just as its bytes went over the wire: the one file by the signer that is the default, the other by the four that
a client can choose instead.

Run it with the environment of tests/sdk/requirements.txt, from anywhere:

    .venv/bin/python tests/vectors/make_signature.py

The requests really are sent, to a listener of this program, because the HTTP library below the SDK has its own idea of
which characters of a target it encodes, and a server sees the result of that. All of it stays on this machine.
Keys and instants are made up and fixed, so the same versions of the libraries write the same signature.json. Not so
algorithms.json: a signature with ECDSA or SM2 holds a random number, and every one is another.

Values are UTF-8 text: a header with a Chinese value was sent as the UTF-8 bytes of that text.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import requests
from huaweicloudsdkcore.auth.credentials import GlobalCredentials
from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import DerivationAKSKSigner, P256SHA256Signer, Signer, SM2SM3Signer, SM3Signer

FOLDER = Path(__file__).parent
ACCESS_KEY = "VECTORSACCESSKEY0001"
# On SM2 its public key begins with a zero byte, which the signer leaves out of the hash of an identity.
SHORT_ACCESS_KEY = "VECTORSACCESSKEY0058"
SECRET_KEY = "vectors-secret-key-that-opens-nothing-0001"
DATE = "20260101T000000Z"
HOST = "bss.example.com"
JSON = {"Content-Type": "application/json"}
TYPES = "/v2/products/resource-types"
ORDERS = "/v2/orders/customer-orders"
# What the SDK sends but this signer does not sign here, so that unsigned headers are seen not to count.
UNSIGNED = {"User-Agent": "huaweicloud-usdk-python/3.0", "Accept": "*/*"}


@dataclass
class Case:
    """A request before it is signed. `raw_query`, where given, is sent just so, as other clients may write it."""

    name: str
    method: str = "GET"
    path: str = TYPES
    query: list[tuple[str, Any]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    raw_query: str | None = None


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def cases() -> Iterator[Case]:
    """Every feature of the canonical request, mostly one at a time."""
    yield Case("no query")
    yield Case("trailing slash", path=f"{TYPES}/")
    yield Case("root", path="/")
    yield Case("empty segment", path="/v2//products")

    yield Case("one parameter", query=[("limit", "10")])
    yield Case("sorted parameters", query=[("limit", "10"), ("offset", "0")])
    yield Case("parameters sent unsorted", query=[("offset", "0"), ("limit", "10")], raw_query="offset=0&limit=10")
    yield Case("upper case before lower case", query=[("b", "1"), ("B", "2"), ("a", "3")], raw_query="b=1&B=2&a=3")
    yield Case("a name that begins with another", query=[("ab", "1"), ("a", "2"), ("a-b", "3")])
    yield Case("number and truth value", query=[("limit", 10), ("valid", True)])
    yield Case("empty value", query=[("resource_type_code", "")])
    yield Case("empty value among others", query=[("a", ""), ("b", "1"), ("c", "")])
    yield Case("name without equals sign", query=[("marker", "")], raw_query="marker")
    yield Case("repeated name", query=[("id", ["3", "1", "2"])])
    yield Case("repeated name sent unsorted", query=[("id", ["3", "1", "2"])], raw_query="id=3&id=1&id=2")
    yield Case("repeated name with empty and unicode values", query=[("id", ["b", "", "北京", "a"])])
    yield Case("unicode value", query=[("service_type_name", "弹性云服务器")])
    yield Case("unicode name", query=[("名称", "x")])
    yield Case("unicode beyond the basic plane sorts last", query=[("\U0001f600", "1"), ("\uff5e", "2"), ("z", "3")])
    yield Case("lower case escapes", query=[("name", "北京")], raw_query="name=%e5%8c%97%e4%ba%ac")
    yield Case("space", query=[("name", "a b")])
    yield Case("space sent as plus", query=[("name", "a b")], raw_query="name=a+b")
    yield Case("plus", query=[("name", "a+b")])
    yield Case("reserved characters", query=[("name", "a/b?c=d&e#f%g;h:i@j,k$l!m")])
    yield Case("unreserved characters", query=[("name", "A-b_c.d~9")])
    yield Case("tilde sent escaped", query=[("name", "a~b")], raw_query="name=a%7Eb")
    yield Case("asterisk, quotes and brackets", query=[("name", "*'\"()[]{}<>|\\^`")])
    yield Case("asterisk and quote sent plain", query=[("name", "*'()")], raw_query="name=*'()")
    yield Case("escape of an escape", query=[("name", "100%25")])

    yield Case("unicode in the path", path="/v2/客户/订单")
    yield Case("space and plus in the path", path="/v2/a b/c+d")
    yield Case("escaped slash in the path", path="/v2/a%2Fb/c")
    yield Case("tilde, asterisk and quotes in the path", path="/v2/~a/*b/'c'/\"d\"")
    yield Case("reserved characters in the path", path="/v2/a:b@c/d,e;f=g&h$i!j/(k)")

    yield Case("body", "POST", ORDERS, headers=JSON, body='{"limit":10}')
    yield Case("body of unicode", "POST", ORDERS, headers=JSON, body='{"name":"北京 \U0001f600"}')
    yield Case("body with line ends", "POST", ORDERS, headers=JSON, body='{\r\n  "a": 1\n}\n')
    yield Case("body and query", "POST", ORDERS, [("limit", "1"), ("a", "中")], JSON, '{"a":[1,2]}')
    yield Case("empty body with a content type", "POST", ORDERS, headers=JSON)
    yield Case("empty body without a content type", "POST", ORDERS)
    yield Case("put", "PUT", f"{ORDERS}/CS26010100000001", headers=JSON, body='{"a":null}')
    yield Case("delete", "DELETE", f"{ORDERS}/CS26010100000001")
    yield Case("delete with a body", "DELETE", ORDERS, headers=JSON, body='["CS26010100000001"]')
    yield Case("head", "HEAD", "/v3/auth/tokens")
    charset = {"Content-Type": "application/json;charset=UTF-8"}
    yield Case("content type with a parameter", "POST", ORDERS, headers=charset, body="{}")
    # The signer writes X-Sdk-Content-Sha256: UNSIGNED-PAYLOAD for every type but JSON and BSON.
    octets = {"Content-Type": "application/octet-stream"}
    yield Case("unsigned payload", "POST", ORDERS, headers=octets, body="any bytes")
    yield Case("unsigned payload of an empty body", "POST", ORDERS, headers=octets)
    body = '{"limit":20}'
    yield Case("stated hash", "POST", ORDERS, headers=JSON | {"X-Sdk-Content-Sha256": sha256(body)}, body=body)
    yield Case("stated hash of an empty body", headers={"X-Sdk-Content-Sha256": sha256("")})

    yield Case("language", headers=JSON | {"X-Language": "en_US"})
    yield Case("account", headers=JSON | {"X-Domain-Id": "0a1b2c3d4e5f60718293a4b5c6d7e8f9"})
    yield Case("project", headers=JSON | {"X-Project-Id": "ffeeddccbbaa99887766554433221100"})
    yield Case("unicode header value", headers={"X-Language": "zh_CN", "X-Note": "备注 ü"})
    yield Case("header value with spaces inside and around", headers={"X-Note": "  two  words  "})
    yield Case("empty header value", headers={"X-Note": ""})
    yield Case("header with an underscore is not signed", headers={"X_Note": "unsigned"})
    yield Case("header names that sort", headers={"X-B": "1", "X-A-B": "2", "X-A": "3", "A": "4", "X-A1": "5"})
    yield Case("many headers", headers=JSON | {f"X-Header-{number}": f"value {number}" for number in range(40)})
    yield Case(
        "everything",
        "POST",
        "/v2/合作伙伴/a b/",
        [("名称", ["云", "a+b", ""]), ("z", "*~'"), ("A", "%2F")],
        JSON | {"X-Language": "zh_CN", "X-Domain-Id": "0a1b2c3d4e5f60718293a4b5c6d7e8f9", "X-Note": "备注"},
        '{"名称":"弹性云服务器"}',
    )


# For algorithms.json: what the algorithms share is in signature.json already.
CHOSEN = [
    "no query",
    "sorted parameters",
    "repeated name",
    "unicode value",
    "space sent as plus",
    "unicode in the path",
    "body",
    "body of unicode",
    "empty body with a content type",
    "delete with a body",
    "unsigned payload",
    "unsigned payload of an empty body",
    "stated hash",
    "everything",
]


def sign_derived(key: GlobalCredentials, request: SdkRequest) -> SdkRequest:
    return DerivationAKSKSigner(key).sign(request, "bss", "globe")


Sign = Callable[[GlobalCredentials, SdkRequest], SdkRequest]
SIGNERS: dict[str, Sign] = {
    "SDK-HMAC-SM3": lambda key, request: SM3Signer(key).sign(request),
    "SDK-ECDSA-P256-SHA256": lambda key, request: P256SHA256Signer(key).sign(request),
    "SDK-SM2-SM3": lambda key, request: SM2SM3Signer(key).sign(request),
    "V11-HMAC-SHA256": sign_derived,
}


def chosen_cases(algorithm: str) -> Iterator[Case]:
    """Some of the cases, with the hash of the algorithm where one is stated."""
    by_name = {case.name: case for case in cases()}
    for name in CHOSEN:
        case = by_name[name]
        if name == "stated hash" and algorithm.endswith("SM3"):
            stated = hashlib.new("sm3", case.body.encode()).hexdigest()
            case = replace(case, headers=JSON | {"X-Sdk-Content-Sm3": stated})
        yield replace(case, name=f"{algorithm}: {name}")


class Listener(BaseHTTPRequestHandler):
    """Keeps the last request."""

    heard: dict[str, Any]

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        # Bytes of a header come as the characters of the same numbers.
        headers = [[name, value.encode("latin-1").decode()] for name, value in self.headers.items()]
        # Not self.path, in which two slashes at the beginning have become one.
        method, target, _ = self.requestline.split(" ")
        Listener.heard = {"method": method, "target": target, "headers": headers, "body": body.decode()}
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = answer

    def log_message(self, *_: Any) -> None:
        """Silent."""


def sign_by_default(key: GlobalCredentials, request: SdkRequest) -> SdkRequest:
    return Signer(key).sign(request)


def vector(
    case: Case, session: requests.Session, port: int, sign: Sign = sign_by_default, access_key: str = ACCESS_KEY
) -> dict[str, Any]:
    """Signs and sends as the SDK's client does."""
    request = SdkRequest(
        method=case.method,
        host=HOST,
        resource_path=case.path,
        query_params=[(name, list(value) if isinstance(value, list) else value) for name, value in case.query],
        header_params={"X-Sdk-Date": DATE, **case.headers},
        body=case.body,
    )
    request = sign(GlobalCredentials(access_key, SECRET_KEY), request)
    if case.raw_query is None:
        url = f"http://127.0.0.1:{port}{request.uri}"
        session.request(case.method, url, headers=request.header_params, data=request.body, timeout=10)
    else:
        # Below requests, which would write the escapes of a query in its own way.
        connection = HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request(case.method, f"{case.path}?{case.raw_query}", headers=UNSIGNED | request.header_params)
        connection.getresponse().read()
        connection.close()
    return {"name": case.name, **Listener.heard, "access_key": access_key, "secret_key": SECRET_KEY}


def write(name: str, vectors: list[dict[str, Any]]) -> None:
    (FOLDER / name).write_text(json.dumps({"vectors": vectors}, ensure_ascii=False, indent=1) + "\n")


def main() -> None:
    server = HTTPServer(("127.0.0.1", 0), Listener)
    Thread(target=server.serve_forever, daemon=True).start()
    with requests.Session() as session:
        session.trust_env = False
        session.headers.clear()
        session.headers.update(UNSIGNED)
        port = server.server_port
        write("signature.json", [vector(case, session, port) for case in cases()])
        chosen = [
            vector(case, session, port, sign) for algorithm, sign in SIGNERS.items() for case in chosen_cases(algorithm)
        ]
        for algorithm, sign in SIGNERS.items():
            case = Case(f"{algorithm}: a key whose public key on SM2 is short", query=[("limit", "10")])
            chosen.append(vector(case, session, port, sign, SHORT_ACCESS_KEY))
        write("algorithms.json", chosen)
    server.shutdown()


if __name__ == "__main__":
    main()
