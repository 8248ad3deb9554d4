import JSON
import Testing

@Suite struct JSONLimitTests {
    static let small = JSONLimits(bytes: 100, depth: 3, keysPerObject: 4, stringBytes: 10)

    static func problem(_ text: String, _ limits: JSONLimits = small) -> JSONSyntaxError.Problem? {
        do throws(JSONSyntaxError) {
            _ = try JSONParser.parse(Array(text.utf8), limits: limits)
            return nil
        } catch {
            return error.problem
        }
    }

    @Test func `a text may be as long as the limit and no longer`() {
        #expect(Self.problem("1" + String(repeating: " ", count: 99)) == nil)
        #expect(Self.problem("1" + String(repeating: " ", count: 100)) == .tooLong(limit: 100))
    }

    @Test(arguments: ["[", "{\"a\":"])
    func `nesting may be as deep as the limit and no deeper`(opening: String) {
        let closing = opening == "[" ? "]" : "}"
        func nested(_ depth: Int) -> String {
            String(repeating: opening, count: depth) + "1" + String(repeating: closing, count: depth)
        }
        #expect(Self.problem(nested(3)) == nil)
        #expect(Self.problem(nested(4)) == .tooDeep(limit: 3))
    }

    @Test func `empty containers count as a level too`() {
        #expect(Self.problem("[[[]]]") == nil)
        #expect(Self.problem("[[[[]]]]") == .tooDeep(limit: 3))
        #expect(Self.problem("[[[{}]]]") == .tooDeep(limit: 3))
    }

    @Test func `a million brackets are refused without a deep stack`() {
        let limits = JSONLimits(bytes: 4 << 20, depth: 16, keysPerObject: 4, stringBytes: 10)
        #expect(Self.problem(String(repeating: "[", count: 1_000_000), limits) == .tooDeep(limit: 16))
        #expect(Self.problem(String(repeating: "[1,", count: 1_000_000), limits) == .tooDeep(limit: 16))
    }

    @Test func `an object may have as many keys as the limit and no more`() {
        func object(_ count: Int) -> String {
            "{" + (0..<count).map { "\"\($0)\":0" }.joined(separator: ",") + "}"
        }
        #expect(Self.problem(object(4)) == nil)
        #expect(Self.problem(object(5)) == .tooManyKeys(limit: 4))
        #expect(Self.problem("[\(object(4)),\(object(4))]") == nil)
    }

    @Test(arguments: [
        ("aaaaaaaaaa", true), ("aaaaaaaaaaa", false), ("ééééé", true), ("éééééé", false), ("€€€a", true),
        ("€€€€", false), ("\\u0061aaaaaaaaa", true), ("\\u0061aaaaaaaaaa", false), ("\\ud834\\udd1e𝄞aa", true),
        ("\\ud834\\udd1e𝄞aaa", false), ("\\n\\n\\n\\n\\n\\n\\n\\n\\n\\n", true),
        ("\\n\\n\\n\\n\\n\\n\\n\\n\\n\\n\\n", false),
    ])
    func `a string may decode to as many bytes as the limit and no more`(content: String, fits: Bool) {
        let expected: JSONSyntaxError.Problem? = fits ? nil : .stringTooLong(limit: 10)
        #expect(Self.problem("\"\(content)\"") == expected)
        #expect(Self.problem("{\"\(content)\":1}") == expected)
    }

    @Test func `a number may have as many digits as a string has bytes`() {
        #expect(Self.problem("1234567890") == nil)
        #expect(Self.problem("12345678901") == .stringTooLong(limit: 10))
        #expect(Self.problem("1.000000000") == .stringTooLong(limit: 10))
    }

    @Test func `the limits of a call are those of the design`() {
        let limits = JSONLimits.call
        #expect(limits.bytes == 65_536 && limits.depth == 16 && limits.keysPerObject == 64)
        #expect(limits.stringBytes == 4096 && !limits.allowsComments)
    }

    static let commented = [
        "// a\n1", "1 // a", "1//", "[1, // one\n 2]", "{ // x\n \"a\" : // y\n 1 // z\n}", "// é €\n1", "//\t\n1",
        "// \"a\": }\n1", "[] // //",
    ]

    @Test(arguments: commented)
    func `comments are space in a policy and nowhere else`(text: String) {
        #expect(Self.problem(text, .policy) == nil)
        #expect(Self.problem(text, .call) != nil)
        #expect(Self.problem(text, .record) != nil)
    }

    @Test(arguments: [
        "/ a\n1", "/* a */1", "1 /", "# a\n1", "1 // a\u{0}", "1 // \u{1B}[2J", "// a\r\n1", "1\r\n", "// a\r1",
    ])
    func `what is no comment, or could fool a reader, is refused in a policy`(text: String) {
        #expect(Self.problem(text, .policy) != nil)
    }

    @Test func `a slash in a string starts no comment`() throws {
        let value = try JSONParser.parse(Array("\"http://x\"".utf8), limits: .policy)
        #expect(value.stringValue == "http://x")
    }

    @Test(arguments: ["\"é\"", "\"\\u00e9\"", "{\"\u{212A}\":1}", "\"\\ud834\\udd1e\"", "{\"\\u212a\":1}"])
    func `a policy has nothing but ASCII outside comments`(text: String) {
        #expect(Self.problem(text, .policy) == .notASCII)
    }

    @Test func `malformed UTF-8 in a comment is refused`() {
        #expect(throws: JSONSyntaxError.self) { try JSONParser.parse([0x2F, 0x2F, 0xFF, 0x0A, 0x31], limits: .policy) }
    }
}
