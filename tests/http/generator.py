"""Random expressions of every type, and a table of edge values to run them on."""
import ast
import random

from oracle import INT_MAX, INT_MIN

TYPES = {"i": "int64", "j": "int64", "x": "float64", "y": "float64", "p": "bool", "q": "bool",
         "s": "string", "t": "string", "k": "string", "n": "null"}
DECLARED = ",".join(f"{name}:{kind}" for name, kind in TYPES.items() if kind != "null")
INTS = [0, 1, -1, 2, -2, 3, 7, -7, 10, 62, 63, 64, 100, 2**31, 2**53, 2**53 + 1, -2**53 - 1,
        INT_MAX, INT_MIN, INT_MAX - 1, INT_MIN + 1, 12345678901234, None]
FLOATS = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, -2.5, 2.675, 3.0, -3.7, 0.1, 1e16, 1e22,
          1.7976931348623157e308, -1e308, 5e-324, -5e-324, 2.2250738585072014e-308, 2.2e-308,
          float("nan"), float("inf"), float("-inf"), 9.223372036854775807e18,
          -9.223372036854775808e18, 9.223372036854774784e18, 123456.789, 1e-5, 710.0, -745.0, None]
STRINGS = ["", "a", "A", "hello", "Hello World", " pad ", "ÄÖé", "日本語", "a,b", 'quo"te', "a\nb",
           "😀x", "hell", None]
ASCII = ["", "abc", "ABC", "Hello World", " x ", "hello", "z9_", None]
NUMBERS = ["42", "-7", "0", "9223372036854775807", "9223372036854775808", "abc", "", None]


def table(rows, seed):
    """Rows of edge values as dicts."""
    draw = random.Random(seed)
    pools = {"i": INTS, "j": INTS, "x": FLOATS, "y": FLOATS, "p": [True, False, None],
             "q": [True, False, None], "s": STRINGS, "t": ASCII, "k": NUMBERS, "n": [None]}
    shuffled = {name: draw.sample(pool, len(pool)) for name, pool in pools.items()}
    return [{name: shuffled[name][r] if r < len(pool) else draw.choice(pool)
             for name, pool in pools.items()} for r in range(rows)]


def csv_field(value):
    if value is None:
        return ""
    if isinstance(value, str):
        return '"' + value.replace('"', '""') + '"'
    return repr(value)


def csv_text(rows):
    lines = [",".join(TYPES)]
    lines += [",".join(csv_field(row[name]) for name in TYPES) for row in rows]
    return "\n".join(lines) + "\n"


