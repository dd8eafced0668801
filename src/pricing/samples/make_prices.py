#!/usr/bin/env python3
"""Writes prices.csv: by rule, what every seeded specification costs by use and for a month, in yuan and in the first regions.

Days and years, other regions and other currencies follow from that when the samples are loaded: see mod.rs. Run it again after
resource_specs.csv has changed. The rules are plausible and nothing more: no figure is the vendor's.
"""

import csv
import re
from decimal import Decimal
from pathlib import Path

HERE = Path(__file__).resolve().parent
SEED = HERE.parents[1] / "products/seed"
HOURS_A_MONTH = 480  # a month costs as much as so many hours on demand
COLUMNS = (
    "resource_type resource_spec usage_factor measure_id size_measure_id size_min size_max size_step shape tier_by tiers"
    " on_demand month"
).split()

HOUR, GIGABYTE_OF_TRAFFIC, COUNT, MBPS, GIGABYTE, THOUSAND_TIMES = 4, 10, 14, 15, 17, 31
DISK_SIZES = (GIGABYTE, 10, 32768, 1)
VOLUME_SIZES = (GIGABYTE, 40, 10000, 10)
FAST_GENERATIONS = {
    "c7": "1.1",
    "m7": "1.1",
    "s7": "1.05",
    "i7": "1.6",
    "ir7": "1.5",
    "ai1s": "4",
    "p2": "9",
    "kc1": "0.8",
}
SIZES = {"small": 1, "medium": 1, "large": 2, "xlarge": 4}


def server(spec: str) -> Decimal:
    """Yuan an hour of a flavour such as c6.2xlarge.4: by vCPUs and memory."""
    family, size, ratio = re.match(r"(?:physical\.)?([a-z0-9]+)\.(\d*\w+)(?:\.(\d+))?", spec).groups()
    number = re.match(r"(\d+)xlarge", size)
    processors = int(number[1]) * 4 if number else SIZES.get(size, 2)
    memory = processors * int(ratio or 4)
    factor = next((Decimal(value) for start, value in FAST_GENERATIONS.items() if family.startswith(start)), Decimal(1))
    licence = Decimal("0.05") * processors if spec.endswith(".win") else Decimal(0)
    return (Decimal("0.09") * processors + Decimal("0.035") * memory) * factor + licence


def machine(spec: str, name: str) -> Decimal:
    """Yuan an hour of a database or message instance, by what its name says of vCPUs and memory."""
    processors = re.search(r"(\d+) vCPU", name)
    memory = re.search(r"([\d.]+) GB", name)
    price = Decimal("0.22") * int(processors[1] if processors else 2) + Decimal("0.06") * Decimal(
        memory[1] if memory else 4
    )
    if "primary/standby" in name or "master/standby" in name:
        price *= 2
    nodes = re.search(r"(\d) (?:nodes|replicas)", name)
    return price * int(nodes[1]) if nodes else price


class Row:
    """What a specification costs in one way of measuring it."""

    def __init__(
        self, on_demand, factor="duration", measure=HOUR, sizes=None, shape="linear", by="", tiers="", month=None
    ):
        self.on_demand, self.factor, self.measure = on_demand, factor, measure
        self.sizes, self.shape, self.by, self.tiers, self.month = sizes, shape, by, tiers, month


def storage(cheap: str, classes: str, reads: str) -> list[Row]:
    """Object storage: capacity by the GB and hour in tiers, traffic in tiers, requests, and two factors free of charge."""
    suffix = f"_{classes}" if classes else ""
    terabytes_for_a_month = 1024 * 730
    capacity = [Decimal(cheap), Decimal(cheap) * Decimal("0.95"), Decimal(cheap) * Decimal("0.9")]
    tiers = f"0|{50 * terabytes_for_a_month}|{500 * terabytes_for_a_month}"
    traffic = "downloadexternal" if not classes else f"download_{classes}_external"
    rows = [
        Row(capacity, f"size{suffix}", GIGABYTE_OF_TRAFFIC, shape="tiered", by="usage", tiers=tiers),
        Row(
            [Decimal("0.5"), Decimal("0.45"), Decimal("0.4")],
            traffic,
            GIGABYTE_OF_TRAFFIC,
            shape="tiered",
            by="usage",
            tiers="0|10240|51200",
        ),
        Row([Decimal(reads) / 10], f"get{suffix}", COUNT),
        Row([Decimal(reads)], f"put{suffix}", COUNT),
        Row([Decimal(0)], f"delete{suffix}", COUNT),
    ]
    if not classes:
        rows.append(Row([Decimal(cheap) * Decimal("1.3")], "size_3az", GIGABYTE_OF_TRAFFIC))
        # The first 20,000 GB at one price; whoever takes more pays less for all of it.
        rows.append(
            Row(
                [Decimal("0.15"), Decimal("0.12")],
                "download.cdn",
                GIGABYTE_OF_TRAFFIC,
                shape="stepped",
                by="usage",
                tiers="0|20000",
            )
        )
        rows.append(Row([Decimal("0.0001")], "reqNumber", THOUSAND_TIMES))
    return rows


