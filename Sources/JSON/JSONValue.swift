/// A JSON value, read by the one strict parser or built to be written.
///
/// Strings are valid Unicode; compare them byte by byte (`hasBytes(of:)`), never with `==`, which in Swift takes
/// canonically equivalent texts for equal and would let two spellings of a name pass for one.
package struct JSONValue: Sendable {
    package enum Content: Sendable {
        case null
        case bool(Bool)
        case integer(Int64)
        /// A legal JSON number that is not an integer of 64 bits, as it was written.
        case number(String)
        case string(String)
        case array([JSONValue])
        /// In the order written; keys are unique by the bytes they decode to.
        case object([Member])
    }

    package struct Member: Sendable {
        package let key: String
        package let value: JSONValue

        package init(_ key: String, _ value: JSONValue) {
            self.key = key
            self.value = value
        }
    }

    package let content: Content
    /// Byte offset of the value's first byte in the text that it was read from; 0 for a built value.
    package let offset: Int

    package init(_ content: Content, offset: Int = 0) {
        self.content = content
        self.offset = offset
    }

    package static func string(_ text: String) -> JSONValue { JSONValue(.string(text)) }
    package static func integer(_ number: some BinaryInteger) -> JSONValue {
        Int64(exactly: number).map { JSONValue(.integer($0)) } ?? JSONValue(.number(String(number)))
    }
    package static func bool(_ flag: Bool) -> JSONValue { JSONValue(.bool(flag)) }
    package static func array(_ elements: [JSONValue]) -> JSONValue { JSONValue(.array(elements)) }
    package static func object(_ members: [Member]) -> JSONValue { JSONValue(.object(members)) }
    package static var null: JSONValue { JSONValue(.null) }

    /// The value of a key of an object, found by bytes; nil where there is no such key or this is no object.
    package subscript(key: String) -> JSONValue? {
        guard case .object(let members) = content else { return nil }
        return members.first { $0.key.hasBytes(of: key) }?.value
    }

    package var isNull: Bool {
        if case .null = content { true } else { false }
    }
    package var stringValue: String? {
        if case .string(let text) = content { text } else { nil }
    }
    package var integerValue: Int64? {
        if case .integer(let number) = content { number } else { nil }
    }
    package var boolValue: Bool? {
        if case .bool(let flag) = content { flag } else { nil }
    }
    package var arrayValue: [JSONValue]? {
        if case .array(let elements) = content { elements } else { nil }
    }
    package var objectValue: [Member]? {
        if case .object(let members) = content { members } else { nil }
    }
}

extension JSONValue: Equatable {
    /// Same shape, same order of keys, same bytes; where the values were read from does not count.
    package static func == (a: JSONValue, b: JSONValue) -> Bool {
        switch (a.content, b.content) {
        case (.null, .null): true
        case (.bool(let a), .bool(let b)): a == b
        case (.integer(let a), .integer(let b)): a == b
        case (.number(let a), .number(let b)): a.hasBytes(of: b)
        case (.string(let a), .string(let b)): a.hasBytes(of: b)
        case (.array(let a), .array(let b)): a == b
        case (.object(let a), .object(let b)):
            a.count == b.count && zip(a, b).allSatisfy { $0.key.hasBytes(of: $1.key) && $0.value == $1.value }
        default: false
        }
    }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    package init(stringLiteral value: String) { self.init(.string(value)) }
    package init(integerLiteral value: Int64) { self.init(.integer(value)) }
    package init(booleanLiteral value: Bool) { self.init(.bool(value)) }
    package init(arrayLiteral elements: JSONValue...) { self.init(.array(elements)) }
    package init(dictionaryLiteral elements: (String, JSONValue)...) {
        self.init(.object(elements.map { Member($0.0, $0.1) }))
    }
}

extension String {
    /// Whether two texts are the same bytes; the same as for any text, but not generic, since every key that is
    /// looked up on the way of a request comes through here.
    package func hasBytes(of other: String) -> Bool {
        utf8.count == other.utf8.count && utf8.elementsEqual(other.utf8)
    }
}

extension StringProtocol {
    /// Whether two texts are the same bytes; the only equality that security decisions use.
    package func hasBytes(of other: some StringProtocol) -> Bool {
        utf8.elementsEqual(other.utf8)
    }
}
