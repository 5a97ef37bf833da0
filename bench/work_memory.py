"""Columns in memory: the expression against numexpr and NumPy, md5 against DuckDB and CPython."""
import json
import statistics

from measure import Contender, Section, Table, Target, in_turns, number, samples_data, samples_table, say
from plot import lines
from service import service_samples

EXPRESSION = "(a-b)/(c+d)**2"
GENERATE_SEED = 1
RUNS = 5
SAMPLE_S = 0.02  # a sample lasts about as long, of as many runs as that takes


def by_service(service, rows, let):
    """Execute and gather over a generated frame in memory: the median of some runs."""
    document = {"generate": {"rows": rows, "columns": ["a", "b", "c", "d"], "seed": GENERATE_SEED},
                "let": {"r": let}, "limit": 0, "repeat": RUNS}
    reply, _ = service.post("/v1/compute", json.dumps(document))
    return statistics.median(service_samples(reply["timing"]))


def as_many(ask):
    """As many runs as make a sample: one of them first, to see how long it takes."""
    return ask(max(1, min(20000, int(SAMPLE_S / ask(1)["seconds"]))))["seconds"]


def by_python(python, rows, what):
    return as_many(lambda runs: python.ask(f"{what} {rows} {runs}"))


def by_evaluator(evaluator, rows, where):
    return as_many(lambda runs: evaluator.ask(f"{rows} {runs} {where}"))


def must_agree(answers, what):
    """Checksums of the bits of all results."""
    different = {name: (one["sum"], one["xor"]) for name, one in answers.items()}
    if len(set(different.values())) != 1:
        raise SystemExit(f"{what}: results differ: {different}")


# ---- the expression -----------------------------------------------------------------------------------

def check_expression(sizes, evaluator, python, has_numexpr):
    for rows in sizes:
        answers = {"evaluator": evaluator.ask(f"{rows} 1 array"), "NumPy": python.ask(f"numpy {rows} 1")}
        if has_numexpr:
            answers["numexpr"] = python.ask(f"numexpr {rows} 1")
        must_agree(answers, f"{EXPRESSION} over {rows} rows")


def measure_size(bench, rows, service, evaluator, python):
    few = 3 if rows > 10**6 else 0  # the frame is generated for each sample
    found = [Contender("Colonnade's evaluator, block", lambda: by_evaluator(evaluator, rows, "block")),
             Contender("the same, array", lambda: by_evaluator(evaluator, rows, "array")),
             Contender("reading the columns", lambda: by_evaluator(evaluator, rows, "read")),
             Contender("Colonnade, `repeat`", lambda: by_service(service, rows, EXPRESSION), most=few),
             Contender("NumPy, 1 thread", lambda: by_python(python, rows, "numpy"))]
    if bench.peers.has("numexpr"):
        found.insert(4, Contender("numexpr", lambda: by_python(python, rows, "numexpr")))
    return in_turns(found, bench.repeat, 45)


def expression_target(by_size, rows):
    ours = by_size[rows][0]
    each = ours.median / rows * 1e9
    return Target(f"the expression, in memory, {rows:,} rows, 2 threads", "≤ 0.6 ns a row",
                  f"{each:.2f} ns (least {ours.least / rows * 1e9:.2f})", each <= 0.6)


def numexpr_target(by_size):
    """The largest of the ratios to numexpr, over all sizes, with results stored; below 1 Colonnade is faster."""
    worst, rows = max((found[1].median / found[4].median, rows) for rows, found in by_size.items())
    return Target("the same, never slower than numexpr, 10³ to 10⁷ rows", "≤ 1 × at any size",
                  f"at most {worst:.2f} × (at {rows:,} rows)", worst <= 1)


