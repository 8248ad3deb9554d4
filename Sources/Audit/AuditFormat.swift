internal import JSON
internal import Linux
internal import MIG

/// Bounds and spelling of format 1.
///
/// A line is one JSON object without spaces, printable ASCII only, with its keys in one fixed order, and a line feed:
///
///     {"v":1,"seq":N,"boot":...,"time":...,"monotonicNs":...,"type":...,...,"prev":"P"[,"mac":"M"],"hash":"H"}
///
/// P, M and H are 64 lower-case hex digits. H is the SHA-256 of the line's bytes from `{` up to the comma before
/// `"hash"`, that comma not included: it covers P, so each hash covers the whole log before it. P is the H of the line
/// before; the first line of a log has seq 1 and 64 zeros. M is reserved for a keyed hash, left out where there is
/// none.
package enum AuditFormat {
    /// Bytes of one string before it is escaped; a longer one is cut and ends in U+2026.
    package static let textBytes = 256
    /// Elements of one array; more are cut.
    package static let listLength = 16
    /// Bytes of one line without its line feed. What the bounds above allow is less.
    package static let lineBytes = 64 << 10
    /// The `prev` of the first record of a log.
    package static let genesis = String(repeating: "0", count: 64)

    static let limits = JSONLimits(bytes: lineBytes, depth: 2, keysPerObject: 64, stringBytes: lineBytes)

    /// Whether all bytes are ones that a line may hold.
    static func isPrintable(_ line: Span<UInt8>) -> Bool { ByteKind.isPrintable(line) }

    /// A string as a record may hold it: cut at a character of at most `textBytes`, and without NUL, which the one
    /// parser refuses.
    package static func text(_ text: String) -> String {
        if text.utf8.count <= textBytes, !text.utf8.contains(0) { return text }
        let mark = "\u{2026}"
        let isCut = text.utf8.count > textBytes
        let room = isCut ? textBytes - mark.utf8.count : textBytes
        var kept = String.UnicodeScalarView()
        var used = 0
        for scalar in text.unicodeScalars {
            let scalar = scalar.value == 0 ? "?" : scalar
            used += UTF8.width(scalar)
            if used > room { break }
            kept.append(scalar)
        }
        return String(kept) + (isCut ? mark : "")
    }

    /// The time as the log has it, RFC 3339 in UTC to the microsecond: always of one length, so it sorts as bytes.
    static func time(_ time: Timestamp) -> String { time.text(fractionDigits: 6) }
}
