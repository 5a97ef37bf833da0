"""What the expression language means, written from the contract and from nothing else.

Python's own parser reads the expression; the rest is here: static types, then one row at a time.
Values are None (null), bool, int, float and str; a result that is only known within a tolerance is
a precise.Near, and may stand only at the root.
"""
import ast
import fractions
import math

import numpy as np

import precise

INT_MIN, INT_MAX = -2**63, 2**63 - 1
KEEP_INT = ("floor", "ceil", "trunc", "round", "sign", "abs")
TEXT = {"lower": str.lower, "upper": str.upper, "trim": lambda s: s.strip(" \t\r\n"),
        "starts_with": str.startswith, "ends_with": str.endswith,
        "contains": lambda s, part: part in s, "replace": str.replace}
PREDICATES = {"isnan": math.isnan, "isinf": math.isinf, "isfinite": math.isfinite}


class Failure(Exception):
    """A row that cannot be computed."""

    def __init__(self, code):
        super().__init__(code)
        self.code = code


class BadType(Exception):
    """The expression is a type_error."""


def common(types):
    """The type that values of these types share."""
    kinds = set(types) - {"null"}
    if not kinds:
        return "null"
    if len(kinds) == 1:
        return kinds.pop()
    if kinds <= {"bool", "int64", "float64"}:
        return "float64" if "float64" in kinds else "int64"
    raise BadType(kinds)


def numeric(types):
    kind = common(types)
    if kind == "string":
        raise BadType(types)
    return {"bool": "int64", "null": "null"}.get(kind, kind)


