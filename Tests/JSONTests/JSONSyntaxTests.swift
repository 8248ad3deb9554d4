import JSON
import Testing

/// The cases of JSONTestSuite by their letters: `y` must be read, `n` must be refused, `i` is each parser's choice,
/// and ours is written down here.
@Suite struct JSONSyntaxTests {
    static let legal = [
        "null", "true", "false", "0", "-1", "123", "1.5", "1e2", "1E+2", "1e-2", "-0", "-0.0", "20e1", "123.456e78",
        "\"\"", "\"a\"", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\u0041\"", "\"\\uD834\\uDD1E\"", "\"é\"", "\"€\"",
        "\"𝄞\"", "\"\u{7F}\"", "\"\\uFFFF\"", "\"\u{2028}\"", "\"asd \"", "\" \"",
        "[]", "[ ]", "[1]", "[1,2]", "[null, 1, \"1\", {}]", "[[]   ]", "[\"\"]", "\t[1]\n", "[1\r\n,2]", " 2 ",
        "{}", "{ }", "{\"a\":1}", "{\"a\":1,\"b\":2}", "{\"\":0}", "{\"a\":{\"b\":[{}]}}", "{\"a\" : 1 }",
        "{\"min\": -1.0e+28, \"max\": 1.0e+28}", "{\"title\":\"\\u041f\"}",
    ]

    @Test(arguments: legal)
    func `legal texts are read`(text: String) throws {
        _ = try JSONParser.parse(Array(text.utf8), limits: .call)
    }

    static let illegal = [
        "", " ", "nul", "nulll", "True", "TRUE", "truth", "NaN", "Infinity", "-Infinity", "-NaN", "undefined", "a",
        "'a'",
        "+1", "++1", "-", "--1", "01", "-01", "00", "1.", ".5", "-.5", "1e", "1e+", "1.e1", "0e", "0x1", "0x", "1_0",
        "1 2", "1,", ",1", "1]", "1}", "- 1", "1.2.3", "1e5.5", "2.e3", "1a", "１",
        "\"", "\"a", "\"\\\"", "\"\\x41\"", "\"\\a\"", "\"\\U0041\"", "\"\\u\"", "\"\\u12\"", "\"\\u123G\"", "\"\\\"",
        "\"\\\\\\\"", "\"a\nb\"", "\"a\tb\"", "\"a\u{0}b\"", "\"\u{1F}\"", "\"a\" \"b\"", "\"\\ud800\"",
        "\"\\ud800\\u\"", "\"\\ud800\\u1\"", "\"\\ud800\\n\"", "\"\\ud800abc\"", "\"\\udc00\"", "\"\\ud800\\ud800\"",
        "\"\\udd1e\\ud834\"", "\"\\u0000\"", "\"\\u00A\"", "\"\\ \"",
        "[", "]", "[1", "[1,", "[,1]", "[1,]", "[,]", "[1,,2]", "[1 2]", "[1:2]", "[1}", "[[1]", "[1]]", "[\"\"", "[x",
        "[1\u{0C}]", "[\u{0B}1]", "[-]", "[\"a\",\n4\n,1,", "[1,\n1\n,1", "[\u{A0}1]", "[\u{2060}]",
        "{", "}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{,}", "{\"a\",1}", "{a:1}", "{'a':1}", "{1:1}", "{null:1}",
        "{\"a\" 1}", "{\"a\"::1}", "{\"a\":1 \"b\":2}", "{\"a\":1]", "{\"a\":\"b\"", "{\"a\":\"b\"}#", "{\"a\":1}{",
        "{\"a\":1};", "{[]:1}", "{{}:1}", "{\"a\":1}//x", "{\"a\":/*x*/1}", "/**/1", "#1", "<null>", "[] null", "{}}",
        "\u{FEFF}1", "\u{FEFF}", "1\u{FEFF}", "*", "{*", "\u{0}", "1\u{0}", "[1]x", "\\u0061", "å",
    ]

    @Test(arguments: illegal)
    func `illegal texts are refused`(text: String) {
        #expect(throws: JSONSyntaxError.self) { try JSONParser.parse(Array(text.utf8), limits: .record) }
    }

