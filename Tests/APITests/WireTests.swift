import API
import JSON
import Testing

@Suite("What travels")
struct WireTests {
    private static func parsed(_ value: JSONValue) throws -> JSONValue {
        try JSONParser.parse(value.bytes(), limits: .reply)
    }

    private static func members(_ value: JSONValue) -> [JSONValue.Member] { value.objectValue ?? [] }

    /// The error that reading throws, or nil where it succeeds.
    private static func refusal(_ sample: Sample, _ members: [JSONValue.Member]) throws -> JSONShapeError? {
        do {
            _ = try sample.rewritten(.object(members))
            return nil
        } catch let error as JSONShapeError {
            return error
        }
    }

    @Test(arguments: Sample.all) func `comes back as it was`(_ sample: Sample) throws {
        #expect(try sample.rewritten(Self.parsed(sample.full)) == sample.full)
        #expect(try sample.rewritten(Self.parsed(sample.least)) == sample.least)
    }

    @Test(arguments: Sample.all) func `takes null for what is left out`(_ sample: Sample) throws {
        let left = Self.members(sample.full).filter { sample.least[$0.key] == nil }
        let nulls = left.map { JSONValue.Member($0.key, .null) }
        #expect(try sample.rewritten(.object(Self.members(sample.least) + nulls)) == sample.least)
    }

    @Test(arguments: Sample.all) func `lacks nothing that must be there`(_ sample: Sample) throws {
        for member in Self.members(sample.least) {
            let rest = Self.members(sample.full).filter { !$0.key.hasBytes(of: member.key) }
            let error = try #require(try Self.refusal(sample, rest), "without \(member.key)")
            #expect(error.problem == .missing && error.path == member.key)
        }
    }

    @Test(arguments: Sample.all) func `has the right kind of value in every field`(_ sample: Sample) throws {
        let kinds: [JSONValue] = [1, "text", true, [], [:], ["text"], [1], JSONValue(.number("1.5"))]
        for member in Self.members(sample.full) {
            let declared = try #require(sample.declared?.first { $0.name.hasBytes(of: member.key) })
            for kind in kinds where !Conformance.accepts(kind, declared) {
                let changed = Self.members(sample.full).map {
                    $0.key.hasBytes(of: member.key) ? JSONValue.Member(member.key, kind) : $0
                }
                #expect(try Self.refusal(sample, changed) != nil, "\(member.key) = \(kind.text())")
            }
        }
    }

    @Test(arguments: Sample.all) func `with an unknown field is read as a reply and refused as a request`(
        _ sample: Sample
    ) throws {
        let error = try Self.refusal(sample, Self.members(sample.full) + [.init("later", 1)])
        if sample.isRequest {
            #expect(error?.problem == .unknownKey && error?.path == "later")
        } else {
            #expect(error == nil)
        }
    }

    @Test(arguments: Sample.all) func `is refused where it is no object`(_ sample: Sample) {
        for value: JSONValue in [.null, 1, "text", true, []] {
            #expect(throws: JSONShapeError.self) { try sample.rewritten(value) }
        }
    }
}
