/// The one strict parser: RFC 8259 and nothing beyond it but the comments a limit may allow.
///
/// Refused: duplicate keys (by decoded bytes, at every depth), a byte order mark, malformed UTF-8, lone surrogates,
/// U+0000, trailing commas, anything after the value, and whatever `JSONLimits` says. Nesting is kept on the heap,
/// so no text can exhaust the stack. (Threats T21 to T26 of `facts/security.md`.)
package struct JSONParser {
    private let bytes: [UInt8]
    private let limits: JSONLimits
    private var position = 0
    private var open: [Container] = []

    private struct Container {
        enum Kind { case array, object }
        let kind: Kind
        let offset: Int
        var elements: [JSONValue] = []
        var members: [JSONValue.Member] = []
        var key: String?
    }

    private init(_ bytes: [UInt8], _ limits: JSONLimits) {
        self.bytes = bytes
        self.limits = limits
    }

    /// Reads one whole text.
    package static func parse(_ bytes: [UInt8], limits: JSONLimits) throws(JSONSyntaxError) -> JSONValue {
        guard bytes.count <= limits.bytes else {
            throw JSONSyntaxError(.tooLong(limit: limits.bytes), at: limits.bytes)
        }
        guard !bytes.starts(with: [0xEF, 0xBB, 0xBF]) else { throw JSONSyntaxError(.byteOrderMark, at: 0) }
        var parser = JSONParser(bytes, limits)
        return try parser.parseDocument()
    }

    private mutating func parseDocument() throws(JSONSyntaxError) -> JSONValue {
        while true {
            guard let value = try parseValueOrOpen() else { continue }
            if let whole = try close(with: value) {
                try skipSpace()
                guard position == bytes.count else { throw JSONSyntaxError(.trailingContent, at: position) }
                return whole
            }
        }
    }

    /// Reads a scalar or an empty container, or opens a container and returns nil.
    private mutating func parseValueOrOpen() throws(JSONSyntaxError) -> JSONValue? {
        try skipSpace()
        let offset = position
        switch try peek() {
        case UInt8(ascii: "{"):
            try push(.object, offset)
            if try peekAfterSpace() == UInt8(ascii: "}") {
                position += 1
                open.removeLast()
                return JSONValue(.object([]), offset: offset)
            }
            try parseKey()
            return nil
        case UInt8(ascii: "["):
            try push(.array, offset)
            if try peekAfterSpace() == UInt8(ascii: "]") {
                position += 1
                open.removeLast()
                return JSONValue(.array([]), offset: offset)
            }
            return nil
        case UInt8(ascii: "\""):
            return JSONValue(.string(try parseString()), offset: offset)
        case UInt8(ascii: "t"):
            try expect("true")
            return JSONValue(.bool(true), offset: offset)
        case UInt8(ascii: "f"):
            try expect("false")
            return JSONValue(.bool(false), offset: offset)
        case UInt8(ascii: "n"):
            try expect("null")
            return JSONValue(.null, offset: offset)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            return JSONValue(try parseNumber(), offset: offset)
        case let byte:
            throw JSONSyntaxError(.unexpectedByte(byte), at: offset)
        }
    }

    /// Puts a finished value into the containers around it, as far as they end here.
    ///
    /// - Returns: the document's value once nothing is open, nil where another value must follow.
    private mutating func close(with finished: JSONValue) throws(JSONSyntaxError) -> JSONValue? {
        var value = finished
        while !open.isEmpty {
            let top = open.count - 1
            switch open[top].kind {
            case .array: open[top].elements.append(value)
            case .object:
                guard let key = open[top].key else {
                    preconditionFailure("an object's value is read only after its key")
                }
                open[top].members.append(JSONValue.Member(key, value))
                open[top].key = nil
            }
            let isArray = open[top].kind == .array
            let byte = try peekAfterSpace()
            if byte == UInt8(ascii: ",") {
                position += 1
                if !isArray {
                    try skipSpace()
                    try parseKey()
                }
                return nil
            }
            guard byte == (isArray ? UInt8(ascii: "]") : UInt8(ascii: "}")) else {
                throw JSONSyntaxError(.unexpectedByte(byte), at: position)
            }
            position += 1
            let container = open.removeLast()
            value = JSONValue(
                isArray ? .array(container.elements) : .object(container.members), offset: container.offset)
        }
        return value
    }

    private mutating func push(_ kind: Container.Kind, _ offset: Int) throws(JSONSyntaxError) {
        guard open.count < limits.depth else { throw JSONSyntaxError(.tooDeep(limit: limits.depth), at: offset) }
        open.append(Container(kind: kind, offset: offset))
        position += 1
    }

    private mutating func parseKey() throws(JSONSyntaxError) {
        let offset = position
        let byte = try peek()
        guard byte == UInt8(ascii: "\"") else { throw JSONSyntaxError(.unexpectedByte(byte), at: offset) }
        let key = try parseString()
        let top = open.count - 1
        // Keys are few by the limit below, so looking through them costs less than a set of them.
        guard !open[top].members.contains(where: { $0.key.hasBytes(of: key) }) else {
            throw JSONSyntaxError(.duplicateKey(key), at: offset)
        }
        guard open[top].members.count < limits.keysPerObject else {
            throw JSONSyntaxError(.tooManyKeys(limit: limits.keysPerObject), at: offset)
        }
        open[top].key = key
        let colon = try peekAfterSpace()
        guard colon == UInt8(ascii: ":") else { throw JSONSyntaxError(.unexpectedByte(colon), at: position) }
        position += 1
    }

    private mutating func parseNumber() throws(JSONSyntaxError) -> JSONValue.Content {
        let start = position
        if bytes[position] == UInt8(ascii: "-") { position += 1 }
        let whole = skipDigits()
        guard whole > 0, whole == 1 || bytes[position - whole] != UInt8(ascii: "0") else {
            throw JSONSyntaxError(.malformedNumber, at: start)
        }
        var isInteger = true
        if position < bytes.count, bytes[position] == UInt8(ascii: ".") {
            isInteger = false
            position += 1
            guard skipDigits() > 0 else { throw JSONSyntaxError(.malformedNumber, at: start) }
        }
        if position < bytes.count, bytes[position] | 0x20 == UInt8(ascii: "e") {
            isInteger = false
            position += 1
            if position < bytes.count, bytes[position] == UInt8(ascii: "+") || bytes[position] == UInt8(ascii: "-") {
                position += 1
            }
            guard skipDigits() > 0 else { throw JSONSyntaxError(.malformedNumber, at: start) }
        }
        guard position - start <= limits.stringBytes else {
            throw JSONSyntaxError(.stringTooLong(limit: limits.stringBytes), at: start)
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        // "-0" is legal JSON but no integer that two programs write alike: it stays a number, and fields refuse it.
        if isInteger, !text.hasBytes(of: "-0"), let integer = Int64(text) { return .integer(integer) }
        return .number(text)
    }

    private mutating func skipDigits() -> Int {
        let start = position
        while position < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[position]) {
            position += 1
        }
        return position - start
    }

    private mutating func parseString() throws(JSONSyntaxError) -> String {
        let start = position
        position += 1
        var decoded: [UInt8] = []
        while true {
            let runStart = position
            while position < bytes.count, bytes[position] >= 0x20, bytes[position] < 0x80,
                bytes[position] != UInt8(ascii: "\""), bytes[position] != UInt8(ascii: "\\")
            {
                position += 1
            }
            guard decoded.count + position - runStart <= limits.stringBytes else {
                throw JSONSyntaxError(.stringTooLong(limit: limits.stringBytes), at: start)
            }
            let ending = try peek()
            // Most strings are one run, which is taken as it stands.
            if ending == UInt8(ascii: "\""), decoded.isEmpty {
                position += 1
                return String(decoding: bytes[runStart..<position - 1], as: UTF8.self)
            }
            decoded.append(contentsOf: bytes[runStart..<position])
            switch ending {
            case UInt8(ascii: "\""):
                position += 1
                return String(decoding: decoded, as: UTF8.self)
            case UInt8(ascii: "\\"):
                try parseEscape(into: &decoded)
            case let byte where byte < 0x20:
                throw JSONSyntaxError(.controlCharacter(byte), at: position)
            default:
                try parseMultibyte(into: &decoded)
            }
        }
    }

    private mutating func parseMultibyte(into decoded: inout [UInt8]) throws(JSONSyntaxError) {
        guard limits.allowsNonASCII else { throw JSONSyntaxError(.notASCII, at: position) }
        guard let length = UTF8Sequence.length(at: position, in: bytes) else {
            throw JSONSyntaxError(.malformedUTF8, at: position)
        }
        decoded.append(contentsOf: bytes[position..<position + length])
        position += length
    }

    private mutating func parseEscape(into decoded: inout [UInt8]) throws(JSONSyntaxError) {
        let start = position
        position += 1
        let byte = try peek()
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): decoded.append(byte)
        case UInt8(ascii: "b"): decoded.append(0x08)
        case UInt8(ascii: "f"): decoded.append(0x0C)
        case UInt8(ascii: "n"): decoded.append(0x0A)
        case UInt8(ascii: "r"): decoded.append(0x0D)
        case UInt8(ascii: "t"): decoded.append(0x09)
        case UInt8(ascii: "u"): try parseUnicodeEscape(from: start, into: &decoded)
        default: throw JSONSyntaxError(.malformedEscape, at: start)
        }
    }

    private mutating func parseUnicodeEscape(
        from start: Int, into decoded: inout [UInt8]
    ) throws(JSONSyntaxError) {
        var code = try parseFourHexDigits(from: start)
        if (0xD800..<0xDC00).contains(code) {
            guard position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\\"),
                bytes[position + 1] == UInt8(ascii: "u")
            else { throw JSONSyntaxError(.loneSurrogate, at: start) }
            position += 2
            let low = try parseFourHexDigits(from: start)
            guard (0xDC00..<0xE000).contains(low) else { throw JSONSyntaxError(.loneSurrogate, at: start) }
            code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
        }
        guard code != 0 else { throw JSONSyntaxError(.nulCharacter, at: start) }
        guard let scalar = UnicodeScalar(code) else { throw JSONSyntaxError(.loneSurrogate, at: start) }
        guard limits.allowsNonASCII || scalar.isASCII else { throw JSONSyntaxError(.notASCII, at: start) }
        decoded.append(contentsOf: UTF8.encode(scalar).map(Array.init) ?? [])
    }

    private mutating func parseFourHexDigits(from start: Int) throws(JSONSyntaxError) -> UInt32 {
        guard bytes.count - position >= 4 else { throw JSONSyntaxError(.malformedEscape, at: start) }
        var code: UInt32 = 0
        for _ in 0..<4 {
            let byte = bytes[position]
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): code = code << 4 | UInt32(byte - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): code = code << 4 | UInt32(byte - UInt8(ascii: "a") + 10)
            case UInt8(ascii: "A")...UInt8(ascii: "F"): code = code << 4 | UInt32(byte - UInt8(ascii: "A") + 10)
            default: throw JSONSyntaxError(.malformedEscape, at: start)
            }
            position += 1
        }
        return code
    }

    private mutating func expect(_ word: String) throws(JSONSyntaxError) {
        for expected in word.utf8 {
            let byte = try peek()
            guard byte == expected else { throw JSONSyntaxError(.unexpectedByte(byte), at: position) }
            position += 1
        }
    }

    private func peek() throws(JSONSyntaxError) -> UInt8 {
        guard position < bytes.count else { throw JSONSyntaxError(.unexpectedEnd, at: bytes.count) }
        return bytes[position]
    }

    private mutating func peekAfterSpace() throws(JSONSyntaxError) -> UInt8 {
        try skipSpace()
        return try peek()
    }

    private mutating func skipSpace() throws(JSONSyntaxError) {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x09, 0x0A: position += 1
            case 0x0D:
                // A policy with CRLF would be read as one line by tools that split Characters: refuse it there.
                guard !limits.allowsComments else { throw JSONSyntaxError(.carriageReturn, at: position) }
                position += 1
            case UInt8(ascii: "/") where limits.allowsComments: try skipComment()
            default: return
            }
        }
    }

    private mutating func skipComment() throws(JSONSyntaxError) {
        let start = position
        guard position + 1 < bytes.count, bytes[position + 1] == UInt8(ascii: "/") else {
            throw JSONSyntaxError(.unexpectedByte(bytes[start]), at: start)
        }
        while position < bytes.count, bytes[position] != 0x0A {
            if bytes[position] < 0x80 {
                let byte = bytes[position]
                guard byte >= 0x20 && byte != 0x7F || byte == 0x09 else {
                    throw JSONSyntaxError(byte == 0x0D ? .carriageReturn : .controlCharacter(byte), at: position)
                }
                position += 1
            } else {
                guard let length = UTF8Sequence.length(at: position, in: bytes) else {
                    throw JSONSyntaxError(.malformedUTF8, at: position)
                }
                position += length
            }
        }
    }
}

/// Strict UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing past U+10FFFF.
enum UTF8Sequence {
    /// The length of the well-formed sequence that starts at a position, or nil where there is none.
    static func length(at position: Int, in bytes: [UInt8]) -> Int? {
        func continuation(_ offset: Int, _ range: ClosedRange<UInt8> = 0x80...0xBF) -> Bool {
            position + offset < bytes.count && range.contains(bytes[position + offset])
        }
        switch bytes[position] {
        case 0x00...0x7F: return 1
        case 0xC2...0xDF: return continuation(1) ? 2 : nil
        case 0xE0: return continuation(1, 0xA0...0xBF) && continuation(2) ? 3 : nil
        case 0xED: return continuation(1, 0x80...0x9F) && continuation(2) ? 3 : nil
        case 0xE1...0xEF: return continuation(1) && continuation(2) ? 3 : nil
        case 0xF0: return continuation(1, 0x90...0xBF) && continuation(2) && continuation(3) ? 4 : nil
        case 0xF1...0xF3: return continuation(1) && continuation(2) && continuation(3) ? 4 : nil
        case 0xF4: return continuation(1, 0x80...0x8F) && continuation(2) && continuation(3) ? 4 : nil
        default: return nil
        }
    }
}
