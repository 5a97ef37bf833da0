"""Real tables (npm's vega-datasets) and CSV's edge cases (csv-spectrum), against pandas."""
import csv
import hashlib
import io
import json
import re

import numpy as np
import pandas as pd
import pytest

NUMBER = re.compile(r"[ \t]*-?(?:(?:0|[1-9]\d*)(\.\d*)?|(\.\d+))([eE][-+]?\d+)?[ \t]*")
TABLES = ["airports.csv", "birdstrikes.csv", "zipcodes.csv", "flights-airport.csv", "stocks.csv",
          "seattle-weather.csv", "weather.csv", "sp500.csv", "github.csv", "la-riots.csv",
          "disasters.csv", "co2-concentration.csv", "gapminder-health-income.csv", "us-employment.csv",
          "iowa-electricity.csv", "windvectors.csv", "population_engineers_hurricanes.csv",
          "lookup_people.csv", "lookup_groups.csv", "global-temp.csv", "budgets.json", "unemployment.tsv",
          "sp500-2000.csv", "seattle-weather-hourly-normals.csv"]
EXECUTORS = ["serial", "threads", "processes"]


def text_of(npm_data, name):
    """A table's bytes; JSON tables of records become CSV first."""
    path = npm_data / "vega-datasets" / "data" / name
    if not path.exists():
        pytest.skip(f"vega-datasets has no {name}")
    if not name.endswith(".json"):
        return path.read_bytes()
    records = json.loads(path.read_text())
    out = io.StringIO()
    writer = csv.DictWriter(out, list(records[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return out.getvalue().encode()


def kind_of(fields):
    """The type of a column by the rules of the contract, from its fields' texts ('' is null)."""
    kinds = set()
    for field in fields:
        if field == "":
            continue
        found = NUMBER.fullmatch(field)
        if found and not (found[1] or found[2] or found[3]):
            kinds.add("int64" if -2**63 <= int(field) < 2**63 else "string")
        elif found or re.fullmatch("nan|-?inf", field, re.I):
            kinds.add("float64")
        else:
            kinds.add("bool" if field in ("True", "False", "true", "false") else "string")
    if kinds <= {"int64", "float64"}:
        return "null" if not kinds else "float64" if "float64" in kinds else "int64"
    return "bool" if kinds == {"bool"} else "string"


def python_text(field, kind):
    if field == "":
        return "nan" if kind == "float64" else "None"
    return {"int64": lambda: str(int(field)), "float64": lambda: repr(float(field)),
            "bool": lambda: field.capitalize()}.get(kind, lambda: field)()


@pytest.mark.parametrize("name", TABLES)
def test_hashes_types_and_bytes_of_whole_tables(server, npm_data, name):
    data = text_of(npm_data, name)
    delimiter = "\t" if name.endswith(".tsv") else ","
    content = "text/tab-separated-values" if delimiter == "\t" else "text/csv"
    rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), delimiter=delimiter))
    header, rows = rows[0], [r for r in rows[1:] if r]
    kinds = [kind_of(column) for column in zip(*rows)]
    keys = [hashlib.md5("_".join(map(python_text, row, kinds)).encode()).hexdigest() for row in rows]
    raw = [hashlib.sha1("|".join(f or ("nan" if k == "float64" else "None") for f, k in zip(row, kinds))
                        .encode()).hexdigest() for row in rows]
    for executor in EXECUTORS:
        reply = server.post_csv(data, {"let": ["key=md5(*)", "rawkey=sha1(*, sep='|', text='raw')"],
                                       "executor": executor, "chunk_rows": 97},
                                headers={"Content-Type": content})
        assert reply.status == 200, reply
        got = reply.headers["Colonnade-Types"]
        assert got == ",".join(f"{n}:{k}" for n, k in zip(header, kinds)) or "," in "".join(header) \
            or len(got) > 4000
        out = reply.rows(delimiter)
        assert [r[-2] for r in out[1:]] == keys and [r[-1] for r in out[1:]] == raw
        assert [r[:-2] for r in out[1:]] == rows
    plain = server.post_csv(data, None, headers={"Content-Type": content})
    assert plain.body == data.removeprefix(b"\xef\xbb\xbf"), "input bytes come back unchanged"


def test_zipcodes_keep_their_zeros(server, npm_data):
    data = text_of(npm_data, "zipcodes.csv")
    frame = pd.read_csv(io.BytesIO(data), dtype={"zip_code": str})
    reply = server.post_csv(data, {"let": ["short=substr(zip_code, 0, 3)", "key=md5(zip_code, city)",
                                           "dist=sqrt((latitude-40)**2 + (longitude+74)**2)"],
                                   "select": "zip_code,short,key,dist"})
    out = pd.read_csv(io.BytesIO(reply.body), dtype={"zip_code": str, "short": str},
                      float_precision="round_trip")
    assert frame["zip_code"].str.startswith("0").any()
    assert (out["zip_code"] == frame["zip_code"]).all()
    assert (out["short"] == frame["zip_code"].str[:3]).all()
    want = np.sqrt((frame["latitude"] - 40) ** 2 + (frame["longitude"] + 74) ** 2)
    assert (out["dist"].to_numpy().view(np.uint64) == want.to_numpy().view(np.uint64)).all()
    keys = [hashlib.md5(f"{z}_{c}".encode()).hexdigest() for z, c in zip(frame["zip_code"], frame["city"])]
    assert list(out["key"]) == keys


