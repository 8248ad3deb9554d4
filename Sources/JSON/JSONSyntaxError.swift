/// Why a text is not JSON that this parser accepts, and where.
package struct JSONSyntaxError: Error, Hashable, Sendable {
    package enum Problem: Hashable, Sendable {
        case tooLong(limit: Int)
        case tooDeep(limit: Int)
        case tooManyKeys(limit: Int)
        case stringTooLong(limit: Int)
        case duplicateKey(String)
        case unexpectedEnd
        case unexpectedByte(UInt8)
        case trailingContent
        case malformedNumber
        case malformedEscape
        case loneSurrogate
        case nulCharacter
        case controlCharacter(UInt8)
        case malformedUTF8
        case byteOrderMark
        case carriageReturn
        case notASCII
    }

    package let problem: Problem
    /// In bytes from the start of the text.
    package let offset: Int

    package init(_ problem: Problem, at offset: Int) {
        self.problem = problem
        self.offset = offset
    }
}

extension JSONSyntaxError: CustomStringConvertible {
    package var description: String { problem.description }
}

extension JSONSyntaxError.Problem: CustomStringConvertible {
    package var description: String {
        switch self {
        case .tooLong(let limit): "text is longer than \(limit) bytes"
        case .tooDeep(let limit): "nested deeper than \(limit)"
        case .tooManyKeys(let limit): "object has more than \(limit) keys"
        case .stringTooLong(let limit): "string is longer than \(limit) bytes"
        case .duplicateKey(let key): "key \(JSONValue.string(key).text(asciiOnly: true)) is given twice"
        case .unexpectedEnd: "text ends too early"
        case .unexpectedByte(let byte):
            (33...126).contains(byte)
                ? "unexpected '\(Character(UnicodeScalar(byte)))'" : "unexpected byte 0x\(String(byte, radix: 16))"
        case .trailingContent: "something follows the value"
        case .malformedNumber: "malformed number"
        case .malformedEscape: "malformed escape"
        case .loneSurrogate: "half of a surrogate pair"
        case .nulCharacter: "NUL character"
        case .controlCharacter(let byte): "unescaped control character 0x\(String(byte, radix: 16))"
        case .malformedUTF8: "malformed UTF-8"
        case .byteOrderMark: "byte order mark"
        case .carriageReturn: "carriage return; lines end with a line feed alone"
        case .notASCII: "character outside ASCII"
        }
    }
}

/// Line and column of an offset as compilers count them, from 1, columns in bytes.
package struct TextPosition: Hashable, Sendable, CustomStringConvertible {
    package let line: Int
    package let column: Int

    package init(of offset: Int, in bytes: [UInt8]) {
        let before = bytes.prefix(max(0, offset))
        let lastBreak = before.lastIndex(of: UInt8(ascii: "\n"))
        line = before.reduce(1) { $1 == UInt8(ascii: "\n") ? $0 + 1 : $0 }
        column = before.count - (lastBreak.map { $0 + 1 } ?? 0) + 1
    }

    package var description: String { "\(line):\(column)" }
}
