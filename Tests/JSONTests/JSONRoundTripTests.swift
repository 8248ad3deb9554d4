import JSON
import Testing

@Suite struct JSONRoundTripTests {
    @Test(arguments: 0..<64)
    func `what is written is read back the same`(seed: UInt64) throws {
        var source = ValueSource(seed: seed)
        for _ in 0..<50 {
            let value = source.value(depth: 0)
            let plain = value.bytes()
            #expect(try JSONParser.parse(plain, limits: .record) == value)
            let ascii = value.bytes(asciiOnly: true)
            #expect(ascii.allSatisfy { $0 >= 0x20 && $0 < 0x7F })
            #expect(try JSONParser.parse(ascii, limits: .record) == value)
            #expect(!plain.contains(0))
        }
    }

    @Test(arguments: 0..<64)
    func `a byte changed anywhere is either refused or read without harm`(seed: UInt64) throws {
        var source = ValueSource(seed: seed &+ 1_000_000)
        let bytes = source.value(depth: 0).bytes()
        for _ in 0..<200 {
            var changed = bytes
            changed[Int(source.next() % UInt64(changed.count))] = UInt8(truncatingIfNeeded: source.next())
            do throws(JSONSyntaxError) {
                let value = try JSONParser.parse(changed, limits: .record)
                #expect(try JSONParser.parse(value.bytes(), limits: .record) == value)
            } catch {
                #expect((0...changed.count).contains(error.offset))
            }
        }
    }

    @Test(arguments: [
        ("\u{1B}[2J", #""\u001b[2J""#), ("\u{7F}", #""\u007f""#), ("\u{9B}", #""\u009b""#), ("\u{202E}", #""\u202e""#),
        ("\u{200B}", #""\u200b""#), ("\u{2028}", #""\u2028""#), ("\u{FEFF}", #""\ufeff""#),
        ("a\nb\r\tc", #""a\nb\r\tc""#),
        ("\"\\/", #""\"\\/""#), ("\u{0}", #""\u0000""#), ("é", "\"é\""),
    ])
    func `what rewrites a terminal is escaped on every output`(text: String, expected: String) {
        #expect(JSONValue.string(text).text() == expected)
    }

    @Test func `a pair of surrogates is written for what is past the basic plane`() {
        #expect(JSONValue.string("𝄞").text(asciiOnly: true) == #""\ud834\udd1e""#)
    }

    @Test func `an integer that no Int64 holds is written as a number`() {
        #expect(JSONValue.integer(UInt64.max).text() == "18446744073709551615")
        #expect(JSONValue.integer(UInt64.max).integerValue == nil)
    }
}

/// Random values from a seed, so that a failure can be run again (xorshift64*).
private struct ValueSource {
    private var state: UInt64

    init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

    mutating func next() -> UInt64 {
        state ^= state >> 12
        state ^= state << 25
        state ^= state >> 27
        return state &* 0x2545_F491_4F6C_DD1D >> 8
    }

    mutating func value(depth: Int) -> JSONValue {
        switch next() % (depth < 6 ? 8 : 6) {
        case 0: .null
        case 1: .bool(next() % 2 == 0)
        case 2: .integer(Int64(bitPattern: next() << (next() % 60)))
        case 3: .integer(Int64(truncatingIfNeeded: next() % 100) - 50)
        case 4, 5: .string(text())
        case 6: .array((0..<next() % 5).map { _ in value(depth: depth + 1) })
        default: .object((0..<next() % 5).map { .init("\($0)" + text(), value(depth: depth + 1)) })
        }
    }

    private mutating func text() -> String {
        var text = ""
        for _ in 0..<next() % 12 {
            let code =
                switch next() % 4 {
                case 0: UInt32(1 + next() % 0x20)
                case 1: UInt32(0x20 + next() % 0x60)
                case 2: UInt32(0x80 + next() % 0x3000)
                default: UInt32(0x10000 + next() % 0xFFFFF)
                }
            if let scalar = UnicodeScalar(code) { text.unicodeScalars.append(scalar) }
        }
        return text
    }
}