def test_birdstrikes_equal_pandas(server, npm_data):
    data = text_of(npm_data, "birdstrikes.csv")
    frame = pd.read_csv(io.BytesIO(data), float_precision="round_trip", keep_default_na=False,
                        na_values=[""])
    texts = [c for c in frame.columns if frame[c].dtype == object and frame[c].notna().all()]
    numbers = [c for c in frame.columns if frame[c].dtype.kind in "if" and frame[c].notna().any()]
    assert texts and numbers
    lets = [f"u=upper(`{texts[0]}`)", f"n=length(`{texts[-1]}`)"]
    lets += [f"x{k}=`{c}` * 1.5 + 1" for k, c in enumerate(numbers)]
    reply = server.post_csv(data, {"let": lets, "select": "computed", "executor": "processes"})
    assert reply.status == 200, reply
    out = pd.read_csv(io.BytesIO(reply.body), float_precision="round_trip")
    assert (out["u"] == frame[texts[0]].str.upper()).all()
    assert (out["n"] == frame[texts[-1]].str.len()).all()
    for k, c in enumerate(numbers):
        np.testing.assert_array_equal(out[f"x{k}"].to_numpy(), (frame[c] * 1.5 + 1).to_numpy())


def test_stocks_equal_pandas(server, npm_data):
    data = text_of(npm_data, "stocks.csv")
    frame = pd.read_csv(io.BytesIO(data), float_precision="round_trip")
    reply = server.post_csv(data, {"let": ["r=round(price / 3, 2)", "f=price // 7.5", "m=price % 7.5",
                                           "up=price > 100 and symbol == 'AAPL'"]})
    out = pd.read_csv(io.BytesIO(reply.body), float_precision="round_trip")
    assert list(out["r"]) == [round(p / 3, 2) for p in frame["price"].tolist()]
    np.testing.assert_array_equal(out["f"], np.floor_divide(frame["price"].to_numpy(), 7.5))
    np.testing.assert_array_equal(out["m"], np.remainder(frame["price"].to_numpy(), 7.5))
    assert (out["up"] == ((frame["price"] > 100) & (frame["symbol"] == "AAPL"))).all()


@pytest.mark.parametrize("name", ["flights-2k.json", "flights-5k.json", "flights-10k.json", "cars.json",
                                  "movies.json", "penguins.json", "normal-2d.json"])
def test_tables_of_records_as_json_columns(server, npm_data, name):
    path = npm_data / "vega-datasets" / "data" / name
    records = json.loads(path.read_text())
    columns = {}
    for key in records[0]:
        cells = [record.get(key) for record in records]
        if len({str if isinstance(c, str) else float for c in cells if c is not None}) == 1:
            columns[key] = cells
    numbers = [k for k, cells in columns.items()
               if all(c is None or type(c) in (int, float) for c in cells)]
    floating = {k: any(isinstance(c, float) for c in columns[k]) for k in numbers}
    lets = {f"double {k}": f"`{k}` * 2 + 1" for k in numbers}
    lets["key"] = "md5(*)"
    reply = server.post_json({"columns": columns, "let": lets})
    assert reply.status == 200, reply
    for key in numbers:
        want = [None if c is None else (float(c) if floating[key] else c) * 2 + 1 for c in columns[key]]
        assert reply.columns[f"double {key}"] == want

    def text(key, cell):
        if cell is None:
            return "nan" if floating.get(key) else "None"
        return str(float(cell)) if floating.get(key) else str(cell)

    rows = zip(*columns.values())
    assert reply.columns["key"] == [
        hashlib.md5("_".join(map(text, columns, row)).encode()).hexdigest() for row in rows]


SPECTRUM = ["comma_in_quotes", "empty", "empty_crlf", "escaped_quotes", "json", "location_coordinates",
            "newlines", "newlines_crlf", "quotes_and_newlines", "simple", "simple_crlf", "utf8"]


@pytest.mark.parametrize("name", SPECTRUM)
def test_csv_spectrum(server, npm_data, name):
    folder = npm_data / "csv-spectrum"
    data = (folder / "csvs" / f"{name}.csv").read_bytes()
    records = json.loads((folder / "json" / f"{name}.json").read_text())
    plain = server.post_csv(data)
    if name == "location_coordinates":  # a stray quote in an unquoted field
        assert plain.status == 400 and plain.problem["code"] == "invalid_csv" and plain.problem["line"] == 2
        return
    assert plain.status == 200 and plain.body == data
    for chunk_rows in (1, 2):
        document = server.post_csv(data, {"types": "*:string", "select": "all", "chunk_rows": chunk_rows},
                                   headers={"Accept": "application/json"}).json()
        columns = document["columns"]
        # the JSON files know no null: a field without a text is ""
        got = [{k: v or "" for k, v in zip(columns, row)} for row in zip(*columns.values())]
        assert got == records