    static let illegalBytes: [[UInt8]] = [
        [0x22, 0xFF, 0x22], [0x22, 0x80, 0x22], [0x22, 0xC0, 0xAF, 0x22], [0x22, 0xC1, 0xBF, 0x22],
        [0x22, 0xE0, 0x80, 0xAF, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22], [0x22, 0xED, 0xBF, 0xBF, 0x22],
        [0x22, 0xF0, 0x80, 0x80, 0x80, 0x22], [0x22, 0xF4, 0x90, 0x80, 0x80, 0x22],
        [0x22, 0xF5, 0x80, 0x80, 0x80, 0x22],
        [0x22, 0xC3, 0x22], [0x22, 0xE2, 0x82, 0x22], [0x22, 0xF0, 0x9D, 0x84, 0x22], [0x22, 0xC3], [0x22, 0xFE, 0x22],
        [0x22, 0xFC, 0x83, 0xBF, 0xBF, 0xBF, 0xBF, 0x22], [0xFF, 0xFE, 0x31, 0x00], [0xFE, 0xFF, 0x00, 0x31],
        [0xEF, 0xBB, 0xBF, 0x31], [0xEF, 0xBB, 0xBF], [0x31, 0x00], [0x00, 0x31], [0x5B, 0xE5, 0x5D], [0x31, 0xE5],
        [0x7B, 0x22, 0xB9, 0x22, 0x3A, 0x31, 0x7D], [0x22, 0x5C, 0xE5, 0x22], [0x22, 0x5C, 0x75, 0xE5, 0x22],
    ]

    @Test(arguments: illegalBytes)
    func `bytes that are not strict UTF-8 JSON are refused`(bytes: [UInt8]) {
        #expect(throws: JSONSyntaxError.self) { try JSONParser.parse(bytes, limits: .record) }
    }

    static let choices: [(text: String, value: JSONValue)] = [
        ("1e400", JSONValue(.number("1e400"))), ("-1e+9999", JSONValue(.number("-1e+9999"))),
        ("0.4e-006", JSONValue(.number("0.4e-006"))), ("9223372036854775807", .integer(Int64.max)),
        ("-9223372036854775808", .integer(Int64.min)),
        ("9223372036854775808", JSONValue(.number("9223372036854775808"))),
        ("123123123123123123123123123123", JSONValue(.number("123123123123123123123123123123"))),
        ("\"\\uFFFE\"", .string("\u{FFFE}")), ("\"\\uDBFF\\uDFFE\"", .string("\u{10FFFE}")),
        ("\"\u{FEFF}\"", .string("\u{FEFF}")),
    ]

    @Test(arguments: choices)
    func `what the standard leaves open is read as written`(text: String, value: JSONValue) throws {
        #expect(try JSONParser.parse(Array(text.utf8), limits: .call) == value)
    }

    @Test func `escapes become the bytes they stand for`() throws {
        let text = #""\u0041\u00e9\u20ac\ud834\udd1e\/\b\f\n\r\t\"\\""#
        let value = try JSONParser.parse(Array(text.utf8), limits: .call)
        #expect(value.stringValue?.utf8.elementsEqual("Aé€𝄞/\u{8}\u{C}\n\r\t\"\\".utf8) == true)
    }

    @Test func `every prefix of a text is refused`() throws {
        let text = Array(#"{"a":[1,-2.5e3,"x\u00e9\ud834\udd1e",true,null],"b":{"c":{}}}"#.utf8)
        _ = try JSONParser.parse(text, limits: .call)
        for count in 0..<text.count {
            #expect(throws: JSONSyntaxError.self) { try JSONParser.parse(Array(text[..<count]), limits: .call) }
        }
    }

    @Test(arguments: [
        ("[1,2", 4), ("[1 2]", 3), ("{\"a\":1,\"a\":2}", 7), ("\"\\ud800\"", 1), ("01", 0), ("[1]x", 3), ("tru", 3),
        ("{\"a\" 1}", 5), ("\"a\u{1}\"", 2),
    ])
    func `an error tells the byte where it is`(text: String, offset: Int) {
        let error = #expect(throws: JSONSyntaxError.self) { try JSONParser.parse(Array(text.utf8), limits: .call) }
        #expect(error?.offset == offset)
    }

    @Test func `a value knows where it stood`() throws {
        let value = try JSONParser.parse(Array("{\"a\": [10, 20]}".utf8), limits: .call)
        #expect(value["a"]?.offset == 6)
        #expect(value["a"]?.arrayValue?[1].offset == 11)
        #expect(TextPosition(of: 6, in: Array("{\n  \"a\": 1}".utf8)).description == "2:5")
    }
}
