/*
 * identity_parts.c: the fixed inputs. A function of expressions that is in no part is found by a
 * test; what is added changes the identity, which is what it should do.
 */
#include "handlers/call.h"
#include "handlers/identity.h"

/* Numbers that readers and writers get wrong: halves, subnormals, powers of ten that are not exact,
 * digits at the end of what a float64 holds, and what is beyond the range. */
static const char numbers[] = "0,0\n-0.0,-1\n0.1,9223372036854775807\n0.3,-9223372036854775808\n"
                              "5e-324,9007199254740993\n2.4703282292062328e-324,1000000\n"
                              "2.2250738585072011e-308,4611686018427387904\n"
                              "2.2250738585072014e-308,999999999999999999\n"
                              "4.9406564584124654e-324,-7\n1.7976931348623157e308,2147483648\n"
                              "1e309,4294967295\n-1e400,3037000500\n9007199254740993,3037000499\n"
                              "9007199254740992.5,10\n0.5,12\n1.5,123\n2.5,1234\n-2.5,12345\n"
                              "1e22,123456\n1e23,1234567\n8.41e21,12345678\n123456789012345678,9\n"
                              "1.0000000000000002,99\n0.30000000000000004,999\n"
                              "6.02214076e23,-9999\n1e-5,99999\n0.0001,-100\n1e16,101\n"
                              "1234567890.123456789,+5\n9.999999999999999e22,007\n"
                              "3.141592653589793238462643383279502884197,1\ninf,2\n-inf,3\nnan,4\n"
                              ",\n.5,6\n5.,7\n1E3,8\n+1.25,-0\n4.35,63\n2.675,64\n1.005,-64\n";

/* Arguments of functions: near 0, near their ends, large, and beyond. */
static const char arguments[] =
    "0,1\n-0.0,2\n1,0\n-1,3\n0.5,-0.0\n-0.5,0.5\n1e-8,1e8\n-1e-8,-3\n"
    "1e-300,2\n5e-324,0.1\n709.782712893384,1e-3\n709.7827128933841,7\n"
    "-745.1332191019411,1\n-745.2,0.25\n0.9999999999999999,-2\n"
    "1.0000000000000002,300\n1.5707963267948966,-1\n3.141592653589793,1\n"
    "6.283185307179586,0.3\n1e5,-5.5\n1e22,3\n1.7976931348623157e308,0.5\n"
    "inf,2\n-inf,-1\nnan,1\n1,nan\n,2\n2,\n20,-0.7\n-20,1e5\n0.7853981633,1e22\n"
    "255.99999,10\n1e15,inf\n-3.7,-inf\n8,1.25\n27,2.75\n100,0.01\n";

static const char integers[] =
    "0,1\n1,0\n-1,2\n7,-2\n-7,3\n9223372036854775807,1\n"
    "-9223372036854775808,-1\n4611686018427387904,2\n3037000500,3037000500\n"
    "-3037000500,3037000500\n1234567890123456789,63\n-5,62\n255,8\n"
    "65536,-3\n,5\n6,\n10,10\n-9223372036854775808,2\n99,7\n1000003,1000033\n";

static const char texts[] =
    "Ada,Lovelace,True,1\n Zo\xc3\xab ,zo\xc3\xab,False,2\n"
    "\xc3\x84\xc3\x96\xc3\x9c\xc3\x9f,\xc3\xa4,True,3\n"
    "\xce\xa3\xce\xaf\xcf\x83\xcf\x85\xcf\x86\xce\xbf\xcf\x82,\xcf\x83,,4\n"
    "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e,\xe6\x9c\xac,True,\n"
    "\xf0\x9f\x98\x80 x\xf0\x9f\x98\x80,\xf0\x9f\x98\x80,False,-6\n"
    "\"a,\"\"b\"\"\",\"\"\"\",True,7\n\"line\nend\",\"\n\",False,8\n,b,True,9\n"
    "\"\",,False,10\n\t tabs\t,\t,True,11\n42,4,False,12\n-1.5e3,5,True,13\n"
    "aaaa,aa,False,14\n\xc7\x85\xef\xac\x81\xc4\xb0,i,True,15\n"
    "0123456789012345678901234567890123456789012345678901234567890123456789,"
    "789,False,9223372036854775807\n";

