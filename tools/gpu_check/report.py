#!/usr/bin/env python3
"""Assembles OUT/report.md and OUT/report.json from what the stations left in OUT, and prints the result of each. Exit
status 1 if one failed, or if there is none. Usage: report.py OUT"""
import json
import pathlib
import sys

TABLES = {"kernel_times", "profile", "beside_pytorch", "training_steps"}  # whose logs hold a Markdown table
WHOLE = {"unpack", "machine", *TABLES}
TAIL = {"passed": 3, "FAILED": 40}  # lines of another log


def read_stations(out):
    stations = []
    for line in (out / "stations.tsv").read_text().splitlines():
        name, result, seconds, why = line.split("\t")
        stations.append({"name": name, "result": result, "seconds": int(seconds), "why": why})
    return stations


def read_json(path):
    try:
        return json.loads(path.read_text())
    except ValueError:
        return None  # of a program that failed on its way; its station says so


def markdown(out, stations):
    lines = ["# Check on a GPU", "", "| station | result | seconds | why |", "|---|---|---|---|"]
    for station in stations:
        why = station["why"].replace("|", "\\|")
        lines.append(f"| {station['name']} | {station['result']} | {station['seconds']} | {why} |")
    for station in stations:
        if station["result"] == "SKIPPED":
            continue
        log = (out / "logs" / f"{station['name']}.log").read_text(errors="replace").rstrip().splitlines()
        if station["name"] not in WHOLE:
            log = log[-TAIL[station["result"]]:]
        table = [line for line in log if line.startswith("|")] if station["name"] in TABLES else []
        text = [line for line in log if line and line not in table]
        lines += ["", f"## {station['name']}: {station['result']}", "", "```", *text, "```", "", *table]
    return "\n".join(lines) + "\n"


def main():
    out = pathlib.Path(sys.argv[1])
    stations = read_stations(out)
    data = {path.stem: read_json(path) for path in sorted((out / "data").glob("*.json"))}
    (out / "report.json").write_text(json.dumps({"stations": stations, "data": data}, indent=1) + "\n")
    (out / "report.md").write_text(markdown(out, stations))
    count = {result: sum(s["result"] == result for s in stations) for result in ("passed", "FAILED", "SKIPPED")}
    print(", ".join(f"{number} {result}" for result, number in count.items()) + f": {out / 'report.md'}")
    sys.exit(1 if count["FAILED"] or not stations else 0)


if __name__ == "__main__":
    main()
