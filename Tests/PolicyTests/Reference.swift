import Linux
import TestSupport
import Testing

/// The second implementation, `reference.py`.
enum Reference {
    static let isThere = Command.exists("python3")

    /// One line an answer.
    static func answers(to cases: [UInt8]) throws -> [String] {
        let directory = try TemporaryDirectory()
        try Files.write(directory.path("cases"), cases)
        let script = Files.parent(of: #filePath) + "/reference.py"
        let input = try Files.open(directory.path("cases"), .read)
        let output = try Files.open(directory.path("answers"), [.write, .create], mode: 0o600)
        let child = try ChildProcess(
            "/usr/bin/env", arguments: ["env", "python3", script], environment: CurrentProcess.environment(),
            streams: .init(input: input.raw, output: output.raw, error: 2))
        #expect(try child.wait() == .exited(0))
        let bytes = try Files.read(directory.path("answers"))
        return bytes.split(separator: UInt8(ascii: "\n")).map { String(decoding: $0, as: UTF8.self) }
    }
}
