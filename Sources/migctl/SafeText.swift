/// Text that a terminal may see: whatever came from outside is escaped when it goes in.
///
/// Only literals pass as they are. Everything interpolated, and everything given to `init(_:)`, loses the characters
/// that could move the cursor, change colours or turn the direction of reading. `Output` takes nothing else.
struct SafeText: Hashable, Sendable, ExpressibleByStringInterpolation, CustomStringConvertible {
    let description: String

    /// Longest text from outside that is shown whole, in Unicode scalars.
    private static let longest = 1024

    init(stringLiteral value: String) { description = value }
    init(stringInterpolation: Interpolation) { description = stringInterpolation.text }
    init(_ outside: String) { description = Self.escaped(outside) }

    struct Interpolation: StringInterpolationProtocol {
        fileprivate var text = ""

        init(literalCapacity: Int, interpolationCount: Int) { text.reserveCapacity(literalCapacity) }

        mutating func appendLiteral(_ literal: String) { text += literal }
        mutating func appendInterpolation(_ safe: SafeText) { text += safe.description }
        mutating func appendInterpolation(_ outside: some CustomStringConvertible) {
            text += SafeText.escaped(outside.description)
        }
    }

    var isEmpty: Bool { description.isEmpty }

    /// Columns on a terminal; East Asian wide characters take two, combining marks none.
    var columns: Int { description.unicodeScalars.reduce(0) { $0 + Self.columns(of: $1) } }

    /// At most so many columns, cut at the end with dots.
    func cut(to limit: Int) -> SafeText {
        guard columns > limit else { return self }
        var cut = ""
        var used = 0
        for scalar in description.unicodeScalars {
            used += Self.columns(of: scalar)
            if used > limit - 3 { break }
            cut.unicodeScalars.append(scalar)
        }
        return SafeText(stringLiteral: cut + "...")
    }

    static func joined(_ parts: [SafeText], separator: String) -> SafeText {
        SafeText(stringLiteral: parts.map(\.description).joined(separator: separator))
    }

    private static func escaped(_ text: String) -> String {
        var safe = ""
        for (index, scalar) in text.unicodeScalars.enumerated() {
            guard index < longest else { return safe + "..." }
            if isHarmless(scalar) {
                safe.unicodeScalars.append(scalar)
            } else {
                let hex = String(scalar.value, radix: 16)
                safe += scalar.value < 0x100 ? "\\x" + (hex.utf8.count < 2 ? "0" : "") + hex : "\\u{\(hex)}"
            }
        }
        return safe
    }

    /// Allows kinds of characters rather than forbid single ones: new ones are escaped until they are known.
    private static func isHarmless(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x20..<0x7F: return true
        case ..<0xA0: return false
        default: break
        }
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .nonspacingMark,
            .spacingMark, .decimalNumber, .letterNumber, .otherNumber, .connectorPunctuation, .dashPunctuation,
            .openPunctuation, .closePunctuation, .initialPunctuation, .finalPunctuation, .otherPunctuation,
            .mathSymbol, .currencySymbol, .modifierSymbol, .otherSymbol:
            return true
        default: return false
        }
    }

    private static func columns(of scalar: Unicode.Scalar) -> Int {
        switch scalar.value {
        case ..<0x300: 1
        case 0x1100...0x115F, 0x2E80...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60,
            0xFFE0...0xFFE6, 0x1F300...0x1FAFF, 0x20000...0x3FFFD:
            2
        default: scalar.properties.generalCategory == .nonspacingMark ? 0 : 1
        }
    }
}
