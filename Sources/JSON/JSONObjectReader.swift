/// A value that is JSON but not of the shape that was asked for.
package struct JSONShapeError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Problem: Hashable, Sendable {
        case missing
        case unknownKey
        /// What should have stood there, in words: "a string", "an integer from 0 to 7".
        case expected(String)
    }

    /// Where, from the outermost value: `limits[0].slices`; empty for the outermost value itself.
    package let path: String
    package let problem: Problem
    /// In bytes from the start of the text.
    package let offset: Int

    package init(_ path: String, _ problem: Problem, at offset: Int) {
        self.path = path
        self.problem = problem
        self.offset = offset
    }

    package var description: String {
        let place = path.isEmpty ? "value" : path
        return switch problem {
        case .missing: "\(place) is missing"
        case .unknownKey: "\(place) is not a known key"
        case .expected(let what): "\(place) must be \(what)"
        }
    }
}

/// Takes an object apart key by key and refuses what nobody asked for.
///
/// Every key must be taken once; `finish` then throws on the first key that was not. A key whose value is null counts
/// as absent where `nullIsAbsent` is set (the wire), and as a value of the wrong shape elsewhere (policy).
package struct JSONObjectReader {
    private let members: [JSONValue.Member]
    private let nullIsAbsent: Bool
    private var taken: [Bool]
    /// Of the object in its text.
    package let offset: Int
    /// Of the object from the outermost value.
    package let path: String

    package init(
        _ value: JSONValue, path: String = "", nullIsAbsent: Bool = false
    ) throws(JSONShapeError) {
        guard case .object(let members) = value.content else {
            throw JSONShapeError(path, .expected("an object"), at: value.offset)
        }
        self.members = members
        self.nullIsAbsent = nullIsAbsent
        self.path = path
        taken = Array(repeating: false, count: members.count)
        offset = value.offset
    }

    /// The path of a key of this object.
    package func path(of key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

    /// The value of a key, or nil where it is absent.
    package mutating func take(_ key: String) -> JSONValue? {
        guard let index = members.firstIndex(where: { $0.key.hasBytes(of: key) }) else { return nil }
        taken[index] = true
        let value = members[index].value
        return nullIsAbsent && value.isNull ? nil : value
    }

    package mutating func optionalString(_ key: String) throws(JSONShapeError) -> String? {
        guard let value = take(key) else { return nil }
        guard let text = value.stringValue else { throw expected("a string", key, value) }
        return text
    }

    package mutating func string(_ key: String) throws(JSONShapeError) -> String {
        guard let text = try optionalString(key) else { throw missing(key) }
        return text
    }

    package mutating func optionalInteger(
        _ key: String, in range: ClosedRange<Int64> = Int64.min...Int64.max
    ) throws(JSONShapeError) -> Int64? {
        guard let value = take(key) else { return nil }
        guard let number = value.integerValue, range.contains(number) else {
            let bounds = range == Int64.min...Int64.max ? "" : " from \(range.lowerBound) to \(range.upperBound)"
            throw expected("an integer\(bounds)", key, value)
        }
        return number
    }

    package mutating func integer(
        _ key: String, in range: ClosedRange<Int64> = Int64.min...Int64.max
    ) throws(JSONShapeError) -> Int64 {
        guard let number = try optionalInteger(key, in: range) else { throw missing(key) }
        return number
    }

    package mutating func optionalBool(_ key: String) throws(JSONShapeError) -> Bool? {
        guard let value = take(key) else { return nil }
        guard let flag = value.boolValue else { throw expected("true or false", key, value) }
        return flag
    }

    package mutating func bool(_ key: String) throws(JSONShapeError) -> Bool {
        guard let flag = try optionalBool(key) else { throw missing(key) }
        return flag
    }

    package mutating func optionalArray(_ key: String) throws(JSONShapeError) -> [JSONValue]? {
        guard let value = take(key) else { return nil }
        guard let elements = value.arrayValue else { throw expected("an array", key, value) }
        return elements
    }

    package mutating func array(_ key: String) throws(JSONShapeError) -> [JSONValue] {
        guard let elements = try optionalArray(key) else { throw missing(key) }
        return elements
    }

    /// An array of strings; an element of another kind is named by its index.
    package mutating func optionalStrings(_ key: String) throws(JSONShapeError) -> [String]? {
        guard let elements = try optionalArray(key) else { return nil }
        var texts: [String] = []
        for (index, element) in elements.enumerated() {
            guard let text = element.stringValue else {
                throw JSONShapeError("\(path(of: key))[\(index)]", .expected("a string"), at: element.offset)
            }
            texts.append(text)
        }
        return texts
    }

    package mutating func optionalObject(_ key: String) throws(JSONShapeError) -> JSONObjectReader? {
        guard let value = take(key) else { return nil }
        return try JSONObjectReader(value, path: path(of: key), nullIsAbsent: nullIsAbsent)
    }

    package mutating func object(_ key: String) throws(JSONShapeError) -> JSONObjectReader {
        guard let reader = try optionalObject(key) else { throw missing(key) }
        return reader
    }

    /// Throws on a key that nobody took.
    package func finish() throws(JSONShapeError) {
        for (member, isTaken) in zip(members, taken) where !isTaken {
            throw JSONShapeError(path(of: member.key), .unknownKey, at: member.value.offset)
        }
    }

    /// The error for a key that must be there.
    package func missing(_ key: String) -> JSONShapeError {
        JSONShapeError(path(of: key), .missing, at: offset)
    }

    /// The error for a value of the wrong kind.
    package func expected(_ what: String, _ key: String, _ value: JSONValue) -> JSONShapeError {
        JSONShapeError(path(of: key), .expected(what), at: value.offset)
    }
}
