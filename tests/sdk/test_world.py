"""The sandbox's world follows from its seed: every row of it."""

import subprocess
from collections.abc import Callable

from sandbox import Gateway

# What holds secrets is sealed with random nonces under a key of each sandbox's own.
DUMP = """
select format('copy (select %s from %I order by 1, 2, 3) to stdout;',
              string_agg(format('%I', a.attname), ', ' order by a.attnum), c.relname)
from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
  and c.relname <> '_sqlx_migrations' and a.attname not like '%sealed%' and a.attname not like '%\\_hash'
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
    return dict(zip(statements, texts, strict=True))


def test_one_seed_makes_one_world(start_gateway: Callable[..., Gateway]) -> None:
    one, same, other = (start_gateway("--seed", seed) for seed in ("7", "7", "8"))
    rows = dump(one)
    assert rows == dump(same)
    assert one.accounts == same.accounts
    different = [statement for statement, text in dump(other).items() if text != rows[statement]]
    for table in ("accounts", "domains", "transfers", "users", "operators"):
        assert any(f"from {table} " in statement for statement in different), table
