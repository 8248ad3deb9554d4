import JSON
import Testing

/// Two parsers that disagree on which of two equal keys counts let one message be checked and another be carried out.
@Suite struct JSONKeyTests {
    static let duplicates = [
        #"{"a":1,"a":2}"#, #"{"a":1,"a":1}"#, #"{"a":1,"b":2,"a":3}"#, #"{"a":1,"\u0061":2}"#, #"{"\u0061":1,"a":2}"#,
        #"{"method":"x","\u006dethod":"y"}"#, #"{"":1,"":2}"#, #"{"é":1,"\u00e9":2}"#, #"{"𝄞":1,"\ud834\udd1e":2}"#,
        #"{"a/b":1,"a\/b":2}"#, #"[{"a":1,"a":2}]"#, #"{"x":{"a":1,"a":2}}"#, #"{"x":[[{"a":null,"a":null}]]}"#,
        #"{"a":{"b":{"c":{"d":{"e":1,"e":2}}}}}"#, #"{"a":{},"b":1,"a":[]}"#,
    ]

    @Test(arguments: duplicates)
    func `a key given twice is refused at any depth and in any spelling`(text: String) {
        let error = #expect(throws: JSONSyntaxError.self) { try JSONParser.parse(Array(text.utf8), limits: .call) }
        guard case .duplicateKey = error?.problem else {
            Issue.record("\(text): \(String(describing: error))")
            return
        }
    }

    @Test func `a key given twice is found at the deepest level allowed`() {
        let inner = #"{"a":1,"a":2}"#
        let text = String(repeating: "[", count: 15) + inner + String(repeating: "]", count: 15)
        let error = #expect(throws: JSONSyntaxError.self) { try JSONParser.parse(Array(text.utf8), limits: .call) }
        #expect(error?.problem == .duplicateKey("a"))
    }

    @Test(arguments: [
        // Kelvin sign and K, composed and decomposed é, semicolon and Greek question mark, backquote and varia.
        ("K", "\u{212A}"), ("\u{E9}", "e\u{301}"), (";", "\u{37E}"), ("`", "\u{1FEF}"), ("a", "A"), ("a", "a "),
    ])
    func `keys that only look alike are two keys`(first: String, second: String) throws {
        let value = try JSONParser.parse(Array("{\"\(first)\":1,\"\(second)\":2}".utf8), limits: .call)
        #expect(value.objectValue?.count == 2)
        #expect(value[first]?.integerValue == 1)
        #expect(value[second]?.integerValue == 2)
    }

    @Test func `the same key in different objects is no duplicate`() throws {
        let value = try JSONParser.parse(Array(#"{"a":{"a":{"a":1}},"b":[{"a":1},{"a":2}]}"#.utf8), limits: .call)
        #expect(value["b"]?.arrayValue?.compactMap { $0["a"]?.integerValue } == [1, 2])
    }

    @Test func `texts that are canonically equivalent are not equal`() {
        #expect(JSONValue.string("K") != .string("\u{212A}"))
        #expect(!"é".hasBytes(of: "e\u{301}"))
        #expect(JSONValue.object([.init("a", 1)]) != .object([.init("a", 2)]))
        #expect(JSONValue.object([.init("a", 1), .init("b", 2)]) != .object([.init("b", 2), .init("a", 1)]))
    }
}
