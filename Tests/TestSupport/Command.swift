package import Linux

/// One run of a program, with all it said.
package struct Command: Sendable {
    package let status: ExitStatus
    package let output: String
    package let errors: String

    package var code: Int32 { status.shellCode }

    /// Runs a program to its end, or kills it when the time is over, which shows as signal 9.
    package static func run(
        _ path: String, _ arguments: [String], environment: [String] = [defaultPath], input: String = "",
        seconds: Int = 60
    ) throws(SystemError) -> Command {
        let output = try Capture()
        let errors = try Capture()
        let inputFile = try Capture(holding: input)
        let child = try ChildProcess(
            path, arguments: arguments, environment: environment,
            streams: .init(input: inputFile.raw, output: output.raw, error: errors.raw))
        let deadline = Clock.monotonic() + Int64(seconds) * 1_000_000_000
        while true {
            if let status = try child.poll() {
                return Command(status: status, output: try output.text(), errors: try errors.text())
            }
            if Clock.monotonic() > deadline { child.signal(9) }
            Clock.sleep(milliseconds: 2)
        }
    }

    /// Where programs of the system are found.
    package static let defaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    /// Whether a program of that name is there to be run.
    package static func exists(_ name: String) -> Bool {
        defaultPath.dropFirst(5).split(separator: ":").contains { Files.exists("\($0)/\(name)") }
    }
}

/// A nameless file that takes a program's output: a program cannot block on it, as it could on a pipe.
private struct Capture: ~Copyable {
    private let file: FileDescriptor
    var raw: Int32 { file.raw }

    init(holding text: String = "") throws(SystemError) {
        try self.init(file: Self.open(holding: text))
    }

    private init(file: consuming FileDescriptor) { self.file = file }

    private static func open(holding text: String) throws(SystemError) -> FileDescriptor {
        let token = Random.bytes(8).map { String($0, radix: 16) }.joined()
        let name = "/tmp/migbroker-capture-\(token)"
        try Files.write(name, Array(text.utf8), mode: 0o600)
        let file = try Files.open(name, .readWrite)
        try Files.remove(name)
        return file
    }

    func text() throws(SystemError) -> String {
        let size = Int(try file.attributes().size)
        return String(decoding: try file.read(upTo: size, at: 0), as: UTF8.self)
    }
}
