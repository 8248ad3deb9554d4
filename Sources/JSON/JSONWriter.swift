/// Writes compact JSON, byte by byte the same for the same value.
package enum JSONWriter {
    private static let hex = Array("0123456789abcdef".utf8)

    /// Appends one value.
    ///
    /// With `asciiOnly` everything past ASCII and DEL is escaped too, so that no terminal and no line reader can be
    /// fooled by what the text holds.
    package static func append(_ value: JSONValue, asciiOnly: Bool = false, to out: inout [UInt8]) {
        switch value.content {
        case .null: out.append(contentsOf: "null".utf8)
        case .bool(let flag): out.append(contentsOf: (flag ? "true" : "false").utf8)
        case .integer(let number): out.append(contentsOf: String(number).utf8)
        case .number(let text): out.append(contentsOf: text.utf8)
        case .string(let text): append(text, asciiOnly: asciiOnly, to: &out)
        case .array(let elements):
            out.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { out.append(UInt8(ascii: ",")) }
                append(element, asciiOnly: asciiOnly, to: &out)
            }
            out.append(UInt8(ascii: "]"))
        case .object(let members):
            out.append(UInt8(ascii: "{"))
            for (index, member) in members.enumerated() {
                if index > 0 { out.append(UInt8(ascii: ",")) }
                append(member.key, asciiOnly: asciiOnly, to: &out)
                out.append(UInt8(ascii: ":"))
                append(member.value, asciiOnly: asciiOnly, to: &out)
            }
            out.append(UInt8(ascii: "}"))
        }
    }

    /// Appends one string with its quotes.
    package static func append(_ text: String, asciiOnly: Bool = false, to out: inout [UInt8]) {
        out.append(UInt8(ascii: "\""))
        defer { out.append(UInt8(ascii: "\"")) }
        // Nearly every string of a record or a message is its own spelling.
        if text.utf8.allSatisfy(isItself) { return out.append(contentsOf: text.utf8) }
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x22: out.append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "\"")])
            case 0x5C: out.append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "\\")])
            case 0x20..<0x7F: out.append(UInt8(scalar.value))
            case 0x80... where !asciiOnly && !isTreacherous(scalar.value):
                if let encoded = UTF8.encode(scalar) { out.append(contentsOf: encoded) }
            default: appendEscape(of: scalar.value, to: &out)
            }
        }
    }

    private static func isItself(_ byte: UInt8) -> Bool {
        0x20..<0x7F ~= byte && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
    }

    /// C1 controls, line and paragraph separators and direction overrides: legal JSON, but they rewrite a terminal.
    private static func isTreacherous(_ code: UInt32) -> Bool {
        switch code {
        case 0x80..<0xA0, 0x200B...0x200F, 0x2028...0x202E, 0x2060...0x2069, 0xFEFF: true
        default: false
        }
    }

    private static func appendEscape(of code: UInt32, to out: inout [UInt8]) {
        switch code {
        case 0x0A: out.append(contentsOf: "\\n".utf8)
        case 0x0D: out.append(contentsOf: "\\r".utf8)
        case 0x09: out.append(contentsOf: "\\t".utf8)
        case 0x10000...:
            let rest = code - 0x10000
            appendUnit(0xD800 + rest >> 10, to: &out)
            appendUnit(0xDC00 + rest & 0x3FF, to: &out)
        default: appendUnit(code, to: &out)
        }
    }

    private static func appendUnit(_ unit: UInt32, to out: inout [UInt8]) {
        out.append(contentsOf: "\\u".utf8)
        for shift in [12, 8, 4, 0] as [UInt32] { out.append(hex[Int(unit >> shift & 15)]) }
    }
}

extension JSONValue {
    /// The value as compact JSON.
    package func bytes(asciiOnly: Bool = false) -> [UInt8] {
        var out: [UInt8] = []
        JSONWriter.append(self, asciiOnly: asciiOnly, to: &out)
        return out
    }

    /// The value as compact JSON.
    package func text(asciiOnly: Bool = false) -> String {
        String(decoding: bytes(asciiOnly: asciiOnly), as: UTF8.self)
    }
}