class Generator:
    """Makes well-typed expressions; everything in them but the root functions of precise.py is
    exact."""

    def __init__(self, seed):
        self.draw = random.Random(seed)

    def expression(self, kind, depth):
        """A text with no more parentheses than it needs."""
        return ast.unparse(ast.parse(self.make(kind, depth), mode="eval"))

    def make(self, kind, depth):
        if depth <= 0 or self.draw.random() < 0.1:
            return self.leaf(kind)
        if self.draw.random() < 0.12:
            return self.any_kind(kind, depth - 1)
        return getattr(self, kind)(depth - 1)

    def leaf(self, kind):
        pick = self.draw.choice
        if kind == "int64":
            return pick(["i", "j", "i", "j", pick(["0", "1", "2", "3", "0x1f", "1_000", "-5",
                         "(-9223372036854775808)", "9223372036854775807"])])
        if kind == "float64":
            return pick(["x", "y", "x", "y", pick(["0.0", "1.5", "2.5e-3", ".5", "1e300", "3."])])
        if kind == "bool":
            return pick(["p", "q", "p", "q", "True", "False"])
        return pick(["s", "t", "s", "t", "'x'", '"it\'s"', "'é\\n'", "''"])

    def any_kind(self, kind, depth):
        """Forms that exist for every type."""
        one, two = self.make(kind, depth), self.make(kind, depth)
        condition = self.make("bool", depth)
        return self.draw.choice([
            f"({one}) if ({condition}) else ({two})", f"where({condition}, {one}, {two})",
            f"coalesce({one}, {two})", f"coalesce(None, {one})", f"coalesce(n, {one}, {two})",
            f"({one}) if ({condition}) else None", f"where({condition}, n, {one})"])

    def int64(self, depth):
        make, pick = self.make, self.draw.choice
        a, b = make("int64", depth), make("int64", depth)
        return pick([
            lambda: f"({a}) {pick('+-*')} ({b})", lambda: f"({a}) {pick(['//', '%'])} ({b})",
            lambda: f"({a}) {pick('&|^')} ({b})",
            lambda: f"({a}) {pick(['<<', '>>'])} {pick(['0', '1', '5', '63', '64', 'j', '(-1)'])}",
            lambda: f"({a}) ** {self.draw.randint(0, 4)}", lambda: f"-({a})", lambda: f"~({a})",
            lambda: f"+({a})", lambda: f"abs({a})", lambda: f"sign({a})",
            lambda: f"int({make('float64', depth)})", lambda: f"int({make('bool', depth)})",
            lambda: "int(k)", lambda: f"length({make('string', depth)})",
            lambda: f"{pick(['minimum', 'maximum', 'mod'])}({a}, {b})",
            lambda: f"clip({a}, -10, 100)", lambda: f"round({a}, {pick([-1, -2, 0, 3])})",
            lambda: f"{pick(['floor', 'ceil', 'trunc', 'round'])}({a})",
            lambda: f"({make('bool', depth)}) {pick('+-*')} ({make('bool', depth)})"])()

    def float64(self, depth):
        make, pick = self.make, self.draw.choice
        a, b = make("float64", depth), make("float64", depth)
        return pick([
            lambda: f"({a}) {pick('+-*')} ({b})", lambda: f"({a}) / ({b})",
            lambda: f"({a}) {pick(['//', '%'])} ({b})",
            lambda: f"({make('int64', depth)}) / ({make('int64', depth)})",
            lambda: f"({a}) {pick(['+', '-', '*', '/', '//', '%'])} ({make('int64', depth)})",
            lambda: f"({make('int64', depth)}) {pick(['+', '-', '*'])} ({b})",
            lambda: f"({a}) ** {pick(['2', '2.0', '0.5', '1', '-1', '-1.0', '0'])}",
            lambda: f"({make('int64', depth)}) ** {pick(['2.0', '0.5', '-1', '0.0'])}",
            lambda: f"-({a})", lambda: f"+({a})",
            lambda: f"{pick(['sqrt', 'abs', 'sign', 'floor', 'ceil', 'trunc', 'round'])}({a})",
            lambda: f"{pick(['fmod', 'mod', 'copysign', 'minimum', 'maximum'])}({a}, {b})",
            lambda: f"nextafter({a}, {b})", lambda: f"clip({a}, -1.5, {b})",
            lambda: f"round({a}, {pick([0, 1, 2, -1, 5, 15])})",
            lambda: f"float({make('int64', depth)})", lambda: "float(k)",
            lambda: f"minimum({a}, {make('int64', depth)})",
            lambda: f"({a}) if ({make('bool', depth)}) else ({make('int64', depth)})"])()

    def bool(self, depth):
        make, pick = self.make, self.draw.choice
        compare = pick(["<", "<=", ">", ">=", "==", "!="])
        one = pick(["int64", "float64", "string", "bool"])
        two = pick(["int64", "float64"]) if one in ("int64", "float64") else one
        return pick([
            lambda: f"({make(one, depth)}) {compare} ({make(two, depth)})",
            lambda: f"({make(one, depth)}) {compare} ({make(two, depth)})",
            lambda: f"{self.leaf(one)} {compare} {self.leaf(two)} <= {self.leaf(two)}",
            lambda: f"({make('bool', depth)}) {pick(['and', 'or'])} ({make('bool', depth)})",
            lambda: f"({make('bool', depth)}) {pick('&|^')} ({make('bool', depth)})",
            lambda: f"not ({make('bool', depth)})", lambda: f"~({make('bool', depth)})",
            lambda: f"is_null({make(one, depth)})", lambda: "is_null(n)",
            lambda: f"{pick(['isnan', 'isinf', 'isfinite'])}({make('float64', depth)})",
            lambda: f"bool({make(two if one != 'string' else 'int64', depth)})",
            lambda: f"{pick(['starts_with', 'ends_with', 'contains'])}"
                    f"({make('string', depth)}, {pick(['t', repr('l'), repr('日'), repr('')])})"])()

    def string(self, depth):
        make, pick = self.make, self.draw.choice
        a, b = make("string", depth), make("string", depth)
        return pick([
            lambda: f"({a}) + ({b})", lambda: f"concat({a}, {b}, 'z')",
            lambda: f"{pick(['lower', 'upper'])}(t)", lambda: f"trim({a})",
            lambda: f"substr({a}, {self.draw.randint(0, 4)})",
            lambda: f"substr({a}, {self.draw.randint(0, 4)}, {self.draw.randint(0, 5)})",
            lambda: f"replace({a}, {pick([repr('l'), repr('a'), repr('本')])}, {pick(['t', repr('')])})",
            lambda: f"str({make(pick(['int64', 'float64', 'bool', 'string']), depth)})"])()