def bandwidth(spec: str) -> list[Row]:
    sizes = (MBPS, 1, 2000, 1)
    if spec.startswith("12_"):
        return [
            Row([Decimal("0.8")], "upflow", GIGABYTE_OF_TRAFFIC, sizes=None),
            Row([Decimal(0)], "downflow", GIGABYTE_OF_TRAFFIC),
        ]
    if spec == "19_share":
        return [Row([Decimal("0.2")], sizes=(MBPS, 5, 2000, 1), month=[Decimal(78)])]
    return [
        Row(
            [Decimal("0.063"), Decimal("0.25")],
            sizes=sizes,
            shape="tiered",
            by="size",
            tiers="0|5",
            month=[Decimal(23), Decimal(80)],
        )
    ]


DISKS = {
    "SATA": "0.0004",
    "SAS": "0.0005",
    "GPSSD": "0.00097",
    "SSD": "0.0014",
    "ESSD": "0.0028",
    "GPSSD2.storage": "0.0008",
    "GPSSD2.iops": "0.00004",
    "GPSSD2.throughput": "0.001",
}
LOGS = {
    "lts.log.flow": ("traffic", "0.18"),
    "lts.log.index": ("traffic", "0.31"),
    "lts.log.storage": ("aom.size", "0.00046"),
    "lts.log.transfer.basic": ("logbasictransfertraffic", "0.2"),
    "lts.log.transfer.senior": ("logseniortransfertraffic", "0.27"),
}
HOURLY = {  # by the start of resource type and specification: yuan an hour
    "cce.cluster/cce.s1.small": "0.64",
    "cce.cluster/cce.s1.medium": "1.6",
    "cce.cluster/cce.s1.large": "4.8",
    "cce.cluster/cce.s1.xlarge": "8",
    "cce.cluster/cce.s2.small": "1.6",
    "cce.cluster/cce.s2.medium": "4",
    "cce.cluster/cce.s2.large": "10.4",
    "cce.cluster/cce.s2.xlarge": "17.6",
    "natgateway/natgateway_small": "0.5",
    "natgateway/natgateway_middle": "1",
    "natgateway/natgateway_large": "2",
    "natgateway/natgateway_xlarge": "4",
    "privatenat/privatenat_small": "0.4",
    "privatenat/privatenat_medium": "0.8",
    "privatenat/privatenat_large": "1.6",
    "privatenat/privatenat_xlarge": "3.2",
    "privatenat/privatenat_xxlarge": "6.4",
    "privatenat/private-nat.basic": "0.1",
    "elbv3/L4_flavor.elb.s1": "1.1",
    "elbv3/L4_flavor.elb.s2": "2.2",
    "elbv3/L7_flavor.elb.s1": "1.5",
    "elbv3/L7_flavor.elb.s2": "3",
    "elbv3/elbv3.basic": "0.2",
    "elbv3/elbv3.professional": "0.25",
    "elbv2/": "0.05",
    "hss/hss.version.basic": "0",
    "hss/": "0.3",
    "cfw/": "4.5",
    "waf.instance/": "5.2",
    "vpn.ipsecvpn/": "1.3",
    "dws.vm/": "6.5",
    "ip/": "0.02",
    "pca.duration/": "0.9",
    "vm.image/": "0.35",
    "workspace.desktop/": "0.6",
    "secmaster.typical/secmaster.basic": "0",
    "secmaster.typical/": "0.42",
}
MONTHLY = {
    "cfw/cfw.standard": "2800",
    "dbss/dbss.bypassaudit.low": "3000",
    "dbss/dbss.bypassaudit.medium": "5800",
    "dbss/": "11000",
    "hss/hss.version.wtp": "980",
    "waf/waf.detection": "99",
    "waf/waf.instance": "3880",
    "waf/waf.enterprise": "9800",
    "waf/waf.ultimate": "29800",
    "dsc.base/base_standard": "3200",
    "dsc.base/": "6800",
    "dsc.db/": "900",
    "dsc.obs/": "450",
}
# Fixed: so much for any usage above zero, whatever the number of hours asked for.
FLAT = {"secmaster.typical/secmaster.professional": ("count", "2.5")}


# Invented specifications: what one of a unit costs by use, and what a month costs.
SAMPLES = {HOUR: "0.5", GIGABYTE_OF_TRAFFIC: "0.1", MBPS: "20", COUNT: "0.01"}
SAMPLE_MONTH = "120"


def unit_of(factor: str) -> int:
    """In which unit something is measured, by the words of its usage type."""
    words = {HOUR: ["duration"], GIGABYTE_OF_TRAFFIC: ["size", "flow", "traffic", "byte"], MBPS: ["peak", "bandwidth", "bits"]}
    return next((unit for unit, of_unit in words.items() if any(word in factor for word in of_unit)), COUNT)


