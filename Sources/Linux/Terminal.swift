internal import CLinux
internal import Glibc

/// Where a program talks to people: its three streams.
package enum Terminal {
    package static let input: Int32 = 0
    package static let output: Int32 = 1
    package static let error: Int32 = 2

    /// `isatty(3)`
    package static func isTerminal(_ stream: Int32) -> Bool { isatty(stream) == 1 }

    /// Columns of the terminal behind a stream, nil where there is none. `ioctl(TIOCGWINSZ)`
    package static func columns(of stream: Int32) -> Int? {
        var size = winsize()
        // SAFETY: size lives through the call.
        guard unsafe ioctl(stream, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
        return Int(size.ws_col)
    }

    /// Writes text as it is; a reader who went away is told to the caller.
    package static func write(_ text: String, to stream: Int32 = output) throws(SystemError) {
        try write(Array(text.utf8), to: stream)
    }

    /// Writes bytes as they are; a reader who went away is told to the caller.
    package static func write(_ bytes: [UInt8], to stream: Int32 = output) throws(SystemError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = try checked("write") {
                // SAFETY: the pointer is valid for the slice's count during the call.
                unsafe rest.withUnsafeBytes { unsafe Glibc.write(stream, $0.baseAddress, $0.count) }
            }
            rest = rest.dropFirst(count)
        }
    }

    /// A line from standard input without its end; nil at the end of input. At most 4 KiB.
    package static func readLine() -> String? {
        var line: [UInt8] = []
        var byte: UInt8 = 0
        while line.count < 4096 {
            // SAFETY: one byte is read into one byte. Any error is the end of input.
            guard unsafe read(input, &byte, 1) == 1 else { return line.isEmpty ? nil : text(line) }
            if byte == 0x0A { return text(line) }
            line.append(byte)
        }
        return text(line)
    }

    /// Everything from standard input, at most 4 KiB; a terminal does not show what is typed, and a line is all.
    ///
    /// `tcsetattr(3)`
    package static func readSecret() throws(SystemError) -> [UInt8] {
        let file = FileDescriptor(owning: try checked("dup") { dup(input) })
        guard isTerminal(input) else { return try file.readAll(limit: 4096) }
        var shown = termios()
        // SAFETY: both calls use the structure during the call only.
        _ = try checked("tcgetattr") { unsafe tcgetattr(input, &shown) }
        var hidden = shown
        hidden.c_lflag &= ~tcflag_t(ECHO)
        _ = try checked("tcsetattr") { unsafe tcsetattr(input, TCSAFLUSH, &hidden) }
        defer { _ = unsafe tcsetattr(input, TCSAFLUSH, &shown) }
        return try file.read(upTo: 4096)
    }

    private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
}