def literal_number(node):
    """The value of a (signed) number literal, else None."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        value = literal_number(node.operand)
        return None if value is None else -value if isinstance(node.op, ast.USub) else value
    number = isinstance(node, ast.Constant) and type(node.value) in (int, float)
    return node.value if number else None


def power_stays_int(node, left):
    exponent = literal_number(node.right)
    return left in ("int64", "bool") and type(exponent) is int and exponent >= 0


class Expression:
    def __init__(self, text, types, wrap=False):
        self.tree = ast.parse(text, mode="eval").body
        self.types = types
        self.wrap = wrap
        self.memo = {}
        self.type = self.infer(self.tree)

    # ---- types

    def infer(self, node):
        if id(node) not in self.memo:
            self.memo[id(node)] = getattr(self, "type_" + type(node).__name__)(node)
        return self.memo[id(node)]

    def type_Constant(self, node):
        return {bool: "bool", int: "int64", float: "float64", str: "string",
                type(None): "null"}[type(node.value)]

    def type_Name(self, node):
        return self.types[node.id]

    def type_UnaryOp(self, node):
        kind = self.infer(node.operand)
        if isinstance(node.op, ast.Not):
            if kind not in ("bool", "null"):
                raise BadType(kind)
            return "bool"
        if isinstance(node.op, ast.Invert):
            if kind in ("float64", "string"):
                raise BadType(kind)
            return kind
        return numeric([kind])

    def type_BinOp(self, node):
        left, right = self.infer(node.left), self.infer(node.right)
        if isinstance(node.op, (ast.BitAnd, ast.BitOr, ast.BitXor)):
            kind = common([left, right])
            if kind in ("float64", "string"):
                raise BadType(kind)
            return kind
        if isinstance(node.op, (ast.LShift, ast.RShift)):
            if numeric([left, right]) == "float64":
                raise BadType(left)
            return "int64"
        if isinstance(node.op, ast.Add) and "string" in (left, right):
            return common([left, right])
        kind = numeric([left, right])
        if isinstance(node.op, ast.Div):
            return "float64"
        if isinstance(node.op, ast.Pow):
            return "int64" if power_stays_int(node, left) else "float64"
        return kind

    def type_Compare(self, node):
        common([self.infer(x) for x in [node.left] + node.comparators])
        return "bool"

    def type_BoolOp(self, node):
        for part in node.values:
            if self.infer(part) not in ("bool", "null"):
                raise BadType(self.infer(part))
        return "bool"

    def type_IfExp(self, node):
        if self.infer(node.test) not in ("bool", "null"):
            raise BadType("condition")
        return common([self.infer(node.body), self.infer(node.orelse)])

    def type_Call(self, node):
        name = node.func.id
        types = [self.infer(x) for x in node.args]
        if name == "where":
            return common(types[1:])
        if name == "coalesce":
            return common(types)
        if name in ("minimum", "maximum", "clip", "mod") or name in KEEP_INT:
            return numeric(types[:1] if name == "round" else types)
        if name in ("is_null", "isnan", "isinf", "isfinite", "bool", "starts_with", "ends_with",
                    "contains"):
            return "bool"
        if name in ("str", "lower", "upper", "trim", "substr", "concat", "replace"):
            return "string"
        return "int64" if name in ("length", "int") else "float64"

    # ---- values

    def value(self, row):
        """The expression's value in a row (a dict), or raises Failure."""
        return self.run(self.tree, row)

    def run(self, node, row):
        return getattr(self, "run_" + type(node).__name__)(node, row)

    def cast(self, value, kind):
        if value is None or kind in ("null", "string", "bool"):
            return value
        return float(value) if kind == "float64" else int(value)

    def fit(self, value):
        """An int result: checked or wrapped."""
        if INT_MIN <= value <= INT_MAX:
            return value
        if not self.wrap:
            raise Failure("integer_overflow")
        return (value + 2**63) % 2**64 - 2**63

    def run_Constant(self, node, row):
        return node.value

    def run_Name(self, node, row):
        return row[node.id]

    def run_UnaryOp(self, node, row):
        if literal_number(node) is not None:
            return literal_number(node)
        value = self.run(node.operand, row)
        if value is None:
            return None
        if isinstance(node.op, ast.Not):
            return not value
        if isinstance(node.op, ast.Invert):
            return not value if isinstance(value, bool) else ~value
        value = self.cast(value, self.infer(node))
        if isinstance(node.op, ast.UAdd):
            return value
        return self.fit(-value) if isinstance(value, int) else -value

    def run_BinOp(self, node, row):
        left, right = self.run(node.left, row), self.run(node.right, row)
        if left is None or right is None:
            return None
        op, kind = node.op, self.infer(node)
        if isinstance(op, (ast.BitAnd, ast.BitOr, ast.BitXor)):
            left, right = self.cast(left, kind), self.cast(right, kind)
            return left & right if isinstance(op, ast.BitAnd) else \
                left | right if isinstance(op, ast.BitOr) else left ^ right
        if isinstance(op, (ast.LShift, ast.RShift)):
            if not 0 <= right <= 63:
                raise Failure("integer_out_of_range")
            return int(left) >> right if isinstance(op, ast.RShift) else \
                ((int(left) << right) + 2**63) % 2**64 - 2**63
        if isinstance(op, ast.Pow):
            return self.power(node, left, right, kind)
        if kind == "string":
            return left + right
        if kind == "int64":
            return self.integers(op, int(left), int(right))
        return floats(op, float(left), float(right))

    def integers(self, op, left, right):
        if isinstance(op, ast.Add):
            return self.fit(left + right)
        if isinstance(op, ast.Sub):
            return self.fit(left - right)
        if isinstance(op, ast.Mult):
            return self.fit(left * right)
        if right == 0:
            raise Failure("division_by_zero")
        return self.fit(left // right) if isinstance(op, ast.FloorDiv) else left % right

    def power(self, node, left, right, kind):
        if kind == "int64":
            return self.fit(int(left) ** right)
        x, exponent = float(left), literal_number(node.right)
        with np.errstate(all="ignore"):
            if exponent in (2, 0.5, 1, -1, 0) and exponent is not None:
                x = np.float64(x)
                return float({2: lambda: x * x, 0.5: lambda: np.sqrt(x), 1: lambda: x,
                              -1: lambda: np.float64(1) / x, 0: lambda: 1.0}[exponent]())
        return precise.evaluate("pow", [x, float(right)])

    def run_Compare(self, node, row):
        result, left, kind = True, self.run(node.left, row), self.infer(node.left)
        for op, part in zip(node.ops, node.comparators):
            right, right_kind = self.run(part, row), self.infer(part)
            shared = common([kind, right_kind])
            result = kleene_and(result, compare(op, self.cast(left, shared),
                                                self.cast(right, shared)))
            if result is False:
                return False
            left, kind = right, right_kind
        return result

    def run_BoolOp(self, node, row):
        stop = isinstance(node.op, ast.Or)  # the value that decides
        result = not stop
        for part in node.values:
            value = self.run(part, row)
            if value is stop:
                return stop
            if value is None:
                result = None
        return result

    def run_IfExp(self, node, row):
        test = self.run(node.test, row)
        if test is None:
            return None
        return self.cast(self.run(node.body if test else node.orelse, row), self.infer(node))

    def run_Call(self, node, row):
        name, kind = node.func.id, self.infer(node)
        if name == "where":
            test = self.run(node.args[0], row)
            return None if test is None else \
                self.cast(self.run(node.args[1 if test else 2], row), kind)
        if name == "coalesce":
            for part in node.args:
                value = self.run(part, row)
                if value is not None:
                    return self.cast(value, kind)
            return None
        arguments = [self.run(part, row) for part in node.args]
        if name == "is_null":
            return arguments[0] is None
        if any(value is None for value in arguments):
            return None
        return self.call(name, kind, arguments)

    def call(self, name, kind, arguments):
        first = arguments[0]
        if name in KEEP_INT:
            return self.rounding(name, kind, arguments)
        if name in TEXT:
            return TEXT[name](*arguments)
        if name in PREDICATES:
            return PREDICATES[name](float(first))
        if name in ("minimum", "maximum", "clip"):
            return extremes(name, [self.cast(x, kind) for x in arguments])
        if name == "substr":
            end = len(first) if len(arguments) < 3 else arguments[1] + arguments[2]
            return first[arguments[1]:end]
        if name == "mod" and kind == "int64":
            return self.integers(ast.Mod(), *map(int, arguments))
        if name in precise.FUNCTIONS:
            return precise.evaluate(name, [float(x) for x in arguments])
        return convert(name, arguments)

    def rounding(self, name, kind, arguments):
        x = self.cast(arguments[0], kind)
        if kind == "int64":
            if name == "abs":
                return self.fit(abs(x))
            if name == "sign":
                return (x > 0) - (x < 0)
            return rounded_int(x, *arguments[1:])
        if name == "round" and len(arguments) == 2:
            return round_digits(x, arguments[1])
        function = {"abs": np.abs, "sign": np.sign, "floor": np.floor, "ceil": np.ceil,
                    "trunc": np.trunc, "round": np.rint}[name]
        return float(function(np.float64(x)))


def rounded_int(x, digits=0):
    """Python's round(int, digits); overflow=wrap is not for it."""
    if not INT_MIN <= round(x, digits) <= INT_MAX:
        raise Failure("integer_overflow")
    return round(x, digits)


def round_digits(x, digits):
    """round(x, digits) on the exact value, half to even; the sign of a zero is kept."""
    if not math.isfinite(x) or digits > 400:
        return x
    scale = fractions.Fraction(10) ** digits
    try:
        result = float(fractions.Fraction(round(fractions.Fraction(x) * scale)) / scale)
    except OverflowError:
        result = math.inf
    return math.copysign(result, x)


def kleene_and(left, right):
    return False if left is False or right is False else \
        None if left is None or right is None else True


def compare(op, left, right):
    if left is None or right is None:
        return None
    if isinstance(left, str):
        left, right = left.encode(), right.encode()
    return {ast.Lt: left < right, ast.LtE: left <= right, ast.Gt: left > right,
            ast.GtE: left >= right, ast.Eq: left == right, ast.NotEq: left != right}[type(op)]


def floats(op, left, right):
    function = {ast.Add: np.add, ast.Sub: np.subtract, ast.Mult: np.multiply, ast.Div: np.divide,
                ast.FloorDiv: np.floor_divide, ast.Mod: np.remainder}[type(op)]
    with np.errstate(all="ignore"):
        return float(function(np.float64(left), np.float64(right)))


def extremes(name, values):
    if name == "clip":
        return extremes("minimum", [extremes("maximum", values[:2]), values[2]])
    if any(math.isnan(x) for x in values):
        return math.nan
    key = lambda x: (x, math.copysign(1, x) if isinstance(x, float) else 0)
    return (min if name == "minimum" else max)(values, key=key)


def convert(name, arguments):
    first = arguments[0]
    if name == "concat":
        return "".join(arguments)
    if name == "length":
        return len(first)
    if name in ("str", "bool", "int"):
        return {"str": str, "bool": bool, "int": to_int}[name](first)
    if name == "float":
        try:
            return float(first)
        except ValueError:
            raise Failure("invalid_value") from None
    function = np.remainder if name == "mod" else getattr(np, name)
    with np.errstate(all="ignore"):
        return float(function(*(np.float64(x) for x in arguments)))


def to_int(value):
    if isinstance(value, float) and not math.isfinite(value):
        raise Failure("integer_out_of_range")
    try:
        value = int(value)
    except ValueError:
        raise Failure("invalid_value") from None
    if not INT_MIN <= value <= INT_MAX:
        raise Failure("integer_out_of_range")
    return value