def sample(modes: list[str], factors: list[str]) -> list[Row]:
    if modes == ["1"]:
        return [Row(None, "", None, month=[Decimal(SAMPLE_MONTH)])]
    factor = min(factors, key=lambda factor: (unit_of(factor) != HOUR, factor))
    return [Row([Decimal(SAMPLES[unit_of(factor)])], factor, unit_of(factor))]


def listed(table: dict, key: str):
    return next((value for start, value in table.items() if key.startswith(start)), None)


def rows_of(kind: str, spec: str, name: str, modes: list[str], factors: list[str]) -> list[Row]:
    if spec.startswith("sample."):
        return sample(modes, factors)
    short = kind.removeprefix("hws.resource.type.")
    key = f"{short}/{spec}"
    if short in ("vm", "pm"):
        return [Row([server(spec) * (8 if short == "pm" else 1)])]
    if short == "volume":
        sizes = DISK_SIZES if spec != "GPSSD2.iops" else (COUNT, 1, 128000, 1)
        return [Row([Decimal(DISKS[spec])], sizes=sizes if "throughput" not in spec else (COUNT, 125, 1000, 1))]
    if short == "bandwidth":
        return bandwidth(spec)
    if short == "obs":
        return {
            "obs.standard": storage("0.000136", "", "0.000001"),
            "obs.warm": storage("0.00011", "warm", "0.0000016"),
            "obs.cold": storage("0.000045", "cold", "0.00001"),
        }[spec]
    if short.startswith("lts."):
        factor, price = LOGS[spec]
        return [Row([Decimal(price)], factor, GIGABYTE_OF_TRAFFIC)]
    if short == "rds.volume":
        return [
            Row(
                [Decimal("0.0011") * (2 if spec.endswith(".ha") else 1) * (2 if "essd" in spec else 1)],
                sizes=VOLUME_SIZES,
            )
        ]
    if short == "cbr.vault":
        return [Row([Decimal("0.0003")], sizes=(GIGABYTE, 10, 10485760, 1))]
    if short == "sfs.turbo":
        return [Row([Decimal("0.0012")], sizes=(GIGABYTE, 500, 32768, 100))]
    if short == "dcs3":
        memory = Decimal(re.search(r"([\d.]+) [GM]B", name)[1]) / (1024 if " MB" in name else 1)
        return [Row([Decimal("0.14") * memory * (1 if "single" in spec else 2)])]
    if short in ("rds.vm", "dds.vm", "dms", "opengauss.vm", "taurus.vm"):
        return [Row([machine(spec, name)])]
    found = []
    hourly, monthly = listed(HOURLY, key), listed(MONTHLY, key)
    if hourly is not None and (monthly is None or "3" in modes):
        factor = "instance_duration" if short == "elbv3" else "usage_duration" if short == "cfw" else "duration"
        found.append(Row([Decimal(hourly)], factor))
    elif monthly is not None:
        found.append(Row(None, "", None, month=[Decimal(monthly)]))
    flat = listed(FLAT, key)
    if flat:
        found.append(Row([Decimal(flat[1])], flat[0], COUNT, shape="fixed"))
    assert found, key
    return found


def plain(amount: Decimal) -> str:
    return f"{amount.normalize():f}"


def read(name: str) -> list[dict[str, str]]:
    with (SEED / name).open() as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


def cells(row: Row, modes: list[str]) -> dict[str, str]:
    """The prices of a row."""
    text = {}
    if row.on_demand and "3" in modes:
        text["on_demand"] = "|".join(map(plain, row.on_demand))
    month = row.month or (
        row.on_demand and row.factor.endswith("duration") and [p * HOURS_A_MONTH for p in row.on_demand]
    )
    if month and "1" in modes:
        text["month"] = "|".join(map(plain, month))
    return text


def main() -> None:
    factors: dict[str, list[str]] = {}
    for usage in read("usage_types.csv"):
        factors.setdefault(usage["resource_type_code"], []).append(usage["usage_type_code"].lower())
    with (HERE / "prices.csv").open("w", newline="") as file:
        file.write("# Sample prices, written by make_prices.py; no figure is the vendor's. Columns: pricing/sheet.rs.\n")
        writer = csv.DictWriter(file, COLUMNS, restval="", lineterminator="\n")
        writer.writeheader()
        for specification in read("resource_specs.csv"):
            modes = specification["charge_modes"].split("|")
            kind, spec = specification["resource_type_code"], specification["resource_spec"]
            for row in rows_of(kind, spec, specification["name_en"], modes, factors.get(kind, [])):
                prices = cells(row, modes)
                if not prices:
                    continue
                size = dict(zip(["size_measure_id", "size_min", "size_max", "size_step"], row.sizes or []))
                usage = {"usage_factor": row.factor.lower(), "measure_id": row.measure}
                tiers = {"shape": row.shape, "tier_by": row.by, "tiers": row.tiers}
                named = {"resource_type": kind, "resource_spec": spec}
                writer.writerow({**named, **tiers, **(usage if "on_demand" in prices else {}), **size, **prices})


main()