static const char *const number_lets[] = {
    "-f",
    "f*1",
    "f/3",
    "f+0.1",
    "str(f)",
    "str(i)",
    "float(str(f))",
    "int(str(i))",
    "int(f) if -1e18 < f < 1e18 else None",
    "float(i)",
    "i/7",
    "round(f)",
    "round(f,1)",
    "round(f,2)",
    "round(f,-2)",
    "round(f,15)",
    "round(i)",
    "floor(f)",
    "ceil(f)",
    "trunc(f)",
    "sign(f)",
    "abs(f)",
    "nextafter(f,1)",
    "isnan(f)",
    "isinf(f)",
    "isfinite(f)",
    "is_null(f)",
    "coalesce(f,-1)",
    "where(f<1,f,i)",
    NULL,
};

static const char *const function_lets[] = {
    "x+y",
    "x-y",
    "x*y",
    "x/y",
    "x//y",
    "x%y",
    "x**y",
    "abs(x)**y",
    "x**2",
    "x**0.5",
    "x**3",
    "x**-1",
    "2**x",
    "(x-y)/(x+y)**2",
    "sqrt(abs(x))",
    "cbrt(x)",
    "exp(x)",
    "exp(x*100)",
    "expm1(x)",
    "log(abs(x))",
    "log2(abs(x))",
    "log10(abs(x))",
    "log1p(abs(x))",
    "sin(x)",
    "sin(x*1e4)",
    "cos(x)",
    "cos(x*1e9)",
    "tan(x)",
    "arcsin(x/3)",
    "arccos(x/3)",
    "arctan(x)",
    "arctan2(x,y)",
    "sinh(x)",
    "cosh(x)",
    "tanh(x)",
    "arcsinh(x)",
    "arccosh(abs(x)+1)",
    "arctanh(x/5)",
    "hypot(x,y)",
    "degrees(x)",
    "radians(x)",
    "mod(x,y)",
    "fmod(x,y)",
    "copysign(x,y)",
    "nextafter(x,y)",
    "minimum(x,y,1)",
    "maximum(x,y,-1)",
    "clip(x,-1,y)",
    NULL,
};

static const char *const integer_lets[] = {
    "i+j",
    "i-j",
    "i*j",
    "i/j",
    "i//j",
    "i%j",
    "i**2",
    "i**3",
    "i**j",
    "-i",
    "~i",
    "i&j",
    "i|j",
    "i^j",
    "i<<j if 0 <= j < 64 else 0",
    "i>>j if 0 <= j < 64 else 0",
    "abs(i)",
    "sign(i)",
    "minimum(i,j)",
    "maximum(i,j,0)",
    "clip(i,-5,j)",
    "i<j",
    "i==j",
    "i>0 and j>0",
    "i>0 or j>0",
    "not i>0",
    "bool(i)",
    "float(i)*j",
    "i+0.5",
    NULL,
};

static const char *const text_lets[] = {
    "lower(s)",
    "upper(s)",
    "upper(lower(s))",
    "length(s)",
    "trim(s)",
    "substr(s,1)",
    "substr(s,-3,2)",
    "substr(s,i%5,3)",
    "concat(s,t,i,b)",
    "s+t",
    "starts_with(s,t)",
    "ends_with(s,t)",
    "contains(s,t)",
    "replace(s,t,'<>')",
    "replace(s,'a',s)",
    "s<t",
    "s==t",
    "minimum(s,t)",
    "maximum(s,t)",
    "coalesce(s,t)",
    "int(s)",
    "float(s)",
    "bool(s)",
    "str(b)",
    "int(b)",
    "s if b else t",
    "is_null(s)",
    NULL,
};

