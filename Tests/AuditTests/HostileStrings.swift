/// Strings that somebody might write to deceive whoever reads the log: each is made from its number, so that a failure can
/// be looked at again.
enum HostileStrings {
    /// Pieces that a terminal, a line reader, a JSON reader, `printf` or the journal might obey.
    static let pieces: [[UInt8]] = {
        var pieces: [[UInt8]] = (0...0x1F).map { [UInt8($0)] } + [[0x7F]]
        // C1 controls as UTF-8 and as bare bytes, which are no UTF-8 at all.
        for code in UInt8(0x80)...0x9F { pieces += [[0xC2, code], [code]] }
        let texts = [
            "\n{\"seq\":1}", "\r\n", "\"}\n{\"v\":1,\"seq\":2,", "\",\"hash\":\"", "\\", "\\\"", "\\u000a", "\"",
            "%n%s%s%s%n",
            "%d", "\u{1B}[2J", "\u{1B}[31m", "\u{1B}]0;title\u{7}", "\u{1B}P", "\u{9B}2J", "\u{2028}", "\u{2029}",
            "\u{202E}",
            "\u{202A}", "\u{2066}", "\u{2069}", "\u{200F}", "\u{200B}", "\u{FEFF}", "\u{FFFE}", "\u{FFFD}",
            "\u{10FFFF}",
            "\u{E0001}", "e\u{301}", "\u{FF11}g", "\nPRIORITY=0", "\nMIGBROKER_UID=0\n", "\nMESSAGE\n", "\u{0}",
            "\u{2026}",
            "'; rm -rf /", "$(reboot)", "<script>", "../../etc/shadow", "null", "1e400", "\u{1F600}",
            "\u{D7FF}\u{E000}", "a",
        ]
        pieces += texts.map { Array($0.utf8) }
        // Lone surrogates, overlong forms, cut sequences, codes past the last: no UTF-8 either.
        pieces += [
            [0xED, 0xA0, 0x80], [0xED, 0xBF, 0xBF], [0xC0, 0x8A], [0xC0, 0x80], [0xE0, 0x80, 0x8A],
            [0xF0, 0x80, 0x80, 0x8A],
            [0xF4, 0x90, 0x80, 0x80], [0xFF], [0xFE], [0xC2], [0xE2, 0x80], [0xF0, 0x9F, 0x98],
        ]
        return pieces
    }()

    /// The bytes of a string: each piece alone, each as often as fits 4 KiB, then mixtures of them.
    static func bytes(_ number: Int) -> [UInt8] {
        let piece = pieces[number % pieces.count]
        switch number / pieces.count {
        case 0: return piece
        case 1: return Array(repeating: piece, count: 4096 / piece.count).flatMap { $0 }
        case 2: return Array(repeating: piece, count: 256 / piece.count).flatMap { $0 }
        default:
            var state = UInt64(truncatingIfNeeded: number) &* 0x9E37_79B9_7F4A_7C15
            return (0..<1 + number % 40).flatMap { _ in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return pieces[Int(truncatingIfNeeded: state >> 33) % pieces.count]
            }
        }
    }

    /// As the product sees what a process or a file gave it.
    static func text(_ number: Int) -> String { String(decoding: bytes(number), as: UTF8.self) }
}
