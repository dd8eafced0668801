#!/usr/bin/env python3
"""Completes the dictionaries by rule, so that who walks them from a service to a price ends nowhere.

A resource type of which no public source names a specification gets one that is invented, in four regions; one that is paid
for by use, and of which no public source says what is measured, is measured by its time. The `source` column says so: `sample`
and `inferred`. Run it again after resource_types.csv has changed; rows that are there stay as they are.
"""

import csv
from pathlib import Path

HERE = Path(__file__).resolve().parent
REGIONS = "ap-southeast-1|ap-southeast-3|cn-east-3|cn-north-4"
# What is bought for a time and not by use, by words of its name.
BY_PERIOD = (
    "package pack expansion licence certificate certification plan seat installation setup registration redemption dedicated"
    " dec exclusive project edition expert"
).split()


def read(name: str) -> tuple[str, list[dict[str, str]]]:
    lines = (HERE / name).read_text().splitlines(keepends=True)
    comments = "".join(line for line in lines if line.startswith("#"))
    return comments, list(csv.DictReader(line for line in lines if not line.startswith("#")))


def write(name: str, comments: str, rows: list[dict[str, str]], key: tuple[str, ...]) -> None:
    with (HERE / name).open("w", newline="") as file:
        file.write(comments)
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(sorted(rows, key=lambda row: [row[column] for column in key]))


def is_by_period(resource: dict[str, str]) -> bool:
    words = resource["name_en"].lower().replace("(", " ").replace(")", " ").split()
    return any(word in BY_PERIOD for word in words)


def main() -> None:
    _, resources = read("resource_types.csv")
    spec_comments, specs = read("resource_specs.csv")
    usage_comments, usages = read("usage_types.csv")
    specified = {row["resource_type_code"] for row in specs}
    measured = {row["resource_type_code"] for row in usages}
    for resource in resources:
        code = resource["resource_type_code"]
        if code not in specified:
            mode = "1" if is_by_period(resource) and code not in measured else "3"
            specs.append(
                {
                    "service_type_code": resource["service_type_code"],
                    "resource_type_code": code,
                    "resource_spec": "sample." + code.removeprefix("hws.resource.type."),
                    "name_zh": f"{resource['name_zh']}（示例规格）",
                    "name_en": f"{resource['name_en']} (sample specification)",
                    "charge_modes": mode,
                    "regions": REGIONS,
                    "source": "sample",
                }
            )
    for code in sorted({row["resource_type_code"] for row in specs if "3" in row["charge_modes"]} - measured):
        names = {"name_zh": "时长", "name_en": "Duration", "source": "inferred"}
        usages.append({"usage_type_code": "Duration", "resource_type_code": code, **names})
    write("resource_specs.csv", spec_comments, specs, ("service_type_code", "resource_type_code", "resource_spec"))
    write("usage_types.csv", usage_comments, usages, ("usage_type_code", "resource_type_code"))


main()
