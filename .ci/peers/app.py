"""A peer: transfers and lists as one would write them by hand with FastAPI and asyncpg, behind the vendor's signature.

It has what the measurement asks for and no more: no idempotency, no quotas, no audit. uvicorn app:app, with PGHOST and PGPORT.
"""
import hashlib
import hmac
import os
import time
from calendar import timegm
from contextlib import asynccontextmanager
from decimal import Decimal, InvalidOperation
from urllib.parse import parse_qsl, quote, unquote

import asyncpg
from fastapi import Depends, FastAPI, HTTPException, Query, Request
from pydantic import BaseModel

ALGORITHM = "SDK-HMAC-SHA256"


@asynccontextmanager
async def lifespan(app: FastAPI):
    app.state.keys = {}
    app.state.pool = await asyncpg.create_pool(
        host=os.environ["PGHOST"], port=int(os.environ["PGPORT"]), user="postgres", database="bench", min_size=8, max_size=8
    )
    yield
    await app.state.pool.close()


app = FastAPI(lifespan=lifespan)


def encoded(text: str) -> str:
    return quote(text, safe="~")


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


async def key_of(state, access_key: str) -> asyncpg.Record:
    if access_key not in state.keys:
        state.keys[access_key] = await state.pool.fetchrow("select sk, partner_id from credentials where ak = $1", access_key)
    return state.keys[access_key]


async def partner(request: Request) -> str:
    """Who signed the request."""
    try:
        algorithm, fields = request.headers["authorization"].split(" ", 1)
        fields = dict(field.strip().split("=", 1) for field in fields.split(","))
        date = request.headers["x-sdk-date"]
        if algorithm != ALGORITHM or abs(timegm(time.strptime(date, "%Y%m%dT%H%M%SZ")) - time.time()) > 900:
            raise ValueError
        key = await key_of(request.app.state, fields["Access"])
        path = "/".join(encoded(unquote(part)) for part in request.url.path.split("/"))
        query = sorted(parse_qsl(request.url.query, keep_blank_values=True))
        canonical = "\n".join((
            request.method,
            path.removesuffix("/") + "/",
            "&".join(f"{encoded(name)}={encoded(value)}" for name, value in query),
            "".join(f"{name}:{request.headers[name].strip()}\n" for name in fields["SignedHeaders"].split(";")),
            fields["SignedHeaders"],
            digest(await request.body()),
        ))
        text = f"{ALGORITHM}\n{date}\n{digest(canonical.encode())}"
        if not hmac.compare_digest(hmac.digest(key["sk"].encode(), text.encode(), "sha256").hex(), fields["Signature"]):
            raise ValueError
        return key["partner_id"]
    except (KeyError, TypeError, ValueError):
        raise HTTPException(401, "signature")


class ResourceType(BaseModel):
    resource_type_code: str
    resource_type_name: str
    resource_type_desc: str


class ResourceTypes(BaseModel):
    resource_types: list[ResourceType]
    total_count: int


@app.get("/v2/products/resource-types")
async def resource_types(
    request: Request, limit: int = Query(10, ge=1, le=300), offset: int = Query(0, ge=0),
    resource_type_code: str | None = None, partner: str = Depends(partner),
) -> ResourceTypes:
    rows = await request.app.state.pool.fetch(
        """select resource_type_code, resource_type_name, resource_type_desc,
                  (select count(*) from resource_types where $1::text is null or resource_type_code = $1) as total
           from resource_types where $1::text is null or resource_type_code = $1
           order by resource_type_code limit $2 offset $3""",
        resource_type_code, limit, offset,
    )
    types = [ResourceType(**{name: row[name] for name in ResourceType.model_fields}) for row in rows]
    return ResourceTypes(resource_types=types, total_count=rows[0]["total"] if rows else 0)


class Adjust(BaseModel):
    customer_id: str
    amount: str


@app.post("/v2/accounts/partner-accounts/adjust-amount")
async def adjust(request: Request, body: Adjust, partner: str = Depends(partner)) -> dict:
    try:
        amount = int(Decimal(body.amount) * 10000)
    except InvalidOperation:
        raise HTTPException(400, "amount")
    async with request.app.state.pool.acquire() as connection, connection.transaction():
        accounts = await connection.fetchrow(
            """select c.account_id as customer, p.account_id as partner from customers c join partners p using (partner_id)
               where c.customer_id = $1 and c.partner_id = $2""",
            body.customer_id, partner,
        )
        if accounts is None:
            raise HTTPException(403, "customer")
        given = await connection.fetchval(
            """update accounts set balance = balance - $1, version = version + 1
               where account_id = $2 and balance >= $1 returning balance""",
            amount, accounts["partner"],
        )
        if given is None:
            raise HTTPException(400, "balance")
        taken = await connection.fetchval(
            "update accounts set balance = balance + $1, version = version + 1 where account_id = $2 returning balance",
            amount, accounts["customer"],
        )
        journal = await connection.fetchval(
            "insert into journal (kind, partner_id, customer_id, amount) values (1, $1, $2, $3) returning journal_id",
            partner, body.customer_id, amount,
        )
        await connection.execute(
            "insert into postings values ($1, $2, $3, $4), ($1, $5, $6, $7)",
            journal, accounts["partner"], -amount, given, accounts["customer"], amount, taken,
        )
    return {"transfer_id": str(journal)}


class AdjustRecord(BaseModel):
    trans_id: str
    customer_id: str
    amount: str
    operation_time: str


class AdjustRecords(BaseModel):
    records: list[AdjustRecord]
    total_count: int


@app.get("/v3/accounts/partner-accounts/adjust-records")
async def adjust_records(
    request: Request, limit: int = Query(10, ge=1, le=100), offset: int = Query(0, ge=0), partner: str = Depends(partner)
) -> AdjustRecords:
    rows = await request.app.state.pool.fetch(
        """select journal_id, customer_id, amount, created_at, (select count(*) from journal where partner_id = $1) as total
           from journal where partner_id = $1 order by journal_id desc limit $2 offset $3""",
        partner, limit, offset,
    )
    records = [
        AdjustRecord(
            trans_id=str(row["journal_id"]), customer_id=row["customer_id"], amount=str(Decimal(row["amount"]) / 10000),
            operation_time=row["created_at"].strftime("%Y-%m-%dT%H:%M:%SZ"),
        )
        for row in rows
    ]
    return AdjustRecords(records=records, total_count=rows[0]["total"] if rows else 0)