def measure_expression(bench):
    sizes = [1000, 4000] if bench.quick else [10**power for power in range(3, 8)]
    section = Section("b", f"The expression in memory: {EXPRESSION}, {bench.peers.threads} threads")
    file = bench.folder / "columns.f64"
    with bench.peers.evaluator(EXPRESSION, sizes[-1], file) as evaluator, \
            bench.peers.python(file, sizes[-1]) as python, bench.service() as service:
        say("b: checking that all answers are equal")
        check_expression(sizes, evaluator, python, bench.peers.has("numexpr"))
        by_size = {rows: measure_size(bench, rows, service, evaluator, python) for rows in sizes}
    file.unlink()
    names = [one.name for one in by_size[sizes[0]]]
    section.text = ["*Colonnade's evaluator* is the library in a program of its own, over blocks of 1,024 rows "
                    "(`bench/evaluator.c`). *block*: results are left in the block that is used again and again, from "
                    "where the service writes a reply; *array*: they are stored in an array, as NumPy and numexpr "
                    "do; *reading the columns* is what memory itself allows: they are added up, and that is all. *`repeat`* is "
                    "the service: `execute` + "
                    "`gather` of a generated frame that is held in memory, with the work handed out to the pool. NumPy "
                    "and numexpr write to memory that is there (`out=`). The bits of all results are equal by two "
                    "checksums."]
    rows = [[f"{size:,}", *(f"{number(one.median / size * 1e9)} ({number(one.least / size * 1e9)})" for one in found)]
            for size, found in by_size.items()]
    section.tables = [Table("ns a row: median (least)", ["rows", *names], rows)]
    section.charts["expression.svg"] = lines(
        f"{EXPRESSION} in memory, {bench.peers.threads} threads", "rows", "seconds",
        {name.replace("`", ""): [(size, found[i].median) for size, found in by_size.items()]
         for i, name in enumerate(names)})
    section.data = {str(size): samples_data(found) for size, found in by_size.items()}
    section.targets = [expression_target(by_size, 1000000 if 1000000 in by_size else sizes[-1])]
    if bench.peers.has("numexpr"):
        section.targets.append(numexpr_target(by_size))
    return section


# ---- md5 ----------------------------------------------------------------------------------------------

def duckdb_tables(duckdb, body):
    columns = "{{'a': '{0}', 'b': '{0}', 'c': '{0}', 'd': '{0}'}}"
    for name, kind in (("numbers", "DOUBLE"), ("texts", "VARCHAR")):
        duckdb.ask(f"CREATE TABLE {name} AS SELECT a, b FROM read_csv('{body}', header=true, "
                   f"columns={columns.format(kind)})")


def duckdb_max(duckdb, table):
    return duckdb.ask(f"SELECT max(md5(concat(a, '_', b))) FROM {table}")


def measure_md5(bench):
    rows = bench.rows
    section = Section("c", f"md5(a, b) in memory: {rows:,} rows, {bench.peers.threads} threads")
    file, body = bench.folder / "columns.f64", bench.csv(rows)
    with bench.peers.evaluator("md5(a,b)", rows, file) as evaluator, bench.peers.python(file, rows) as python, \
            bench.maybe("DuckDB", bench.peers.duckdb) as duckdb, bench.service() as service:
        say("c: checking that all answers are equal")
        pool = python.ask(f"pool {rows}")
        must_agree({"evaluator": evaluator.ask(f"{rows} 1 array"), "CPython": pool}, "md5(a, b)")
        found = [Contender("Colonnade's evaluator", lambda: by_evaluator(evaluator, rows, "array")),
                 Contender("Colonnade, `repeat`", lambda: by_service(service, rows, "md5(a,b)")),
                 Contender("CPython, pool of processes", lambda: python.ask(f"pool {rows}")["seconds"], most=2)]
        if duckdb:
            duckdb_tables(duckdb, body)
            if duckdb_max(duckdb, "texts")["value"] != pool["greatest"]:
                raise SystemExit("md5(a, b): DuckDB's greatest digest is another")
            found += [Contender("DuckDB, numbers", lambda: duckdb_max(duckdb, "numbers")["seconds"]),
                      Contender("DuckDB, texts", lambda: duckdb_max(duckdb, "texts")["seconds"])]
        in_turns(found, bench.repeat)
    file.unlink()
    ours = found[0]
    each = ours.median / rows * 1e9
    section.text = ["From two float64 columns to hex digits: both numbers' texts are made, joined and digested. "
                    "*DuckDB, numbers* does the same and keeps only the greatest digest (`max`), which spares it the "
                    "memory of the others; *texts* begins with the texts, which is less work. All rows' digests are "
                    "those of CPython's `hashlib`, by checksums; DuckDB's greatest is the same."]
    section.tables = [samples_table("Seconds", found, ours, rows)]
    section.data = samples_data(found)
    section.targets = [Target("`md5(a,b)` with both texts, in memory, 2 threads", "≤ 40 ns a row",
                              f"{number(each)} ns (least {number(ours.least / rows * 1e9)})", each <= 40)]
    return section
