"""The sandbox's world follows from its seed, its scale and the day: every row of it."""

import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from sandbox import BINARY, Gateway, environment
from wire import SECONDS

# What holds secrets is sealed with random nonces, or hashed, under a key of each sandbox's own.
DUMP = """
select format('copy (select %s from %I order by 1, 2, 3) to stdout;',
              string_agg(format('%I', a.attname), ', ' order by a.attnum), c.relname)
from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
  and c.relname <> '_sqlx_migrations' and a.attname not like '%sealed%' and a.attname not like '%\\_hash'
  and a.attname <> 'name_grams'
group by c.relname having count(*) > 2 order by c.relname
"""


def sql(gateway: Gateway, statements: str) -> str:
    command = ["psql", gateway.database_url, "-XqAt", "-v", "ON_ERROR_STOP=1"]
    return subprocess.run(command, input=statements, capture_output=True, text=True, check=True).stdout


def dump(gateway: Gateway) -> dict[str, str]:
    statements = sql(gateway, f"{DUMP};").splitlines()
    assert len(statements) > 30
    mark = "-- table --"
    texts = sql(gateway, "".join(f"\\echo {mark}\n{statement}\n" for statement in statements)).split(f"{mark}\n")[1:]
    # Rows that agree in what they are ordered by come in any order.
    return {statement: "\n".join(sorted(text.splitlines())) for statement, text in zip(statements, texts, strict=True)}


def different(one: dict[str, str], other: dict[str, str]) -> list[str]:
    """The tables that differ, by the statements that read them."""
    return [statement for statement, text in one.items() if text != other[statement]]


def start_all(start_gateway: Callable[..., Gateway], *arguments: tuple[str, ...]) -> list[Gateway]:
    """Several at once: each takes its time to make its world."""
    with ThreadPoolExecutor() as starting:
        return list(starting.map(lambda given: start_gateway(*given), arguments))


def test_one_seed_makes_one_world(start_gateway: Callable[..., Gateway]) -> None:
    one, same, other = start_all(start_gateway, *(("--seed", seed, "--scale", "small") for seed in ("7", "7", "8")))
    rows = dump(one)
    assert different(rows, dump(same)) == []
    assert (one.accounts, one.users, one.operator_tokens) == (same.accounts, same.users, same.operator_tokens)
    changed = different(rows, dump(other))
    for table in ("accounts", "domains", "transfers", "users", "operators"):
        assert any(f"from {table} " in statement for statement in changed), table


def test_one_seed_makes_one_history(start_gateway: Callable[..., Gateway]) -> None:
    one, same = start_all(start_gateway, *[("--seed", "7", "--scale", "medium")] * 2)
    rows = dump(one)
    assert different(rows, dump(same)) == []
    lines = {statement.split(" from ")[1].split()[0]: text.count("\n") for statement, text in rows.items()}
    for table, most in (("customers", 400), ("transfers", 3000), ("coupons", 1000), ("coupon_records", 5000)):
        assert lines[table] > most, (table, lines[table])
    assert min(lines[table] for table in ("budgets", "budget_records", "real_name_applications")) > 20
    settings = {"DATABASE_URL": one.database_url, "BSS_SECRETS_MASTER_KEY_FILE": one.master_key_file}
    proof = subprocess.run([BINARY, "verify-ledger"], env=environment(**settings), capture_output=True, text=True)
    assert (proof.returncode, proof.stdout.split(", ")[-1]) == (0, "0 wrong\n"), proof.stdout


def test_a_world_that_exists_keeps_its_seed_and_its_scale(start_gateway: Callable[..., Gateway]) -> None:
    first = start_gateway("--seed", "7", "--scale", "small", keep=True)
    first.stop()
    second = start_gateway("--seed", "8", "--scale", "medium", keep=True)
    assert second.accounts == first.accounts
    assert sql(second, "select seed, scale from sandbox_world;") == "7|small\n"


@pytest.mark.parametrize("role", ["read", "operate", "admin"])
def test_every_operator_reads_the_scenarios(gateway: Gateway, role: str) -> None:
    headers = {"Authorization": f"Bearer {gateway.operator_tokens[role]}"}
    answer = requests.get(f"{gateway.operator_url}/admin/v1/scenarios", headers=headers, timeout=SECONDS)
    partners = [scenario["name"] for scenario in answer.json()["scenarios"]]
    assert len(partners) == 4 and all(gateway.accounts[partner].kind == "partner" for partner in partners)