#define OF_EACH(arguments)                                                                         \
    "md5(" arguments ")", "sha1(" arguments ")", "sha256(" arguments ")", "sha512(" arguments ")", \
        "sha3_256(" arguments ")", "blake2b512(" arguments ")", "xxh64(" arguments ")",            \
        "xxh3_64(" arguments ")"

static const char *const hash_lets[] = {
    OF_EACH("s,t,i,b"),           OF_EACH("*"),
    OF_EACH("s,frame='length'"),  OF_EACH("i,sep='|',as='base64'"),
    "hmac_sha256(s,t,i,key='k')", "xxh64(s,as='int64')",
    "xxh3_64(s,t,as='int64')",    "md5(s,i,text='raw')",
    "md5(s,null=None)",           "md5(s,i,null='')",
    "md5(upper(s),i/3)",          NULL,
};

static const char *const number_hash_lets[] = {
    "md5(f,i)", "sha256(f,text='raw')", "xxh64(f*1,i+0.5)", "sha1(*)", NULL,
};

static const char *const random_lets[] = {"x", "y", "x-y", NULL};

#define RANDOM_ROWS 700

static const struct cn_identity_part parts[] = {
    {.source = CN_SOURCE_CSV, .columns = "fi", .text = numbers, .lets = number_lets},
    {.source = CN_SOURCE_CSV,
     .sink = CN_SINK_JSON,
     .columns = "fi",
     .text = numbers,
     .lets = number_lets},
    {.source = CN_SOURCE_CSV, .columns = "fi", .text = numbers, .lets = number_hash_lets},
    {.source = CN_SOURCE_CSV, .columns = "xy", .text = arguments, .lets = function_lets},
    {.source = CN_SOURCE_GENERATE,
     .columns = "xy",
     .rows = RANDOM_ROWS,
     .normal = true,
     .lets = function_lets},
    {.source = CN_SOURCE_GENERATE, .columns = "xy", .rows = RANDOM_ROWS, .lets = random_lets},
    {.source = CN_SOURCE_CSV, .columns = "ij", .text = integers, .lets = integer_lets},
    {.source = CN_SOURCE_CSV,
     .columns = "ij",
     .text = integers,
     .wrap_overflow = true,
     .lets = integer_lets},
    {.source = CN_SOURCE_CSV, .columns = "stbi", .text = texts, .lets = text_lets},
    {.source = CN_SOURCE_CSV,
     .sink = CN_SINK_JSON,
     .columns = "stbi",
     .text = texts,
     .lets = text_lets},
    {.source = CN_SOURCE_CSV, .columns = "stbi", .text = texts, .lets = hash_lets},
};

const struct cn_identity_part *cn_identity_parts(size_t *n) {
    *n = sizeof parts / sizeof parts[0];
    return parts;
}

enum cn_type cn_identity_type(char column) {
    switch (column) {
    case 'i':
    case 'j':
        return CN_TYPE_INT64;
    case 's':
    case 't':
        return CN_TYPE_STRING;
    case 'b':
        return CN_TYPE_BOOL;
    default:
        return CN_TYPE_FLOAT64;
    }
}

#define INTS "0,1,2,3,-4,-5,46000,46002,123456789012345678901234567890,7"
#define FLOATS "0.5,2.0,-2.0,1e10,1e300,true"

static const struct cn_identity_calls calls[] = {
    {CN_CALL_LONG_IO, 0, 16, INTS "," FLOATS},
    {CN_CALL_LONG_COMP, 1, 16, INTS "," FLOATS},
    {CN_CALL_LONG_COMP, 2, 16, INTS "," FLOATS},
    {CN_CALL_LONG_COMP, 500, 16, INTS "," FLOATS},
    {CN_CALL_HASH, 0, 3, "[1,2.5,\"x\"],[\"Zo\\u00eb\",null,true,1e300],\"no array\""},
};

const struct cn_identity_calls *cn_identity_calls(size_t *n) {
    *n = sizeof calls / sizeof calls[0];
    return calls;
}
