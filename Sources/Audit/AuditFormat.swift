internal import JSON
internal import Linux
internal import MIG

/// The audit log's format, version 1: all that a second verifier needs. `Tests/AuditTests/verify_audit.py` is one, of logs
/// and parts of logs; it knows nothing of `seals.jsonl`.
///
/// # Files
///
/// A log is a sequence of segments `audit-00000001.jsonl`, `audit-00000002.jsonl` and so on, one chain through all of
/// them. A segment is lines, each ended by a line feed. A line has at most 65536 bytes without its line feed, printable
/// ASCII only (0x20 to 0x7E), and is one JSON object without spaces between its parts, flat but for arrays, its keys in
/// this order, each left out where there is nothing to say:
///
///     v seq boot time monotonicNs type op conn method
///     uid user gid groups groupCount pid comm cgroup loginuid session origin onBehalfOf onBehalfOfUser
///     policy rules decision reason question
///     gpu gi ci device profile placement lease created expires isolation onExpiry name
///     key params result error nvml before after durationUs count epoch
///     prev mac hash
///
/// `v` is 1. `seq` counts from 1 without a hole. `boot` is the kernel's boot id, `time` the wall clock as
/// `2026-11-18T11:06:40.123456Z`, always 27 bytes, `monotonicNs` CLOCK_BOOTTIME. Strings are cut at 256 bytes of UTF-8
/// (the mark is U+2026), arrays at 16 elements; everything that is not printable ASCII is escaped. `AuditRecordType`
/// says what the types tell, `AuditRecord` what the keys do. A record with `count` stands for so many denials of one `uid`, for
/// one `onBehalfOf`, of one `method` and `error`, after the first, which has a record of its own; it bears what all of them
/// have in common.
///
/// # Chain
///
///     {"v":1,"seq":N,...,"prev":"P","hash":"H"}
///     {"v":1,"seq":N,...,"epoch":E,"prev":"P","mac":"M","hash":"H"}
///
/// P, M and H are 64 lower-case hex digits. H is the SHA-256 of the line's bytes from `{` up to the comma before
/// `"hash"`, that comma not included. P is the H of the line before, so each hash covers the whole log before it; the
/// first line of a log has `seq` 1 and 64 zeros. `seq` has at most 18 digits.
///
/// A log may begin later than with `seq` 1, its first P then being believed: its beginning was removed. It is accounted
/// for by a later record of type `checkpoint` whose `params` hold `last=SEQ:P`, SEQ being the number before the first.
///
/// # Seals
///
/// A line is a seal if it bears `mac`; its type is `seal` then, and `"epoch":E` stands right before `prev`, E being a
/// decimal number of at most 18 digits. M is the HMAC-SHA256, by the key of epoch E, of the line's bytes up to the comma
/// before `"mac"`: it covers P, and so everything before it.
///
/// The keys follow from each other: `key(E + 1) = HMAC-SHA256(key(E), "next")`. The seal of epoch E ends it, and what
/// follows is epoch E + 1. The first seal of a log is of epoch 0: its key is made with it, is shown once, and is never on
/// this machine's disk. Who steals the key of epoch E can seal E and what follows, and nothing before.
///
/// - Each seal's epoch is the last one's and 1; that of the first is 0.
/// - A seal comes at most 1000 records after the one before, counting itself. This holds from the first seal on; in a part
///   of a log, with a first seal of an epoch past 0, from its first record on.
/// - Each seal has the `mac` that its epoch's key gives, where that key is known. Where one is known at all, there must be
///   a seal.
///
/// When segments are removed, the lines of their seals stay, in `seals.jsonl` beside them, oldest first. In a log that begins
/// later than with `seq` 1 those of them before its first `seq` come before its own seals, and the rules above hold for all
/// together: so nobody who stole a key can have the log begin with that key's epoch. Only a part of a log, taken by itself,
/// may begin with the seal of any epoch.
///
/// Keys are written `E:KEY`, the key as 64 hex digits. A verifier takes one or more such lines, each key holding until the
/// next one's epoch: after the loss of a key, another is made, whose first seal is of the epoch after the last one sealed.
///
/// # Segments
///
/// A segment ends with a record of type `rotate`, with `params` being `next=NAME earliest=TIME latest=TIME`: the name of
/// the next one, and the least and greatest `time` of the segment's records. The times are left out where the broker did
/// not know them, the whole record where it was killed in between. The next segment begins with a `continue` record,
/// `params` being `previous=NAME`.
package enum AuditFormat {
    /// Bytes of one string before it is escaped; a longer one is cut and ends in U+2026.
    package static let textBytes = 256
    /// Elements of one array; more are cut.
    package static let listLength = 16
    /// Bytes of one line without its line feed. What the bounds above allow is less.
    package static let lineBytes = 64 << 10
    /// Records of one epoch at most, its seal among them.
    package static let epochRecords: Int64 = 1000
    /// How long an epoch lasts that has a record.
    static let epochNanoseconds: Int64 = 15 * 60 * 1_000_000_000
    /// What a key is hashed with to give the next one.
    static let ratchetLabel: StaticString = "next"
    /// What 18 digits hold.
    static let mostEpochs: Int64 = 999_999_999_999_999_999
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
