import JSON
import Testing

@Suite struct JSONObjectReaderTests {
    static func reader(_ text: String, nullIsAbsent: Bool = false) throws -> JSONObjectReader {
        try JSONObjectReader(JSONParser.parse(Array(text.utf8), limits: .call), nullIsAbsent: nullIsAbsent)
    }

    static let badIntegers = [
        "1.0", "1e2", "1e400", "-0", "9223372036854775808", "18446744073709551616", "\"1\"", "true", "null", "[]", "{}",
        "-9223372036854775809", "0.0", "1E0",
    ]

    @Test(arguments: badIntegers)
    func `what is no integer of 64 bits is refused and the field is named`(text: String) throws {
        var reader = try Self.reader("{\"n\":\(text)}")
        let error = #expect(throws: JSONShapeError.self) { try reader.integer("n") }
        #expect(error?.path == "n")
        #expect(error?.offset == 5)
    }

    @Test(arguments: [
        ("-9223372036854775808", Int64.min), ("9223372036854775807", Int64.max), ("0", 0), ("-1", -1),
        ("4294967296", 4_294_967_296),
    ])
    func `every integer of 64 bits is read exactly`(text: String, number: Int64) throws {
        var reader = try Self.reader("{\"n\":\(text)}")
        let read = try reader.integer("n")
        #expect(read == number)
    }

    @Test(arguments: [-1, 8, Int64.max, Int64.min])
    func `an integer out of range is refused before it is used`(number: Int64) throws {
        var reader = try Self.reader("{\"n\":\(number)}")
        let error = #expect(throws: JSONShapeError.self) { try reader.integer("n", in: 0...7) }
        #expect(error?.description == "n must be an integer from 0 to 7")
    }

    @Test func `a key that nobody took is an error that names it`() throws {
        var reader = try Self.reader(#"{"outer":{"known":1,"extra":2}}"#)
        var inner = try reader.object("outer")
        _ = try inner.integer("known")
        let error = #expect(throws: JSONShapeError.self) { try inner.finish() }
        #expect(error == JSONShapeError("outer.extra", .unknownKey, at: 28))
        try reader.finish()
    }

    @Test func `null is absent on the wire and a wrong value in a policy`() throws {
        var wire = try Self.reader(#"{"a":null}"#, nullIsAbsent: true)
        let absent = try wire.optionalString("a")
        #expect(absent == nil)
        try wire.finish()
        var policy = try Self.reader(#"{"a":null}"#)
        #expect(throws: JSONShapeError.self) { try policy.optionalString("a") }
    }

    @Test func `a missing key and a wrong type are told apart`() throws {
        var reader = try Self.reader(#"{"s":1,"b":"true","a":{},"o":[],"list":["x",1]}"#)
        #expect(throws: JSONShapeError("gone", .missing, at: 0)) { try reader.string("gone") }
        #expect(throws: JSONShapeError("s", .expected("a string"), at: 5)) { try reader.string("s") }
        #expect(throws: JSONShapeError.self) { try reader.bool("b") }
        #expect(throws: JSONShapeError.self) { try reader.array("a") }
        #expect(throws: JSONShapeError.self) { try reader.object("o") }
        let error = #expect(throws: JSONShapeError.self) { try reader.optionalStrings("list") }
        #expect(error?.path == "list[1]")
    }

    @Test(arguments: ["[]", "1", "\"x\"", "null", "true"])
    func `only an object has keys`(text: String) {
        #expect(throws: JSONShapeError.self) { try Self.reader(text) }
    }

    @Test func `a key is found by its bytes`() throws {
        var reader = try Self.reader("{\"\u{212A}\":1}")
        let absent = reader.take("K")
        #expect(absent == nil)
        #expect(throws: JSONShapeError.self) { try reader.finish() }
    }
}
