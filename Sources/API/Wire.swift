package import JSON

/// A value that travels as one JSON object, read and written alike on both sides.
package protocol WireObject: Sendable {
    var json: JSONValue { get }
    /// Reads what `json` writes; keys that this version does not know are ignored, as clients should.
    init(_ object: inout JSONObjectReader) throws(JSONShapeError)
}

extension WireObject {
    /// Reads a value that must be an object.
    package init(json: JSONValue, path: String = "") throws(JSONShapeError) {
        var reader = try JSONObjectReader(json, path: path, nullIsAbsent: true)
        try self.init(&reader)
    }
}

/// Builds an object and leaves out what is nil: no field is ever null on the wire.
struct ObjectBuilder {
    private(set) var members: [JSONValue.Member] = []

    mutating func add(_ key: String, _ value: JSONValue?) {
        if let value { members.append(JSONValue.Member(key, value)) }
    }
    mutating func add(_ key: String, _ text: String?) { add(key, text.map(JSONValue.string)) }
    mutating func add(_ key: String, _ number: Int?) { add(key, number.map { JSONValue.integer($0) }) }
    mutating func add(_ key: String, _ flag: Bool?) { add(key, flag.map(JSONValue.bool)) }
    mutating func add(_ key: String, _ texts: [String]?) {
        add(key, texts.map { JSONValue.array($0.map(JSONValue.string)) })
    }
    mutating func add(_ key: String, _ object: (some WireObject)?) { add(key, object?.json) }
    mutating func add(_ key: String, _ objects: [some WireObject]) {
        add(key, JSONValue.array(objects.map(\.json)))
    }

    var json: JSONValue { .object(members) }
}

extension JSONObjectReader {
    mutating func int(_ key: String) throws(JSONShapeError) -> Int { Int(try integer(key)) }
    mutating func optionalInt(_ key: String) throws(JSONShapeError) -> Int? { try optionalInteger(key).map { Int($0) } }

    mutating func strings(_ key: String) throws(JSONShapeError) -> [String] {
        guard let texts = try optionalStrings(key) else { throw missing(key) }
        return texts
    }

    mutating func wire<Object: WireObject>(_ key: String) throws(JSONShapeError) -> Object {
        var reader = try object(key)
        return try Object(&reader)
    }

    mutating func optionalWire<Object: WireObject>(_ key: String) throws(JSONShapeError) -> Object? {
        try optionalObject(key).map { (value) throws(JSONShapeError) in
            var reader = value
            return try Object(&reader)
        }
    }

    mutating func wires<Object: WireObject>(_ key: String) throws(JSONShapeError) -> [Object] {
        var objects: [Object] = []
        for (index, element) in try array(key).enumerated() {
            objects.append(try Object(json: element, path: "\(path(of: key))[\(index)]"))
        }
        return objects
    }
}
