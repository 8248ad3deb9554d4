/// One entry for the journal: fields in the order of their importance, in the protocol of systemd's own library.
///
/// A value with a line feed in it is sent with its length, so no value can pass for another field.
package struct JournalMessage: Hashable, Sendable {
    /// One field; the journal keeps several of one name.
    package struct Field: Hashable, Sendable {
        package let name: String
        package let value: String
    }

    package private(set) var fields: [Field] = []

    package init() {}

    /// Adds a field with a name of capital letters, digits and underscores; nil adds nothing.
    package mutating func add(_ name: String, _ value: String?) {
        guard let value else { return }
        let isName = name.utf8.allSatisfy { byte in
            (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "_")
        }
        precondition(isName && (1...64).contains(name.utf8.count), "the journal drops a field of another name")
        fields.append(Field(name: name, value: value))
    }

    package mutating func add(_ name: String, integer: (some BinaryInteger)?) {
        add(name, integer.map { String($0) })
    }

    /// The datagram: as many of the first fields as have room in so many bytes. Where some have not, a field with the
    /// name of `mark` says how many were left out.
    package func datagram(atMost limit: Int, mark: String) -> [UInt8] {
        let markBytes = mark.utf8.count + 8
        var bytes: [UInt8] = []
        for (index, field) in fields.enumerated() {
            let encoded = Self.encoded(field)
            let isLast = index == fields.count - 1
            guard bytes.count + encoded.count + (isLast ? 0 : markBytes) <= limit else {
                bytes += Self.encoded(Field(name: mark, value: String(fields.count - index)))
                break
            }
            bytes += encoded
        }
        return bytes
    }

    private static func encoded(_ field: Field) -> [UInt8] {
        var bytes = Array(field.name.utf8)
        let value = Array(field.value.utf8)
        if value.contains(UInt8(ascii: "\n")) {
            bytes.append(UInt8(ascii: "\n"))
            let count = UInt64(value.count)
            for shift in stride(from: 0, to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: count >> shift)) }
        } else {
            bytes.append(UInt8(ascii: "="))
        }
        return bytes + value + [UInt8(ascii: "\n")]
    }
}
